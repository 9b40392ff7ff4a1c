//! The program, as the shell calls it: what it prints, and its exit codes.

use std::fs;
use std::path::Path;

use arrow_buffer::Buffer;
use npzarrow::Interrupt;
use npzarrow::NpzArchive;
use npzarrow::arrow::ArrowOptions;
use npzarrow::cli::{Shell, run};
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{Compression, NpzWriter, ReadOptions, WriteOptions};
use serde_json::Value;
use tempfile::TempDir;

fn call(arguments: &[&str]) -> (u8, String) {
    let mut output = Vec::new();
    let code = run([&["npzarrow"], arguments].concat(), &mut output);
    (code, String::from_utf8(output).unwrap())
}

fn json(arguments: &[&str]) -> Vec<Value> {
    let (code, output) = call(arguments);
    assert_eq!(code, 0, "{output}");
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn shard(path: &Path, align: u32, first: i32) {
    let header = |text, shape: &[u64]| {
        Header::try_new(&Dtype::from_type_str(text).unwrap(), Order::C, &Shape::new(shape.to_vec())).unwrap()
    };
    let options = WriteOptions::default().with_align(align);
    let mut writer = NpzWriter::create(path, &options).unwrap();
    let ids: Vec<u8> = (first..first + 4).flat_map(i32::to_le_bytes).collect();
    let images: Vec<u8> = (0..4_u32 * 8 * 6 * 3).map(|i| (i % 251) as u8).collect();
    let floats: Vec<u8> = [0.0_f64, 1.5, f64::NAN, -2.0].into_iter().flat_map(f64::to_le_bytes).collect();
    writer.add("id", &header("<i4", &[4]), &ids).unwrap();
    writer.add("image", &header("|u1", &[4, 8, 6, 3]), &images).unwrap();
    writer.add("x", &header("<f8", &[4]), &floats).unwrap();
    writer.commit().unwrap();
}

struct Shards {
    folder: TempDir,
}

impl Shards {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for index in 0..3 {
            shard(&folder.path().join(format!("train-{index}.npz")), 1, index * 4);
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn ls_shows_every_array() {
    let shards = Shards::new();
    let (code, output) = call(&["ls", &shards.path("train-0.npz")]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 4);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words(lines[0]),
        ["name", "dtype", "shape", "order", "method", "size", "ratio", "offset", "aligned"]
    );
    assert_eq!(words(lines[1]), ["id", "<i4", "(4,)", "C", "stored", "144", "B", "1.00", "164", "no"]);
    assert!(lines[2].contains("(4, 8, 6, 3)"), "{output}");

    for pattern in ["train-*.npz", "", "train-[0-2].npz"] {
        let found = json(&["ls", "--json", &shards.path(pattern)]);
        assert_eq!(found.len(), 3, "{pattern}");
        assert_eq!(found[1]["arrays"][0]["name"], "id");
        assert_eq!(found[1]["arrays"][2]["dtype"], "<f8");
        assert_eq!(found[1]["arrays"][1]["shape"], serde_json::json!([4, 8, 6, 3]));
    }
}

#[test]
fn bare_arrays_are_files_too() {
    let golden = "tests/data/golden/numpy-2.4.6";
    let npy = fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = npy.filter(|path| path.extension().is_some_and(|e| e == "npy")).collect();
    for path in files {
        let found = json(&["ls", "--json", path.to_str().unwrap()]);
        assert!(found[0]["arrays"][0]["shape"].is_array(), "{}", path.display());
        let (code, _) = call(&["verify", path.to_str().unwrap()]);
        assert_eq!(code, 0, "{}", path.display());
    }
}

#[test]
fn schema_says_where_shards_disagree() {
    let shards = Shards::new();
    let (code, output) = call(&["schema", &shards.path("")]);
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("tensor [8, 6, 3]"), "{output}");
    let int64 =
        Header::try_new(&Dtype::from_type_str("<i8").unwrap(), Order::C, &Shape::new(vec![1])).unwrap();
    let mut writer = NpzWriter::create(shards.path("train-9.npz"), &WriteOptions::default()).unwrap();
    writer.add("id", &int64, &[0; 8]).unwrap();
    writer.commit().unwrap();
    let (code, output) = call(&["schema", &shards.path("")]);
    assert_eq!(code, 1);
    let (first, last) = (shards.path("train-0.npz"), shards.path("train-9.npz"));
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[2].ends_with("3 of 4") && lines[3].ends_with("3 of 4"), "{output}");
    assert_eq!(lines[4], format!("{last}: id is Int64, but Int32 in {first}"));
    assert!(lines[5].starts_with(&format!("{last}: image is missing, but FixedSizeList(")), "{output}");
    assert_eq!(lines[6], format!("{last}: x is missing, but Float64 in {first}"));
    let (code, output) = call(&["schema", "--json", &shards.path("")]);
    let found: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &found["agree"], &found["files"]), (1, &Value::Bool(false), &4.into()));
    assert_eq!(found["columns"][0]["others"], serde_json::json!([{ "path": last, "type": "Int64" }]));
    assert_eq!(found["columns"][2]["missing_from"], serde_json::json!([last]));
    assert_eq!(found["columns"][2]["nullable"], true);
}

/// An archive of arrays that differ in length, one of them without an axis, and one of text.
fn ragged(path: &str, shape: &[u64], first: f32) {
    let header = |text, shape: &[u64]| {
        Header::try_new(&Dtype::from_type_str(text).unwrap(), Order::C, &Shape::new(shape.to_vec())).unwrap()
    };
    let count = u16::try_from(shape.iter().product::<u64>()).unwrap();
    let weights: Vec<u8> = (0..count).flat_map(|index| (first + f32::from(index)).to_le_bytes()).collect();
    let mut writer = NpzWriter::create(path, &WriteOptions::default()).unwrap();
    writer.add("weights", &header("<f4", shape), &weights).unwrap();
    writer.add("step", &header("<i8", &[]), &7_i64.to_le_bytes()).unwrap();
    writer.add("names", &header("|S2", &[2]), b"abcd").unwrap();
    writer.commit().unwrap();
}

#[test]
fn any_archive_can_be_looked_at() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    ragged(&path("a.npz"), &[3, 4], 0.0);
    ragged(&path("b.npz"), &[5, 2], 100.0);
    let (code, output) = call(&["head", "-n", "3", &path("a.npz")]);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(code, 0);
    assert_eq!(lines[1], "[0.0, 1.0, 2.0, 3.0]    7     6162");
    assert_eq!(lines[3], "[8.0, 9.0, 10.0, 11.0]", "{output}");
    let found = json(&["stat", "--json", &path("a.npz")]);
    let arrays = &found[0]["arrays"];
    assert_eq!((arrays[0]["count"].as_u64(), arrays[0]["max"].as_f64()), (Some(12), Some(11.0)));
    assert_eq!((arrays[1]["count"].as_u64(), arrays[1]["mean"].as_f64()), (Some(1), Some(7.0)));
    assert_eq!((&arrays[2]["dtype"], &arrays[2]["count"]), (&"|S2".into(), &Value::Null));
    // Shapes that differ are no matter for statistics.
    let found = json(&["stat", "--json", &path("")]);
    let arrays = &found[0]["arrays"];
    assert_eq!((arrays[0]["count"].as_u64(), arrays[0]["max"].as_f64()), (Some(22), Some(109.0)));
    assert_eq!((&arrays[0]["shape"], arrays[1]["count"].as_u64()), (&Value::Null, Some(2)));
    let (code, output) = call(&["schema", &path("")]);
    assert_eq!(code, 1);
    assert!(output.contains("b.npz: weights is FixedSizeList("), "{output}");
    assert_eq!(call(&["convert", &path("a.npz"), "-o", &path("a.parquet")]).0, 1);
    assert!(!folder.path().join("a.parquet").exists());
}

#[test]
fn collections_are_one_table() {
    let shards = Shards::new();
    let all = shards.path("train-*.npz");
    let (code, output) = call(&["head", "-n", "6", "-c", "id", &all]);
    assert_eq!((code, output.as_str()), (0, "id\n0\n1\n2\n3\n4\n5\n"));
    // Files that are not needed are not looked at.
    fs::write(shards.path("train-7.npz"), b"broken").unwrap();
    assert_eq!(call(&["head", "-n", "6", "-c", "id", &all]).0, 0);
    let (code, output) = call(&["stat", "--json", "-c", "id,x", &all]);
    let found: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(code, 1, "one file could not be read");
    let arrays = &found["arrays"];
    assert_eq!((&found["files"], arrays[0]["count"].as_u64()), (&4.into(), Some(12)));
    assert_eq!((arrays[0]["max"].as_f64(), &arrays[0]["shape"]), (Some(11.0), &serde_json::json!([12])));
    assert_eq!(arrays[0]["histogram"], serde_json::json!([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]));
    assert_eq!((arrays[1]["nan"].as_u64(), arrays[1]["zeros"].as_u64()), (Some(3), Some(3)));
    assert_eq!(call(&["convert", &all, "-o", &shards.path("all.arrow")]).0, 1);
    assert!(!Path::new(&shards.path("all.arrow")).exists());
}

#[test]
fn interrupted_with_nothing_half_done() {
    let shards = Shards::new();
    let (one, dest) = (shards.path("train-0.npz"), shards.path("dest.npz"));
    for arguments in [
        &["ls", &one][..],
        &["schema", &one],
        &["head", &one],
        &["stat", &one],
        &["verify", &one],
        &["align", &one, "-o", &dest],
        &["convert", &one, "-o", &dest],
        &["plot", &one, "x", "-o", &dest],
    ] {
        let interrupt = Interrupt::new();
        interrupt.request();
        let mut output = Vec::new();
        let shell = Shell::new(&mut output).with_interrupt(interrupt);
        assert_eq!(shell.run([&["npzarrow"], arguments].concat()), 130, "{arguments:?}");
        assert!(output.is_empty() && !Path::new(&dest).exists(), "{arguments:?}");
    }
}

#[test]
fn colours_for_terminals_only() {
    let shards = Shards::new();
    let one = shards.path("train-0.npz");
    for (arguments, code) in
        [(&["ls", &one][..], "\x1b[1mname"), (&["verify", &one], "\x1b[32mok\x1b[0m, 3 arrays")]
    {
        let mut output = Vec::new();
        Shell::new(&mut output).with_colours(true).run([&["npzarrow"], arguments].concat());
        assert!(String::from_utf8(output).unwrap().contains(code), "{arguments:?}");
        assert!(!call(arguments).1.contains('\x1b'), "{arguments:?}");
    }
}

#[cfg(feature = "object-store")]
#[test]
fn urls_stand_for_files() {
    let shards = Shards::new();
    let url = |name: &str| format!("file://{}", shards.path(name));
    for (arguments, text) in [
        (&["ls", &url("train-0.npz")][..], "(4, 8, 6, 3)"),
        (&["schema", &url("train-*.npz")], "tensor [8, 6, 3]"),
        (&["head", "-c", "id", &url("")], "\n4\n"),
        (&["stat", &url("train-*.npz")], "(12,)"),
        (&["verify", &url("")], "3 files, 9 arrays"),
        (&["align", &url("train-0.npz"), "-o", &url("aligned.npz")], ""),
        (&["convert", &url("train-*.npz"), "-o", &url("all.parquet")], "12 rows"),
        (&["convert", &url("all.parquet"), "-o", &url("all.arrow")], "12 rows"),
        (&["convert", &url("all.arrow"), "-o", &url("all.npz")], "12 rows"),
        (&["plot", &url("all.npz"), "x", "-o", &url("x.png")], "12 values"),
    ] {
        let (code, output) = call(arguments);
        assert!(code == 0 && output.contains(text), "{arguments:?}: {output}");
    }
    for (arguments, code) in [
        (&["ls", "ftp://host/x.npz"][..], 1),
        (&["ls", "--storage-option", "aws_region", &url("train-0.npz")], 2),
        (&["ls", "--storage-option", "max_retries=many", &url("train-0.npz")], 1),
        (&["convert", &url("all.npz"), "-o", "https://host/x.npz"], 1),
    ] {
        assert_eq!(call(arguments).0, code, "{arguments:?}");
    }
}

#[cfg(feature = "object-store")]
#[test]
fn what_lies_behind_http_is_read_in_ranges() {
    use crate::http_server::{Behaviour, Fault, Server};

    let shards = Shards::new();
    let path = shards.path("long.npz");
    let header =
        Header::try_new(&Dtype::from_type_str("|u1").unwrap(), Order::C, &Shape::new(vec![4 << 20])).unwrap();
    let mut writer = NpzWriter::create(&path, &WriteOptions::default()).unwrap();
    for name in ["a", "b"] {
        writer.add(name, &header, &vec![1; 4 << 20]).unwrap();
    }
    writer.commit().unwrap();
    let behaviour = Behaviour { faults: vec![Fault::None], etag: Some("\"v1\""), keys: Vec::new() };
    let server = Server::start(fs::read(&path).unwrap(), behaviour);
    let url = server.url("b/long.npz");
    for (arguments, most) in [
        (&["ls"][..], 200_000),
        (&["schema"], 200_000),
        (&["head", "-n", "2"], 400_000),
        (&["stat"], 9 << 20),
    ] {
        let before = server.seen().len();
        let (code, output) = call(&[arguments, &[&url]].concat());
        assert_eq!(code, 0, "{output}");
        let len = |range: &str| {
            let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let end: u64 = end.parse().unwrap();
            if start.is_empty() { end } else { end + 1 - start.parse::<u64>().unwrap() }
        };
        let seen = server.seen();
        let sum: u64 =
            seen[before.min(seen.len())..].iter().map(|seen| len(seen.range.as_deref().unwrap())).sum();
        assert!(sum > 0 && sum < most, "{arguments:?}: {sum} bytes");
    }
}

#[test]
fn head_and_stat() {
    let shards = Shards::new();
    let (code, output) = call(&["head", "-n", "2", "-c", "id,x", &shards.path("train-1.npz")]);
    assert_eq!((code, output.as_str()), (0, "id  x\n4   0.0\n5   1.5\n"));
    let found = json(&["head", "--json", "-n", "3", "-c", "id", &shards.path("train-1.npz")]);
    assert_eq!((found.len(), &found[2]), (3, &serde_json::json!({ "id": 6 })));
    let found = json(&["stat", "--json", &shards.path("train-1.npz")]);
    let x = &found[0]["arrays"][2];
    assert_eq!((x["min"].as_f64(), x["max"].as_f64(), x["nan"].as_u64()), (Some(-2.0), Some(1.5), Some(1)));
    assert_eq!((x["zeros"].as_u64(), x["count"].as_u64()), (Some(1), Some(4)));
    assert!((x["mean"].as_f64().unwrap() + 0.5 / 3.0).abs() < 1e-12);
    let sum: u64 = x["histogram"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum, 3);
    let (code, output) = call(&["head", "-c", "nothing", &shards.path("train-1.npz")]);
    assert_eq!((code, output.as_str()), (1, ""));
}

#[test]
fn verify_names_what_is_bad_and_goes_on() {
    let shards = Shards::new();
    let (code, output) = call(&["verify", &shards.path("")]);
    assert_eq!(code, 0);
    assert!(output.contains("train-1.npz: ok, 3 arrays, 624 B\n"), "{output}");
    assert!(output.contains("\n3 files, 9 arrays, ") && output.ends_with(": all is well\n"), "{output}");
    let path = shards.path("train-1.npz");
    let mut bytes = fs::read(&path).unwrap();
    let payload = NpzArchive::open(&path).unwrap().info(&ArrowOptions::default())[0].payload_offset.unwrap();
    bytes[payload as usize] ^= 1;
    fs::write(&path, &bytes).unwrap();
    fs::write(shards.path("train-2.npz"), &bytes[..200]).unwrap();
    let (code, output) = call(&["verify", "-j", "2", &shards.path("")]);
    assert_eq!(code, 1);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 4, "{output}");
    assert!(lines[0].contains("train-0.npz: ok, "), "{output}");
    assert!(lines[1].contains("train-1.npz: id.npy: checksum is "), "{output}");
    assert!(lines[2].contains("train-2.npz: "), "{output}");
    assert!(lines[3].ends_with(": 2 files bad"), "{output}");
    let (code, output) = call(&["verify", "--json", &shards.path("")]);
    let oks: Vec<Value> =
        output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["ok"].clone()).collect();
    assert_eq!((code, oks), (1, vec![Value::Bool(true), Value::Bool(false), Value::Bool(false)]));
}

#[test]
fn long_members_are_verified_piece_by_piece() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("long.npz");
    let rows = 70 << 20;
    let header = |shape: &[u64], order| {
        Header::try_new(&Dtype::from_type_str("|u1").unwrap(), order, &Shape::new(shape.to_vec())).unwrap()
    };
    let zeros = vec![0; rows];
    for (compression, order) in [(Compression::Stored, Order::C), (Compression::DEFLATED, Order::Fortran)] {
        let mut writer =
            NpzWriter::create(&path, &WriteOptions::default().with_compression(compression)).unwrap();
        writer.add("x", &header(&[rows as u64 / 2, 2], order), &zeros).unwrap();
        writer.commit().unwrap();
        let (code, output) = call(&["verify", path.to_str().unwrap()]);
        assert!(code == 0 && output.contains("ok, 1 array, 73.4 MB"), "{output}");
        // The checksum in the directory, and one byte of what it is of.
        let mut bytes = fs::read(&path).unwrap();
        let entry = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
        bytes[entry + 16] ^= 1;
        bytes[14] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let (code, output) = call(&["verify", path.to_str().unwrap()]);
        assert!(code == 1 && output.contains("long.npz: x.npy: checksum is "), "{output}");
    }
}

#[test]
fn align_in_place_and_elsewhere() {
    let shards = Shards::new();
    let dest = shards.path("aligned.npz");
    assert_eq!(call(&["align", &shards.path("train-0.npz"), "-o", &dest]).0, 0);
    assert_eq!(json(&["align", "--json", "--in-place", &shards.path("train-*.npz")])[1]["align"], 64);
    for name in ["aligned.npz", "train-0.npz", "train-2.npz"] {
        let infos = NpzArchive::open(shards.path(name)).unwrap().info(&ArrowOptions::default());
        assert!(infos.iter().all(npzarrow::npz::MemberInfo::is_aligned), "{name}");
    }
    assert_eq!(call(&["align", &shards.path("train-*.npz"), "-o", &dest]).0, 2);
    assert_eq!(call(&["align", &shards.path("train-0.npz")]).0, 2);
}

#[test]
fn convert_there_and_back() {
    let shards = Shards::new();
    let original = |name: &str| {
        NpzArchive::open(shards.path(name)).unwrap().record_batch(&ReadOptions::default()).unwrap()
    };
    for extension in ["parquet", "arrow"] {
        let (one, back) = (shards.path(&format!("all.{extension}")), shards.path("back.npz"));
        let (code, output) = call(&["convert", &shards.path("train-*.npz"), "-o", &one]);
        assert_eq!((code, output.as_str()), (0, format!("{one}: 12 rows\n").as_str()));
        let (code, output) = call(&["convert", &one, "-o", &back, "--rows-per-file", "4"]);
        assert_eq!(code, 0);
        assert_eq!(output.lines().count(), 3, "{output}");
        for index in 0..3 {
            // NaN is no equal of itself.
            let (found, expected) =
                (original(&format!("back-{index:05}.npz")), original(&format!("train-{index}.npz")));
            assert_eq!(found.schema_ref().field(1), expected.schema_ref().field(1));
            assert_eq!(found.columns()[..2], expected.columns()[..2], "{extension}");
            fs::remove_file(shards.path(&format!("back-{index:05}.npz"))).unwrap();
        }
        let deflated = shards.path("deflated.npz");
        assert_eq!(json(&["convert", "--json", &one, "-o", &deflated, "--deflate"])[0]["rows"], 12);
        assert_eq!(original("deflated.npz").num_rows(), 12);
        fs::remove_file(&deflated).unwrap();
        let (code, output) = call(&["convert", &one, "-o", &back, "--bytes-per-file", "1000"]);
        assert_eq!(code, 0);
        assert!(output.lines().count() > 1, "{output}");
        for line in output.lines() {
            fs::remove_file(line.split(": ").next().unwrap()).unwrap();
        }
    }
    assert_eq!(call(&["convert", &shards.path("train-0.npz"), "-o", &shards.path("x.csv")]).0, 2);
}

#[test]
fn convert_takes_some_columns_in_their_order() {
    let shards = Shards::new();
    let all = ["train-0.npz", "all.parquet", "all.arrow"].map(|name| shards.path(name));
    for to in &all[1..] {
        assert_eq!(call(&["convert", &all[0], "-o", to]).0, 0);
    }
    for (from, index) in all.iter().zip(0..) {
        for extension in ["npz", "parquet", "arrow"] {
            let to = shards.path(&format!("some-{index}.{extension}"));
            assert_eq!(call(&["convert", from, "-o", &to, "--columns", "x,id"]).0, 0, "{from} {to}");
            let back = shards.path(&format!("back-{index}-{extension}.npz"));
            assert_eq!(call(&["convert", &to, "-o", &back]).0, 0);
            let head = |of: &str, columns: &str| json(&["head", "--json", of, "-c", columns]);
            assert_eq!(head(&back, "x,id"), head(&all[0], "x,id"), "{from} {to}");
            let rows = call(&["head", &back]).1;
            assert_eq!(rows.split_whitespace().take(2).collect::<Vec<_>>(), ["x", "id"], "{rows}");
        }
        let to = shards.path("none.npz");
        assert_eq!(call(&["convert", from, "-o", &to, "-c", "nothing"]).0, 1, "{from}");
        assert!(!Path::new(&to).exists());
    }
}

#[test]
fn plot_draws_pictures() {
    let shards = Shards::new();
    let (source, picture) = (shards.path("train-0.npz"), shards.path("x.png"));
    for (arguments, size) in [
        (&["x"][..], (800, 400)),
        (&["x", "-k", "histogram"], (800, 400)),
        (&["image", "-i", "3"], (192, 256)),
    ] {
        let (code, output) = call(&[&["plot", &source, "-o", &picture], arguments].concat());
        assert_eq!(code, 0, "{output}");
        let found = json(&[&["plot", "--json", &source, "-o", &picture], arguments].concat());
        assert_eq!(
            (found[0]["width"].as_u64(), found[0]["path"].as_str()),
            (Some(size.0.into()), Some(&*picture))
        );
        let decoder = png::Decoder::new(std::io::Cursor::new(fs::read(&picture).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), size);
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(pixels.chunks(4).any(|pixel| pixel != [255; 4]), "something is drawn");
    }
    for (arguments, code) in
        [(&["image", "-i", "4"][..], 2), (&["nothing"], 1), (&[], 2), (&["x", "-k", "image"], 2)]
    {
        assert_eq!(call(&[&["plot", &source, "-o", &picture], arguments].concat()).0, code, "{arguments:?}");
    }
}

#[test]
fn help_and_misuse() {
    let verbs = ["ls", "schema", "head", "stat", "verify", "align", "convert", "plot"];
    let (_, help) = call(&["--help"]);
    for verb in verbs {
        assert!(help.contains(&format!("\n  {verb} ")), "{help}");
        let (code, output) = call(&[verb, "--help"]);
        assert_eq!(code, 0);
        assert!(output.contains("--json") && output.contains(&format!("npzarrow {verb}")), "{output}");
        assert!(output.lines().all(|line| line.chars().count() <= 80), "{output}");
    }
    for arguments in [&["--help"][..], &["--version"]] {
        let (code, output) = call(arguments);
        assert_eq!(code, 0);
        assert!(output.lines().all(|line| line.chars().count() <= 80), "{output}");
    }
    for arguments in [&[][..], &["nonsense"], &["ls"], &["head", "-n", "many", "x.npz"]] {
        assert_eq!(call(arguments).0, 2, "{arguments:?}");
    }
    for arguments in [&["ls", "no/such/file.npz"][..], &["ls", "no-such-*.npz"], &["verify", "Cargo.toml"]] {
        assert_eq!(call(arguments).0, 1, "{arguments:?}");
    }
    let bytes = Buffer::from(b"no archive at all, but long enough".to_vec());
    assert!(NpzArchive::try_new(bytes).is_err());
}
