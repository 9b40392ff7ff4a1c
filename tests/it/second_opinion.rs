//! What we read from an archive, other readers read as well, or refuse: the `zip` crate and `rawzip`.

use std::io::{Cursor, Read as _};

use arrow_buffer::Buffer;
use npzarrow::{NpyArray, NpzArchive};

use crate::manifest::{self, Expected};

/// The members by the `zip` crate; those that it cannot read are left out.
fn by_zip(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let Ok(mut member) = archive.by_index(index) else { continue };
        let Ok(name) = member.name().map(std::borrow::Cow::into_owned) else { continue };
        let mut content = Vec::new();
        // What lies about its size is not read to the end of memory.
        if member.by_ref().take(64 << 20).read_to_end(&mut content).is_ok() {
            members.push((name, content));
        }
    }
    Some(members)
}

/// The stored members by `rawzip`.
fn by_rawzip(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let archive = rawzip::ZipArchive::from_slice(bytes).ok()?;
    let mut members = Vec::new();
    for entry in archive.entries() {
        let entry = entry.ok()?;
        let name = str::from_utf8(entry.file_path().as_bytes()).ok()?.to_owned();
        if entry.compression_method() != rawzip::CompressionMethod::STORE {
            continue;
        }
        if let Ok(found) = archive.get_entry(entry.wayfinder()) {
            members.push((name, found.data().to_vec()));
        }
    }
    Some(members)
}

fn describe(name: &str, bytes: Vec<u8>) -> Option<Expected> {
    NpyArray::try_new(Buffer::from(bytes)).ok().map(|array| manifest::describe(name, &array))
}

#[test]
fn others_read_the_same_or_nothing() {
    let (mut compared, mut archives) = (0, 0);
    for case in manifest::cases().into_iter().filter(|case| case.file.starts_with("npz/")) {
        let Ok(ours) = NpzArchive::try_new(Buffer::from(case.bytes.clone())) else { continue };
        for (reader, theirs) in [("zip", by_zip(&case.bytes)), ("rawzip", by_rawzip(&case.bytes))] {
            for (name, content) in theirs.into_iter().flatten() {
                // Names are compared where both decode them alike.
                let Ok(array) = ours.array(&name) else { continue };
                let found = manifest::describe(&name, &array);
                assert_eq!(describe(&name, content), Some(found), "{}: {name} by {reader}", case.file);
                compared += 1;
            }
            archives += 1;
        }
    }
    assert!(compared > 500 && archives > 300, "{compared} members of {archives} archives were compared");
}

/// Why the directory is read by our own code: these pass `rawzip` as if nothing were wrong.
#[test]
fn what_rawzip_takes_and_we_refuse() {
    let mut taken = Vec::new();
    for case in manifest::cases() {
        let refused =
            case.file.starts_with("npz/") && NpzArchive::try_new(Buffer::from(case.bytes.clone())).is_err();
        let entries = || {
            let archive = rawzip::ZipArchive::from_slice(&case.bytes).ok()?;
            archive.entries().collect::<Result<Vec<_>, _>>().ok().map(|entries| entries.len())
        };
        if refused && let Some(count) = entries() {
            taken.push((case.file, count));
        }
    }
    println!("{} archives that are refused here", taken.len());
    for expected in ["npz/zip64_directory_on_disk_1.npz", "npz/sentinel_in_size_without_extra.npz"] {
        assert!(taken.iter().any(|(file, _)| file == expected), "{expected} in {taken:#?}");
    }
}
