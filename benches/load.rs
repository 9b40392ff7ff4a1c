//! Loading, beside the floor (the least that must be done: a checksum, libdeflate, a copy, one read) and
//! beside the `zip` crate doing the same.
//!
//! ```sh
//! cargo bench --bench load            # or: cargo bench --bench load -- '2 MB'
//! ```
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run says so")]

use std::fs::File;
use std::hint::black_box;
use std::io::{Cursor, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use arrow_buffer::Buffer;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use memmap2::{Advice, MmapMut};
use npzarrow::checksum::crc32;
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{OpenOptions, ReadOptions};
use npzarrow::source::Source;
use npzarrow::zip::inflate_into;
use npzarrow::{Interrupt, NpzArchive};
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    headers(&mut criterion);
    tiny_members(&mut criterion);
    two_megabytes(&mut criterion);
    big_file(&mut criterion);
    criterion.final_summary();
}

fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Header::parse");
    let canonical = npy("<f4", &[4096, 128], &[]);
    // The same, but with two spaces somewhere: left to the general parser.
    let text = b"{'descr':  '<f4', 'fortran_order': False, 'shape': (4096, 128), }";
    let mut general = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    general.extend(text);
    general.resize(127, b' ');
    general.push(b'\n');
    assert_eq!(Header::parse(&canonical).unwrap(), Header::parse(&general).unwrap());
    group.bench_function("canonical", |b| b.iter(|| Header::parse(black_box(&canonical))));
    group.bench_function("general", |b| b.iter(|| Header::parse(black_box(&general))));
    group.finish();
}

fn tiny_members(criterion: &mut Criterion) {
    let members: Vec<(String, Vec<u8>)> =
        (0..100_u8).map(|i| (format!("a{i}.npy"), npy("<i8", &[10], &[i; 80]))).collect();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let mut group = criterion.benchmark_group(format!("100 tiny members, {method}"));
        let archive = archive(&members, method);
        group.bench_function("open", |b| b.iter(|| NpzArchive::try_new(archive.clone()).unwrap()));
        group.bench_function("open, all arrays", |b| b.iter(|| read_all(archive.clone())));
        group.bench_function("open, one batch", |b| {
            let options = ReadOptions::default();
            b.iter(|| NpzArchive::try_new(archive.clone()).unwrap().record_batch(&options).unwrap());
        });
        floor(&mut group, &members, method);
        zip(&mut group, &archive);
        group.finish();
    }
}

fn two_megabytes(criterion: &mut Criterion) {
    let members = [("x.npy".to_owned(), npy("<f4", &[4096, 128], &rounded_noise(4096 * 128)))];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let mut group = criterion.benchmark_group(format!("2 MB, {method}"));
        group.throughput(Throughput::Bytes(members[0].1.len() as u64));
        let archive = archive(&members, method);
        group.bench_function("open, array", |b| b.iter(|| read_all(archive.clone())));
        group.bench_function("open, batch", |b| {
            let options = ReadOptions::default();
            b.iter(|| NpzArchive::try_new(archive.clone()).unwrap().record_batch(&options).unwrap());
        });
        floor(&mut group, &members, method);
        if method == CompressionMethod::Stored {
            let mut copy = vec![0; members[0].1.len()];
            group.bench_function("copy alone", |b| {
                b.iter(|| copy.copy_from_slice(black_box(&members[0].1)));
            });
        }
        zip(&mut group, &archive);
        group.finish();
    }
}

fn big_file(criterion: &mut Criterion) {
    let members = [("x.npy".to_owned(), npy("<f4", &[1 << 17, 128], &rounded_noise(1 << 24)))];
    let archive = archive(&members, CompressionMethod::Stored);
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&archive).unwrap();
    let mut group = criterion.benchmark_group("64 MB stored in a cached file");
    group.throughput(Throughput::Bytes(archive.len() as u64));
    for threads in [1, 2] {
        let options = OpenOptions::default().with_threads(threads);
        group.bench_function(format!("open, batch, {threads} threads"), |b| {
            b.iter(|| {
                let source = Source::open(file.path()).unwrap();
                let archive = NpzArchive::with_options(source, &options).unwrap();
                archive.record_batch(&ReadOptions::default()).unwrap()
            });
        });
    }
    group.bench_function("one pread into fresh huge pages", |b| {
        let file = File::open(file.path()).unwrap();
        b.iter(|| {
            let mut fresh = MmapMut::map_anon(archive.len()).unwrap();
            // A kernel without huge pages is slower, as it is for us.
            fresh.advise(Advice::HugePage).ok();
            file.read_exact_at(&mut fresh, 0).unwrap();
            fresh
        });
    });
    group.bench_function("zip", |b| {
        b.iter(|| {
            let mut archive = ZipArchive::new(File::open(file.path()).unwrap()).unwrap();
            let mut member = archive.by_index(0).unwrap();
            let mut bytes = Vec::with_capacity(members[0].1.len());
            member.read_to_end(&mut bytes).unwrap();
            bytes
        });
    });
    group.finish();
}

/// Checks or inflates the same bytes, and nothing else.
fn floor(group: &mut BenchmarkGroup<'_, WallTime>, members: &[(String, Vec<u8>)], method: CompressionMethod) {
    if method == CompressionMethod::Stored {
        group.bench_function("checksum alone", |b| {
            b.iter(|| members.iter().fold(0, |sum, (_, bytes)| sum ^ crc32(black_box(bytes), 1)));
        });
        return;
    }
    let deflated: Vec<Vec<u8>> = members.iter().map(|(_, bytes)| deflate(bytes)).collect();
    let mut outputs: Vec<Vec<u8>> = members.iter().map(|(_, bytes)| vec![0; bytes.len()]).collect();
    group.bench_function("libdeflate alone", |b| {
        b.iter(|| {
            for (deflated, output) in deflated.iter().zip(&mut outputs) {
                inflate_into(black_box(deflated), output).unwrap();
            }
        });
    });
}

fn zip(group: &mut BenchmarkGroup<'_, WallTime>, archive: &Buffer) {
    group.bench_function("zip", |b| {
        b.iter(|| {
            let mut archive = ZipArchive::new(Cursor::new(archive.as_slice())).unwrap();
            let count = archive.len();
            let read = |index| {
                let mut member = archive.by_index(index).unwrap();
                let mut bytes = Vec::with_capacity(usize::try_from(member.size()).unwrap());
                member.read_to_end(&mut bytes).unwrap();
                bytes
            };
            (0..count).map(read).collect::<Vec<_>>()
        });
    });
}

fn read_all(bytes: Buffer) -> usize {
    let archive = NpzArchive::try_new(bytes).unwrap();
    let interrupt = Interrupt::default();
    (0..archive.len())
        .map(|index| archive.array_at(index, &interrupt).unwrap().payload().as_slice().len())
        .sum()
}

fn npy(type_str: &str, shape: &[u64], payload: &[u8]) -> Vec<u8> {
    let dtype = Dtype::from_type_str(type_str).unwrap();
    let header = Header::try_new(&dtype, Order::C, &Shape::new(shape.to_vec())).unwrap();
    [&header.to_bytes(), payload].concat()
}

fn archive(members: &[(String, Vec<u8>)], method: CompressionMethod) -> Buffer {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    Buffer::from(writer.finish().unwrap().into_inner())
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Numbers with two decimals around zero, as features often are: they deflate to a half or so.
fn rounded_noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u16::try_from(state >> 48).unwrap()
    };
    let number = |_| {
        let sum: f32 = (0..4).map(|_| f32::from(next()) / 65_536.0 - 0.5).sum();
        ((sum * 170.0).round() / 100.0).to_le_bytes()
    };
    (0..count).flat_map(number).collect()
}
