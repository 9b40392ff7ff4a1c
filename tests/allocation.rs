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
    /// All bytes that were ever allocated, and how often: a measure of work that is the same each time.
    static WORK: Cell<usize> = const { Cell::new(0) };
}

/// What an allocation counts as besides its bytes.
const ALLOCATION_WORK: usize = 64;

fn count(bytes: isize) {
    if bytes > 0 {
        WORK.set(WORK.get() + bytes.cast_unsigned() + ALLOCATION_WORK);
    }
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

/// An archive of so many members of a few bytes, in which what `name` gives is the name.
fn archive_of(members: usize, name: impl Fn(usize) -> String, method: CompressionMethod) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method);
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for member in 0..members {
        writer.start_file(name(member), options).expect("memory takes all");
        writer.write_all(&header_of("'|u1'", "(3,)")).expect("memory takes all");
        writer.write_all(&[1, 2, 3]).expect("memory takes all");
    }
    writer.finish().expect("memory takes all").into_inner()
}

fn header_of(descr: &str, shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend(u32::try_from(text.len()).expect("memory takes all").to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Twice the input is twice the work, in each way in which an input can be long.
#[test]
fn work_grows_in_proportion_to_the_input() {
    use CompressionMethod::{Deflated, Stored};
    type Make = fn(usize) -> Vec<u8>;
    let families: [(&str, Make); 13] = [
        ("spaces", |n| header_of(&format!("{}'<f4'", " ".repeat(100 * n)), "(0,)")),
        ("spaces and a stray character", |n| header_of(&format!("{}!", " ".repeat(100 * n)), "(0,)")),
        ("escapes in a name", |n| header_of(&format!("[('{}', '<f4')]", "\\x41".repeat(50 * n)), "(0,)")),
        ("a string that is not closed", |n| header_of(&format!("'{}", "\\n".repeat(50 * n)), "(0,)")),
        ("fields", |n| {
            let fields: Vec<String> =
                (0..5 * n).map(|index| format!("('field{index:06}', '<f4'), ")).collect();
            header_of(&format!("[{}]", fields.concat()), "(0,)")
        }),
        ("padding between fields", |n| {
            let fields: Vec<String> =
                (0..5 * n).map(|index| format!("('', '|V3'), ('f{index:06}', '<f4'), ")).collect();
            header_of(&format!("[{}]", fields.concat()), "(0,)")
        }),
        ("nesting", |n| {
            let fields: Vec<String> = (0..n)
                .map(|index| format!("('f{index:06}', {}'<f4'{}), ", "[('x', ".repeat(20), ")]".repeat(20)))
                .collect();
            header_of(&format!("[{}]", fields.concat()), "(0,)")
        }),
        ("digits", |n| header_of("'<f4'", &format!("({},)", "9".repeat(100 * n)))),
        ("dimensions", |n| header_of("'<f4'", &format!("({})", "1, ".repeat(30 * n)))),
        ("stored members", |n| archive_of(n, |member| format!("member{member:06}.npy"), Stored)),
        ("deflated members", |n| archive_of(n, |member| format!("member{member:06}.npy"), Deflated)),
        ("names of one beginning", |n| {
            archive_of(n, |member| format!("{}{member:06}.npy", "x".repeat(500)), Stored)
        }),
        ("members that are not closed", |n| {
            let mut archive = archive_of(n, |member| format!("member{member:06}.npy"), Stored);
            archive.truncate(archive.len() - 30);
            archive
        }),
    ];
    for (family, make) in families {
        let works: Vec<(usize, usize)> = [100, 200, 400, 800]
            .map(|n| {
                let bytes = make(n);
                let len = bytes.len();
                let source = Source::from(Memory::mutable(Buffer::from(bytes)));
                let before = WORK.get();
                read(&source);
                (len, WORK.get() - before)
            })
            .to_vec();
        for pair in works.windows(2) {
            let [(short, less), (long, more)] = pair else { panic!("{pair:?}") };
            // A quarter more than in proportion, for buffers that grow by powers of two, and a constant.
            let bound = less * long * 5 / (short * 4) + (256 << 10);
            assert!(more <= &bound, "{family}: {works:?}");
        }
    }
}
