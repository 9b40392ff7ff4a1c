//! The ways to bytes that are not a whole slice: positions of a file, rows of a member, and members that are
//! inflated row by row. What they give is what the slice gives.
//!
//! The first byte of the input says how many rows are asked for; the rest is a whole file.

use std::fs;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_select::concat::concat_batches;
use npzarrow::arrow::ArrowOptions;
use npzarrow::dataset::DatasetOptions;
use npzarrow::npz::{ReadOptions, Unsupported};
use npzarrow::source::{Memory, Source};
use npzarrow::{Error, Interrupt, NpyArray, NpzArchive, NpzDataset, Result};
use tempfile::TempDir;

use crate::archive::{open_options, without_bytes};

/// More rows than this are not compared.
const MAX_ROWS: usize = 1 << 12;

/// Runs the target.
pub fn run(data: &[u8]) {
    let Some((&rows, file)) = data.split_first() else { return };
    let rows = usize::from(rows % 32) + 1;
    let folder = TempDir::new().expect("a temporary directory");
    let is_archive = file.starts_with(b"PK");
    let path = folder.path().join(if is_archive { "x.npz" } else { "x.npy" });
    fs::write(&path, file).expect("a temporary file");
    if is_archive {
        let archive = match NpzArchive::with_options(Buffer::from(file), &open_options()) {
            Ok(archive) => archive,
            Err(error) => {
                // The quota counts for all members of an archive, but for each that a scan holds in memory.
                assert!(scan(&path, rows, false).is_err() || error.is_limit(), "a scan reads {error}");
                return;
            }
        };
        if !members_agree(&archive, file, &path, rows) {
            return;
        }
        let read = ReadOptions::default().with_unsupported(Unsupported::Skip);
        compare(archive.record_batch(&read), &path, rows);
    } else if let Ok(array) = NpyArray::try_new(Buffer::from(file))
        && without_bytes(array.header().dtype(), array.header()) < MAX_ROWS as u64
    {
        // A structured array is columns; what they hold the target `archive` compares.
        let scanned = scan(&path, rows, false);
        let count = scanned.map(|batches| batches.iter().map(RecordBatch::num_rows).sum::<usize>());
        let expected = usize::try_from(array.header().shape().rows());
        if array.into_column("x", &ArrowOptions::default()).is_ok() {
            assert_eq!(count.ok(), expected.ok());
        }
    }
}

/// Rows of each member from each source; false if there is a member that is too long to compare.
fn members_agree(archive: &NpzArchive, file: &[u8], path: &Path, rows: usize) -> bool {
    let interrupt = Interrupt::default();
    let sources = [
        Source::from(Buffer::from(file)),
        Source::from(Memory::mutable(Buffer::from(file))),
        Source::open(path).expect("it was just written"),
    ];
    let others = sources.map(|source| NpzArchive::with_options(source, &open_options()).expect("it opens"));
    for index in 0..archive.len() {
        let Ok(array) = archive.array_at(index, &interrupt) else { continue };
        let header = array.header();
        if without_bytes(header.dtype(), header) > MAX_ROWS as u64 {
            return false;
        }
        let count = header.shape().rows();
        let start = (rows as u64 / 2).min(count);
        let range = start..start.saturating_add(rows as u64).min(count);
        let mut parts = others.iter().map(|other| {
            let part = other.rows_at(index, range.clone(), &interrupt);
            part.map(|part| (part.header().clone(), part.payload().as_slice().to_vec()))
        });
        let first = parts.next().expect("three sources");
        for part in parts {
            assert_eq!(part.as_ref().ok(), first.as_ref().ok());
        }
        if header.shape().is_empty() || !header.is_row_major() {
            continue;
        }
        let (part, bytes) = first.expect("an array has its rows");
        assert_eq!(part.shape().rows(), range.end - range.start);
        let row_len = usize::try_from(header.row_len()).expect("in memory");
        let [start, end] =
            [range.start, range.end].map(|row| usize::try_from(row).expect("in memory") * row_len);
        assert_eq!(Some(&bytes[..]), array.payload().as_slice().get(start..end));
    }
    true
}

/// The rows of a file in batches of so many rows, streamed.
fn scan(path: &Path, rows: usize, verify: bool) -> Result<Vec<RecordBatch>> {
    let mut options = DatasetOptions::default();
    options.open = open_options().with_verify(verify);
    options.batch_rows = Some(rows);
    // So that every member is longer than a batch, and is streamed.
    options.batch_bytes = 1 + rows as u64;
    options.hive = false;
    options.unsupported = Unsupported::Skip;
    let dataset = NpzDataset::new([path.display().to_string()], options);
    let mut reader = dataset.scan(None, None)?;
    let mut batches = Vec::new();
    let mut count = 0;
    while let Some(batch) = reader.next_batch()? {
        count += batch.num_rows();
        assert!(batch.num_rows() <= rows && batch.schema() == dataset.schema()?);
        batches.push(batch);
        if count > 4 * MAX_ROWS {
            break;
        }
    }
    Ok(batches)
}

/// What is read at once is read in batches, too.
fn compare(at_once: Result<RecordBatch>, path: &Path, rows: usize) {
    let in_batches = scan(path, rows, true);
    match (at_once, in_batches) {
        (Ok(expected), Ok(batches)) if expected.num_rows() <= 4 * MAX_ROWS && expected.num_columns() > 0 => {
            let schema = batches.first().map_or_else(|| expected.schema(), RecordBatch::schema);
            let found = concat_batches(&schema, &batches).expect("batches of one schema");
            assert_eq!(found.num_rows(), expected.num_rows());
            for (found, expected) in found.columns().iter().zip(expected.columns()) {
                assert_eq!(found, expected);
            }
        }
        (Ok(expected), Err(error)) => {
            panic!("{} rows at once, but in batches: {error}", expected.num_rows());
        }
        (Err(at_once), Err(in_batches)) => {
            assert!(![at_once, in_batches].iter().any(|error: &Error| error.to_string().contains('\n')));
        }
        // A bad checksum of rows that are read from their place is not seen, and is said to be so.
        (Err(error), Ok(_)) => assert!(!error.is_io(), "{error}"),
        (Ok(_), Ok(_)) => {}
    }
}
