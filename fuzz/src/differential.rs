//! Second opinions: the `zip` crate, other sources of the same bytes, and other ways to store them.
//!
//! The input is a whole archive; and the same input is one member of archives that `zip` writes.

use std::io::{Cursor, Read as _, Write as _};
use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use npzarrow::arrow::{ArrowOptions, RowLayout};
use npzarrow::checksum::crc32;
use npzarrow::npz::ReadOptions;
use npzarrow::source::{Memory, Source};
use npzarrow::zip::{Directory, EndRecord, Method, inflate_into, tail_len};
use npzarrow::{Error, Interrupt, NpyArray, NpzArchive, Result};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::archive::{open_options, without_bytes};

/// A member larger than this is not inflated by the second opinion.
const MAX_MEMBER: u64 = 4 << 20;

/// Runs the target.
pub fn run(data: &[u8]) {
    zip_agrees(data);
    sources_agree(data);
    methods_agree(data);
}

/// What is accepted as an archive `zip` reads with the same names, sizes and bytes.
fn zip_agrees(data: &[u8]) {
    let Ok(directory) = directory(data) else { return };
    if data.windows(4).filter(|bytes| bytes == b"PK\x05\x06").count() > 1 {
        // `zip` takes the last end record, even one in a comment that does not reach the end of the file.
        return;
    }
    let mut theirs = match ZipArchive::new(Cursor::new(data)) {
        Ok(theirs) => theirs,
        Err(error) => return assert!(is_known_refusal(&error.to_string()), "{error}"),
    };
    let ours: Vec<&str> = directory.names().collect();
    let mut unique = ours.clone();
    unique.sort_unstable();
    unique.dedup();
    // Bytes beyond ASCII without the flag for UTF-8 are code page 437, but `zip` guesses; and it takes names
    // from an extra field (0x7075) that NumPy and SPDL do not know.
    let same_names =
        ours.iter().all(|name| name.is_ascii()) && !data.windows(2).any(|bytes| bytes == [0x75, 0x70]);
    assert!(theirs.len() == unique.len() || !same_names);
    if unique.len() < ours.len() {
        // `zip` keeps the last of several members of one name.
        return;
    }
    for (index, name) in ours.iter().enumerate() {
        let bytes = member(data, &directory, index);
        let entry = directory.entry(index).expect("within the directory");
        let mut theirs = match theirs.by_index(index) {
            Ok(theirs) => theirs,
            Err(error) => {
                // It looks at the local header, and so do we, when the member is read.
                assert!(bytes.is_err() || is_known_refusal(&error.to_string()), "{error}");
                continue;
            }
        };
        assert!(!same_names || theirs.name().ok().as_deref() == Some(*name), "{name}");
        assert_eq!(
            (theirs.compressed_size(), theirs.size(), theirs.crc32()),
            (entry.compressed_size(), entry.declared_size(), entry.crc32())
        );
        let Ok(bytes) = bytes else { continue };
        let mut expected = Vec::new();
        if let Err(error) = theirs.by_ref().take(MAX_MEMBER + 1).read_to_end(&mut expected) {
            // libdeflate takes some streams that zlib refuses; see the target `inflate`.
            assert_eq!(entry.method(), Method::DEFLATED, "{error}");
        } else {
            assert!(bytes == expected, "{name}");
        }
    }
}

fn directory(data: &[u8]) -> Result<Directory> {
    let len = data.len() as u64;
    let start = usize::try_from(len - tail_len(len)).expect("within the input");
    let end = EndRecord::locate(data.get(start..).unwrap_or_default(), start as u64)?;
    let bytes = slice(data, end.directory_range()).expect("the directory lies within the file");
    Directory::parse(bytes, &end, MAX_MEMBER)
}

/// The bytes of a member, if its checksum is right.
fn member(data: &[u8], directory: &Directory, index: usize) -> Result<Vec<u8>, String> {
    let entry = directory.entry(index).ok_or("no entry")?;
    let header = directory.local_header_range(index, u64::MAX).ok_or("no header")?;
    let header = slice(data, header).expect("members lie within the file");
    let range = directory.data_range(index, header).map_err(|error| error.to_string())?;
    let raw = slice(data, range).expect("members lie within the file");
    let bytes = if entry.method() == Method::STORED {
        raw.to_vec()
    } else {
        entry.check_ratio().map_err(|error| error.to_string())?;
        let mut bytes = vec![0; usize::try_from(entry.declared_size()).map_err(|error| error.to_string())?];
        inflate_into(raw, &mut bytes).map_err(|error| error.to_string())?;
        bytes
    };
    if crc32(&bytes, 1) == entry.crc32() { Ok(bytes) } else { Err("checksum".to_owned()) }
}

fn slice(data: &[u8], range: Range<u64>) -> Option<&[u8]> {
    data.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

/// Texts of `zip` for what it looks at and we do not: extra fields other than zip64, zip64 records that no
/// sentinel asks for, and the local headers of members that nobody reads.
fn is_known_refusal(error: &str) -> bool {
    const KNOWN: [&str; 10] = [
        "extra",
        "fill whole buffer",
        "unicode",
        "aes",
        "timestamp",
        "ntfs",
        "zip64",
        "eocd64",
        "support",
        "local file header",
    ];
    let error = error.to_lowercase();
    KNOWN.iter().any(|known| error.contains(known))
}

/// Memory that cannot change, memory that can, and a file give the same values and the same errors.
fn sources_agree(data: &[u8]) {
    let mut file = NamedTempFile::new().expect("a temporary directory");
    file.write_all(data).expect("a temporary file");
    let path = file.path().display().to_string();
    let sources = [
        Source::from(Buffer::from(data)),
        Source::from(Memory::mutable(Buffer::from(data))),
        Source::open(file.path()).expect("it was just written"),
    ];
    let text = |error: &Error| error.to_string().replace(&format!("{path}: "), "");
    let mut bare = sources.iter().map(|source| {
        let array = NpyArray::read(source, 1, &Interrupt::default());
        array.map(|array| (array.header().clone(), array.payload().as_slice().to_vec())).map_err(|e| text(&e))
    });
    let first = bare.next().expect("three sources");
    bare.for_each(|other| assert!(other == first, "{other:?}\n{first:?}"));

    let archives = sources.map(|source| NpzArchive::with_options(source, &open_options()));
    let mut everything = archives.iter().map(|archive| match archive {
        Ok(archive) => Ok(contents(archive, &text)),
        Err(error) => Err(text(error)),
    });
    let first = everything.next().expect("three sources");
    everything.for_each(|other| assert!(other == first, "{other:?}\n{first:?}"));
}

#[derive(Debug, PartialEq)]
struct Contents {
    members: Vec<Result<(String, Vec<u8>), String>>,
    headers: Vec<Result<String, String>>,
    batches: Vec<Result<RecordBatch, String>>,
}

fn contents(archive: &NpzArchive, text: &impl Fn(&Error) -> String) -> Contents {
    let mut members = Vec::new();
    let mut headers = Vec::new();
    let mut is_small = true;
    for index in 0..archive.len() {
        let header = archive.header_at(index);
        headers.push(header.map(|header| format!("{header:?}")).map_err(|error| text(&error)));
        let array = archive.array_at(index, &Interrupt::default());
        members.push(array.map_err(|error| text(&error)).map(|array| {
            let header = array.header();
            is_small &= without_bytes(header.dtype(), header) < 1 << 12;
            (format!("{header:?}"), array.payload().as_slice().to_vec())
        }));
    }
    let mut batches = Vec::new();
    if is_small {
        for rows in [RowLayout::Axis0, RowLayout::Archive] {
            let options = ReadOptions::default().with_arrow(ArrowOptions::default().with_rows(rows));
            batches.push(archive.record_batch(&options).map_err(|error| text(&error)));
        }
    }
    Contents { members, headers, batches }
}

/// Stored or deflated, a member is the same array or the same kind of error.
fn methods_agree(data: &[u8]) {
    let written = |method: CompressionMethod| {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file("x.npy", options).expect("memory");
        writer.write_all(data).expect("memory");
        Buffer::from(writer.finish().expect("memory").into_inner())
    };
    let [stored, deflated] = [CompressionMethod::Stored, CompressionMethod::Deflated].map(|method| {
        let archive =
            NpzArchive::with_options(written(method), &open_options()).expect("zip writes archives");
        let array = archive.array("x");
        let header = archive.header("x");
        assert!(header.is_ok() || array.is_err());
        array.map(|array| (array.header().clone(), array.payload().as_slice().to_vec()))
    });
    match (stored, deflated) {
        (Ok(stored), Ok(deflated)) => {
            assert_eq!(stored, deflated);
            let bare = NpyArray::try_new(Buffer::from(data)).expect("the member is an array");
            assert!(bare.header() == &stored.0 && bare.payload().as_slice() == stored.1);
        }
        (Err(stored), Err(deflated)) => assert_eq!(stored.to_string(), deflated.to_string()),
        (stored, deflated) => panic!("stored: {stored:?}\ndeflated: {deflated:?}"),
    }
}
