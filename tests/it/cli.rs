//! The program, as the shell calls it: what it prints, and its exit codes.

use std::fs;
use std::path::Path;

use arrow_buffer::Buffer;
use npzarrow::NpzArchive;
use npzarrow::arrow::ArrowOptions;
use npzarrow::cli::run;
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{NpzWriter, ReadOptions, WriteOptions};
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
    assert!(output.contains("3 of 4") && output.ends_with("train-9.npz: id is Int64\n"), "{output}");
}

#[test]
fn head_and_stat() {
    let shards = Shards::new();
    let (code, output) = call(&["head", "-n", "2", "-c", "id,x", &shards.path("train-1.npz")]);
    assert_eq!((code, output.as_str()), (0, "id  x\n4   0.0\n5   1.5\n"));
    let found = json(&["head", "--json", "-n", "3", "-c", "id", &shards.path("train-1.npz")]);
    assert_eq!(found[0]["rows"][2]["id"], "6");
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
    assert!(output.starts_with("3 files, 9 arrays, ") && output.ends_with(": all is well\n"), "{output}");
    let path = shards.path("train-1.npz");
    let mut bytes = fs::read(&path).unwrap();
    let payload = NpzArchive::open(&path).unwrap().info(&ArrowOptions::default())[0].payload_offset.unwrap();
    bytes[payload as usize] ^= 1;
    fs::write(&path, &bytes).unwrap();
    fs::write(shards.path("train-2.npz"), &bytes[..200]).unwrap();
    let (code, output) = call(&["verify", "-j", "2", &shards.path("")]);
    assert_eq!(code, 1);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 3, "{output}");
    assert!(lines[0].contains("train-1.npz: id.npy: checksum is "), "{output}");
    assert!(lines[1].contains("train-2.npz: "), "{output}");
    assert!(lines[2].ends_with(": 2 files bad"), "{output}");
    let (code, output) = call(&["verify", "--json", &shards.path("")]);
    let oks: Vec<Value> =
        output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["ok"].clone()).collect();
    assert_eq!((code, oks), (1, vec![Value::Bool(true), Value::Bool(false), Value::Bool(false)]));
}

#[test]
fn align_in_place_and_elsewhere() {
    let shards = Shards::new();
    let dest = shards.path("aligned.npz");
    assert_eq!(call(&["align", &shards.path("train-0.npz"), "-o", &dest]).0, 0);
    assert_eq!(call(&["align", "--in-place", &shards.path("train-*.npz")]).0, 0);
    for name in ["aligned.npz", "train-0.npz", "train-2.npz"] {
        let infos = NpzArchive::open(shards.path(name)).unwrap().info(&ArrowOptions::default());
        assert!(infos.iter().all(npzarrow::npz::MemberInfo::is_aligned), "{name}");
    }
    assert_eq!(call(&["align", &shards.path("train-*.npz"), "-o", &dest]).0, 1);
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
        assert_eq!(call(&["convert", &one, "-o", &deflated, "--deflate"]).0, 0);
        assert_eq!(original("deflated.npz").num_rows(), 12);
        fs::remove_file(&deflated).unwrap();
        let (code, output) = call(&["convert", &one, "-o", &back, "--bytes-per-file", "1000"]);
        assert_eq!(code, 0);
        assert!(output.lines().count() > 1, "{output}");
        for line in output.lines() {
            fs::remove_file(line.split(": ").next().unwrap()).unwrap();
        }
    }
    assert_eq!(call(&["convert", &shards.path("train-0.npz"), "-o", &shards.path("x.csv")]).0, 1);
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
        let decoder = png::Decoder::new(std::io::Cursor::new(fs::read(&picture).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), size);
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(pixels.chunks(4).any(|pixel| pixel != [255; 4]), "something is drawn");
    }
    for arguments in [&["image", "-i", "4"][..], &["nothing"], &[], &["x", "-k", "image"]] {
        assert_eq!(call(&[&["plot", &source, "-o", &picture], arguments].concat()).0, 1, "{arguments:?}");
    }
}

#[test]
fn help_and_misuse() {
    for arguments in [&["--help"][..], &["ls", "--help"], &["convert", "--help"], &["--version"]] {
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
