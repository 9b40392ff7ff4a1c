//! No hostile file makes the crate allocate more than its size can justify.
//!
//! An allocator counts what is allocated on each thread. The bound is generous, but a file that claims a
//! terabyte, or 858 MiB from 256 bytes, is far beyond it. Large buffers in maps would not be counted, so that these
//! tests run without the feature `mmap`: `cargo test --no-default-features --test allocation`.
#![expect(unsafe_code, reason = "counting needs an allocator of our own")]
#![expect(clippy::cast_possible_truncation, reason = "tests are for reading")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use arrow_array::Array;
use arrow_buffer::Buffer;
use npzarrow::arrow::ArrowOptions;
use npzarrow::dataset::DatasetOptions;
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{OpenOptions, ReadOptions};
use npzarrow::source::{Memory, Source};
use npzarrow::{Interrupt, NpyArray, NpzArchive, NpzDataset};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

// SAFETY: every call is handed to the system's allocator unchanged; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that `work` had allocated at one time.
fn peak(work: impl FnOnce()) -> isize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    PEAK.get() - before
}

fn read(source: &Source) {
    let options = OpenOptions::default().with_threads(1);
    if let Ok(array) = NpyArray::read(source, 1, &Interrupt::default()) {
        let _column = array.into_column("x", &ArrowOptions::default());
    }
    if let Ok(archive) = NpzArchive::with_options(source.clone(), &options) {
        let _info = archive.info(&ArrowOptions::default());
        for index in 0..archive.len() {
            let _array = archive.array_at(index, &Interrupt::default());
        }
        let _batch = archive.record_batch(&ReadOptions::default());
    }
}

#[test]
#[cfg_attr(feature = "mmap", ignore = "large buffers are maps, which are not counted")]
fn hostile_files_cost_what_they_are_worth() {
    // 1032:1 is the most that honest deflated data expands; text, offsets and copies cost a few times that.
    // What is left is the constant cost: libdeflate's tables, an error's texts, a block of input.
    const PER_BYTE: isize = 1032 * 4;
    const CONSTANT: isize = 1 << 20;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hostile");
    let mut count = 0;
    for kind in ["npy", "npz"] {
        for entry in fs::read_dir(folder.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let len = bytes.len();
            // Bare arrays cannot expand but by conversion.
            let per_byte = if kind == "npy" { 64 } else { PER_BYTE };
            let sources = [
                Source::from(Buffer::from(bytes.clone())),
                Source::from(Memory::mutable(Buffer::from(bytes))),
                Source::open(&path).unwrap(),
            ];
            for source in sources {
                let peak = peak(|| read(&source));
                let bound = CONSTANT + per_byte * len.cast_signed();
                assert!(peak <= bound, "{}: {peak} bytes for a file of {len}", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 1000, "the hostile files are there");
}

/// Gathering the fields of nested records takes one more copy of the payload, not one for each level.
#[test]
#[cfg_attr(feature = "mmap", ignore = "large buffers are maps, which are not counted")]
fn nested_records_cost_no_more_than_flat_ones() {
    const LEN: usize = 8 << 20;
    for (levels, shape) in [(1, ""), (31, ""), (31, ", (1,)"), (31, ", (2,)")] {
        let descr = (0..levels).fold("'|u1'".to_owned(), |inner, level| {
            let shape = if level < 3 { shape } else { shape.get(..0).unwrap_or_default() };
            format!("[('x', {inner}{shape})]")
        });
        let rows = if shape == ", (2,)" { LEN / 8 } else { LEN };
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({rows},), }}\n");
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + LEN, 7);
        let source = Source::from(Buffer::from(bytes));
        let peak = peak(|| {
            let array = NpyArray::read(&source, 1, &Interrupt::default()).unwrap();
            let column = array.into_column("x", &ArrowOptions::default()).unwrap();
            assert_eq!(column.array.len(), rows);
        });
        let bound = (LEN + LEN / 8).cast_signed();
        assert!(peak <= bound, "{levels} levels{shape}: {peak} bytes for {LEN}");
    }
}

#[test]
fn a_scan_takes_the_memory_of_a_few_batches() {
    const BATCH: u64 = 1 << 20;
    let folder = tempfile::TempDir::new().unwrap();
    let dtype = Dtype::from_type_str("<i4").unwrap();
    let count = 16 << 20;
    let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![count >> 2, 4])).unwrap();
    for (name, method) in [("stored", CompressionMethod::Stored), ("deflated", CompressionMethod::Deflated)] {
        let path = folder.path().join(format!("{name}.npz"));
        let options = SimpleFileOptions::default().compression_method(method);
        let mut writer = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        writer.start_file("x.npy", options).unwrap();
        writer.write_all(&header.to_bytes()).unwrap();
        for start in (0..count).step_by(1 << 16) {
            let values: Vec<u8> = (start..start + (1 << 16)).flat_map(|i| (i as u32).to_le_bytes()).collect();
            writer.write_all(&values).unwrap();
        }
        writer.finish().unwrap();
        let mut options = DatasetOptions::default();
        options.open = options.open.with_threads(1);
        options.batch_bytes = BATCH;
        let dataset = NpzDataset::new([path.to_string_lossy()], options);
        let mut rows = 0;
        let peak = peak(|| {
            for batch in dataset.scan(None, None).unwrap() {
                rows += batch.unwrap().num_rows();
            }
        });
        assert_eq!(rows as u64, count >> 2);
        assert!(peak.cast_unsigned() as u64 <= 3 * BATCH, "{name}: {peak} bytes");
    }
}
