//! What the program writes: text that a terminal does not obey, numbers as they are, and no answer that is lost.

use std::io::{self, Write};
use std::path::Path;

use npzarrow::cli::run;
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{NpzWriter, WriteOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Calls the program; gives its exit code and its output.
fn call(arguments: &[&str]) -> (u8, String) {
    let mut output = Vec::new();
    let code = run([&["npzarrow"], arguments].concat(), &mut output);
    (code, String::from_utf8(output).unwrap())
}

fn write(folder: &TempDir, name: &str, members: &[(&str, &str, Vec<u8>)]) -> String {
    let path = folder.path().join(name);
    let mut writer = NpzWriter::create(&path, &WriteOptions::default()).unwrap();
    for (member, dtype, payload) in members {
        let dtype = Dtype::from_type_str(dtype).unwrap();
        let rows = payload.len() as u64 / dtype.item_size();
        let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![rows])).unwrap();
        writer.add(member, &header, payload).unwrap();
    }
    writer.commit().unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn control_characters_are_written_out() {
    let folder = TempDir::new().unwrap();
    let text: Vec<u8> = "a\x1b[31m\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let path = write(&folder, "x\x1b[32m.npz", &[("m\x1b[33m", "<U7", text)]);
    for verb in ["ls", "head", "stat", "schema", "verify"] {
        let (code, output) = call(&[verb, &path]);
        assert_eq!(code, 0, "{verb}: {output}");
        assert!(!output.contains('\x1b'), "{verb}: {output}");
        assert!(!output.replace("\\u{1b}", "\x1b").trim().is_empty(), "{verb}");
    }
    assert!(call(&["head", &path]).1.contains("a\\u{1b}[31m\\n"));
    let (_, output) = call(&["head", "--json", &path]);
    let row: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(row, json!({ "m\x1b[33m": "a\x1b[31m\n" }));
}

#[test]
fn integers_are_exact() {
    let folder = TempDir::new().unwrap();
    let signed: Vec<u8> =
        [i64::MIN, (1 << 53) + 1, (1 << 62) + 1].into_iter().flat_map(i64::to_le_bytes).collect();
    let unsigned: Vec<u8> = [u64::MAX, 0, 5].into_iter().flat_map(u64::to_le_bytes).collect();
    let path = write(&folder, "a.npz", &[("i", "<i8", signed), ("u", "<u8", unsigned)]);
    let (_, output) = call(&["stat", "--json", &path]);
    let found: Value = serde_json::from_str(&output).unwrap();
    let ends = |index: usize| (found["arrays"][index]["min"].clone(), found["arrays"][index]["max"].clone());
    assert_eq!(ends(0), (json!(i64::MIN), json!((1_i64 << 62) + 1)));
    assert_eq!(ends(1), (json!(0), json!(u64::MAX)));

    // Files that disagree are counted together, and then not all are integers.
    let folder = TempDir::new().unwrap();
    write(&folder, "a.npz", &[("x", "<i4", [1_i32, 5].into_iter().flat_map(i32::to_le_bytes).collect())]);
    write(
        &folder,
        "b.npz",
        &[("x", "<f4", [-3.5_f32, 9.5].into_iter().flat_map(f32::to_le_bytes).collect())],
    );
    let (code, output) = call(&["stat", "--json", folder.path().to_str().unwrap()]);
    let found: Value = serde_json::from_str(&output).unwrap();
    let x = &found["arrays"][0];
    assert_eq!((code, &x["min"], &x["max"], &x["count"]), (0, &json!(-3.5), &json!(9.5), &json!(4)));
}

#[test]
fn a_bad_array_costs_no_other() {
    let folder = TempDir::new().unwrap();
    let ids = |first: u8| (first..first + 4).collect::<Vec<u8>>();
    write(&folder, "a.npz", &[("id", "|u1", ids(0)), ("x", "|u1", ids(100))]);
    let bad = write(&folder, "b.npz", &[("id", "|u1", ids(4)), ("x", "|u1", ids(200))]);
    let mut bytes = std::fs::read(&bad).unwrap();
    let place = bytes.windows(4).position(|window| window == ids(200)).unwrap();
    bytes[place] ^= 1;
    std::fs::write(&bad, bytes).unwrap();
    let (code, output) = call(&["stat", "--json", folder.path().to_str().unwrap()]);
    assert_eq!(code, 1);
    let found: Value = serde_json::from_str(&output).unwrap();
    let of = |index: usize, key: &str| found["arrays"][index][key].clone();
    assert_eq!((of(0, "name"), of(0, "shape"), of(0, "max")), (json!("id"), json!([8]), json!(7)));
    assert_eq!((of(1, "name"), of(1, "shape"), of(1, "max")), (json!("x"), json!([4]), json!(103)));
    assert_eq!((of(0, "count"), of(1, "count")), (json!(8), json!(4)));
}

/// Takes everything, and fails when it must be somewhere.
struct Full;

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn a_full_disk_is_told_of() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "a.npz", &[("id", "|u1", vec![1, 2])]);
    for verb in ["ls", "verify", "head", "stat", "schema"] {
        assert_eq!(run(["npzarrow", verb, &path], &mut Full), 1, "{verb}");
    }
}

#[test]
fn what_makes_no_sense_is_misuse() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "a.npz", &[("id", "|u1", vec![1, 2]), ("nan", "<f4", vec![0, 0, 192, 127])]);
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for arguments in [
        vec!["convert".to_owned(), path.clone(), "-o".to_owned(), out("x.csv")],
        vec![
            "convert".to_owned(),
            path.clone(),
            "-o".to_owned(),
            out("x.npz"),
            "--rows-per-file=0".to_owned(),
        ],
        vec!["align".to_owned(), path.clone(), "-o".to_owned(), out("x.npz"), "--align=3".to_owned()],
        vec!["plot".to_owned(), path.clone(), "id".to_owned(), "-o".to_owned(), out("x.jpg")],
        vec!["plot".to_owned(), path.clone(), "-o".to_owned(), out("x.png")],
        vec!["plot".to_owned(), path.clone(), "nan".to_owned(), "-o".to_owned(), out("x.png")],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert_eq!(call(&arguments).0, 2, "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn files_of_an_earlier_conversion_are_told_of() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "a.npz", &[("id", "|u1", (0..9).collect())]);
    let out = folder.path().join("part.npz").to_str().unwrap().to_owned();
    let convert = |rows: &str| call(&["convert", &path, "-o", &out, "--rows-per-file", rows]).0;
    assert_eq!((convert("3"), convert("3"), convert("5"), convert("9")), (0, 0, 1, 1));
}

#[test]
fn arrays_of_different_lengths_belong_to_no_directory() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("day=7")).unwrap();
    let arrays: [(&str, &str, Vec<u8>); 2] = [("id", "|u1", vec![1, 2]), ("x", "|u1", vec![3, 4, 5])];
    write(&folder, "day=7/a.npz", &arrays);
    let (code, output) = call(&["head", "--json", folder.path().to_str().unwrap()]);
    assert_eq!((code, output.as_str()), (0, "{\"id\":1,\"x\":3}\n{\"id\":2,\"x\":4}\n{\"x\":5}\n"));
}

#[test]
fn keys_of_directories_are_columns() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("day=7")).unwrap();
    write(&folder, "day=7/a.npz", &[("id", "|u1", vec![1, 2])]);
    let root = folder.path().to_str().unwrap();
    let out = folder.path().join("x.parquet").to_str().unwrap().to_owned();
    assert_eq!(call(&["convert", root, "-o", &out]).0, 0);
    let last = |arguments: &[&str]| call(arguments).1.lines().last().map(str::to_owned);
    assert_eq!(last(&["head", "--json", root]).as_deref(), Some(r#"{"id":2,"day":7}"#));
    assert_eq!(last(&["head", "--json", root, "-c", "id.npy"]).as_deref(), Some(r#"{"id":2}"#));
    assert_eq!(last(&["head", "--json", root, "-c", "day,id"]).as_deref(), Some(r#"{"day":7,"id":2}"#));
    assert_eq!(last(&["head", "--json", root, "-c", "day"]).as_deref(), Some(r#"{"day":7}"#));
    for (columns, expected) in
        [("day,id", r#"{"day":7,"id":2}"#), ("id", r#"{"id":2}"#), ("day", r#"{"day":7}"#)]
    {
        let some = folder.path().join("some.npz").to_str().unwrap().to_owned();
        assert_eq!(call(&["convert", root, "-o", &some, "-c", columns]).0, 0, "{columns}");
        assert_eq!(last(&["head", "--json", &some]).as_deref(), Some(expected), "{columns}");
        std::fs::remove_file(some).unwrap();
    }
    for path in [root, &out] {
        let dest = folder.path().join("z.npz").to_str().unwrap().to_owned();
        assert_eq!(call(&["convert", path, "-o", &dest, "-c", "id,day,id"]).0, 2, "{path}");
        assert_eq!(call(&["convert", path, "-o", &dest, "-c", "id,other"]).0, 1, "{path}");
        assert!(!Path::new(&dest).exists());
    }
    assert_eq!(call(&["convert", &out, "-o", &folder.path().join("y.npz").to_string_lossy()]).0, 0);
    assert_eq!(
        call(&["head", "--json", &folder.path().join("y.npz").to_string_lossy()]).1.lines().last(),
        Some(r#"{"id":2,"day":7}"#)
    );
}
