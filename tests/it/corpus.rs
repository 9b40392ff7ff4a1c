//! Every hostile and golden file through every path: the right value, or the right error.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use npzarrow::dataset::DatasetOptions;
use npzarrow::npz::{OpenOptions, ReadOptions};
use npzarrow::source::Source;
use npzarrow::{Error, Interrupt, NpyArray, NpzArchive, NpzDataset};
use tempfile::TempDir;

use crate::arrays;
use crate::manifest::{self, Case, Expected, Outcome};
use crate::paths::{archive, sources};

/// What a file gives: an error at open, or each entry.
type Found = Result<Vec<Entry>, Error>;

struct Entry {
    name: String,
    is_array: bool,
    array: Result<Expected, Error>,
}

fn load_npy(source: &Source) -> Found {
    let array = NpyArray::read(source, 2, &Interrupt::default())?;
    let found = manifest::describe("", &array);
    arrays::to_arrow_is_total(array);
    Ok(vec![Entry { name: String::new(), is_array: true, array: Ok(found) }])
}

fn load_npz(source: &Source) -> Found {
    let archive = NpzArchive::with_options(source.clone(), &OpenOptions::default().with_threads(2))?;
    // Whatever the members are, describing them and reading them all at once is no accident.
    let _info = archive.info(&npzarrow::arrow::ArrowOptions::default());
    let _batch = archive.record_batch(&ReadOptions::default());
    let entries = (0..archive.len()).map(|index| {
        let name = archive.name(index).unwrap().to_owned();
        let array = archive.array(&name).map(|array| {
            let found = manifest::describe(&name, &array);
            arrays::to_arrow_is_total(array);
            found
        });
        Entry { is_array: archive.is_array(index) || array.is_ok(), name, array }
    });
    Ok(entries.collect())
}

/// Compares what was found with what the manifest says; returns what is wrong.
fn check(case: &Case, found: &Found) -> Result<(), String> {
    let entries = match (&case.outcome, found) {
        (Outcome::ValuesOrError(_), Err(_)) => return Ok(()),
        (Outcome::Error { text, .. }, Err(error)) if text.matches(&error.to_string()) => return Ok(()),
        (_, Err(error)) => return Err(error.to_string()),
        (_, Ok(entries)) => entries,
    };
    let arrays = || entries.iter().filter(|entry| entry.is_array);
    let wrong = |what: &str| Err(format!("{what}: {}", show(entries)));
    match &case.outcome {
        Outcome::Values(expected) => {
            let same = arrays().map(|entry| entry.array.as_ref().ok()).eq(expected.iter().map(Some));
            if same { Ok(()) } else { wrong("other values") }
        }
        Outcome::ValuesOrError(expected) => {
            let right = |entry: &Entry| entry.array.as_ref().map_or(true, |value| expected.contains(value));
            let all_there = expected.iter().all(|value| entries.iter().any(|entry| entry.name == value.name));
            if arrays().all(right) && all_there { Ok(()) } else { wrong("other values, or none") }
        }
        Outcome::Error { at_open, text } => {
            let errors = entries.iter().filter_map(|entry| entry.array.as_ref().err());
            let found = errors.map(ToString::to_string).any(|error| text.matches(&error));
            if found && !at_open { Ok(()) } else { wrong("no error, another one, or too late") }
        }
        Outcome::Members(expected) => {
            let known = |entry: &Entry| expected.iter().any(|(name, _)| *name == entry.name);
            // A name that several members have is an error for each of them.
            let right = expected.iter().all(|(name, outcome)| {
                let same: Vec<_> = entries.iter().filter(|entry| entry.name == *name).collect();
                !same.is_empty()
                    && same.iter().all(|entry| match (outcome, &entry.array) {
                        (Ok(expected), Ok(value)) => value == expected,
                        (Err(text), Err(error)) => text.matches(&error.to_string()),
                        _ => false,
                    })
            });
            if right && arrays().all(known) { Ok(()) } else { wrong("other members") }
        }
    }
}

fn show(entries: &[Entry]) -> String {
    let show = |entry: &Entry| match &entry.array {
        Ok(value) => format!("{}: {} {:?} {}", entry.name, value.dtype, value.shape, &value.sha256[..8]),
        Err(error) => format!("{}: {error}", entry.name),
    };
    entries.iter().map(show).collect::<Vec<_>>().join("\n    ")
}

/// Collects what is wrong with a case on one path.
fn note(failures: &mut Vec<String>, case: &Case, path: &str, found: &Found) {
    if let Err(wrong) = check(case, found) {
        failures.push(format!("{} through {path}: {wrong}", case.file));
    }
}

fn assert_all(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn hostile_npy() {
    let folder = TempDir::new().unwrap();
    let mut failures = Vec::new();
    for case in manifest::cases().iter().filter(|case| case.file.starts_with("npy/")) {
        for (path, source) in sources(&case.bytes, &folder) {
            note(&mut failures, case, path, &load_npy(&source));
        }
        if !case.as_member {
            continue;
        }
        for deflated in [false, true] {
            for (path, source) in sources(&archive(&case.bytes, deflated), &folder) {
                // The archive opens; its only member is what the bare file is.
                let found = load_npz(&source).and_then(|entries| {
                    assert_eq!(entries.len(), 1, "{}", case.file);
                    entries.into_iter().map(|entry| Ok(unnamed(entry.array?))).collect()
                });
                let path = format!("{path}, {}", if deflated { "deflated" } else { "stored" });
                note(&mut failures, case, &path, &found);
            }
        }
    }
    assert_all(&failures);
}

fn unnamed(expected: Expected) -> Entry {
    Entry { name: String::new(), is_array: true, array: Ok(Expected { name: String::new(), ..expected }) }
}

#[test]
fn hostile_npz() {
    let folder = TempDir::new().unwrap();
    let mut failures = Vec::new();
    for case in manifest::cases().iter().filter(|case| case.file.starts_with("npz/")) {
        for (path, source) in sources(&case.bytes, &folder) {
            note(&mut failures, case, path, &load_npz(&source));
        }
    }
    assert_all(&failures);
}

#[test]
fn every_path_gives_the_same_text() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("case").display().to_string();
    for case in manifest::cases() {
        let texts = sources(&case.bytes, &folder).into_iter().map(|(_, source)| {
            let found = if case.file.starts_with("npz/") { load_npz(&source) } else { load_npy(&source) };
            let text = match &found {
                Err(error) => error.to_string(),
                Ok(entries) => show(entries),
            };
            // Objects have the path without its first slash.
            text.replace(&format!("{path}: "), "").replace(&format!("{}: ", path.trim_start_matches('/')), "")
        });
        let texts: Vec<_> = texts.collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{}: {texts:#?}", case.file);
    }
}

/// What is streamed in batches of a row is what is read at once, and what is refused is refused.
#[test]
fn hostile_in_batches() {
    const ROWS: usize = 300;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("case.npz");
    let mut compared = 0;
    for case in manifest::cases().iter().filter(|case| case.file.starts_with("npz/")) {
        if case.bytes.starts_with(b"\x93NUMPY") {
            // A dataset goes by the content of its shards.
            continue;
        }
        std::fs::write(&path, &case.bytes).unwrap();
        let source = Source::from(arrow_buffer::Buffer::from(case.bytes.clone()));
        let archive = NpzArchive::with_options(source, &OpenOptions::default());
        let names: Vec<String> = match &archive {
            Ok(archive) => archive.names().take(10).map(str::to_owned).collect(),
            Err(_) => vec!["x".to_owned()],
        };
        for name in names {
            let at_once = archive.as_ref().map_err(ToString::to_string).and_then(|archive| {
                let options = ReadOptions::default().with_columns([&name]);
                archive.record_batch(&options).map_err(|error| error.to_string())
            });
            match (at_once, in_single_rows(&path, &name, ROWS)) {
                (Ok(batch), Ok(batches)) => {
                    assert_eq!(batches.len(), batch.num_rows().min(ROWS), "{}: {name}", case.file);
                    for (row, found) in batches.iter().enumerate() {
                        assert_eq!(found.column(0), &batch.column(0).slice(row, 1), "{}: {name}", case.file);
                    }
                    compared += 1;
                }
                (Ok(_), Err(error)) => panic!("{}: {name}: {error}", case.file),
                (Err(error), Ok(_)) => {
                    // Rows that are read from their places are verified by no checksum, and a scan applies the
                    // quota to each member.
                    let known = error.contains("checksum is") || error.contains("exceeds the limit");
                    assert!(known, "{}: {name}: {error}", case.file);
                }
                (Err(_), Err(_)) => {}
            }
        }
    }
    assert!(compared > 200, "{compared}");
}

/// The first rows of one column, each as a batch of its own.
fn in_single_rows(path: &Path, column: &str, rows: usize) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut options = DatasetOptions::default();
    options.columns = Some(vec![column.to_owned()]);
    options.batch_rows = Some(1);
    // Less than any row, so that every member is streamed.
    options.batch_bytes = 1;
    options.open = options.open.with_threads(1);
    options.hive = false;
    NpzDataset::new([path.display().to_string()], options).scan(None, None)?.take(rows).collect()
}

#[test]
fn golden() {
    let folder = TempDir::new().unwrap();
    let mut count = 0;
    for (file, arrays) in manifest::golden() {
        let bytes = std::fs::read(manifest::data("golden").join(&file)).unwrap();
        for (path, source) in sources(&bytes, &folder) {
            let found = if file.ends_with("npz") { load_npz(&source) } else { load_npy(&source) };
            let found: Vec<_> = found.unwrap().into_iter().map(|entry| entry.array.unwrap()).collect();
            let expected: Vec<_> = arrays.iter().map(|(array, _)| array.clone()).collect();
            assert_eq!(found, expected, "{file} through {path}");
            count += found.len();
        }
    }
    assert!(count > 1000, "the golden files are there");
}

/// The text of every error of the hostile files, in whole. `NPZARROW_UPDATE_TEXTS=1` writes them anew, for a
/// person to read.
#[test]
fn texts() {
    let mut texts = Vec::new();
    for case in manifest::cases() {
        let source = Source::from(arrow_buffer::Buffer::from(case.bytes.clone()));
        let found = if case.file.starts_with("npz/") { load_npz(&source) } else { load_npy(&source) };
        match found {
            Err(error) => texts.push(format!("{}\t{error}", case.file)),
            Ok(entries) => {
                let errors = entries.iter().filter_map(|entry| entry.array.as_ref().err());
                texts.extend(errors.map(|error| format!("{}\t{error}", case.file)));
            }
        }
    }
    let path = manifest::data("hostile/texts.tsv");
    let texts = texts.join("\n") + "\n";
    if std::env::var_os("NPZARROW_UPDATE_TEXTS").is_some() {
        std::fs::write(&path, &texts).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let changed = texts.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert_eq!(changed, None, "the first text that changed, as found and as expected");
    assert_eq!(texts.lines().count(), expected.lines().count());
}
