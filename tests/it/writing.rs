//! What is written: everybody reads it, it comes back as it was, it can be mapped, and it is whole or not there.

use std::fs;
use std::io::{self, Cursor, Read as _, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, RecordBatchIterator, RecordBatchOptions, RecordBatchReader,
    StringArray,
};
use arrow_buffer::Buffer;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use npzarrow::arrow::export::Nulls;
use npzarrow::arrow::{ArrowOptions, TensorLayout, Transfer};
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{Compression, NpzWriter, OpenOptions, ReadOptions, WriteOptions, align, align_file};
use npzarrow::source::Source;
use npzarrow::{NpyArray, NpzArchive, write};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::manifest;

fn header(descr: &str, order: Order, shape: &[u64]) -> Header {
    let fortran = if order == Order::Fortran { "True" } else { "False" };
    let shape = Shape::new(shape.to_vec());
    let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}");
    let mut bytes = b"\x93NUMPY\x03\x00".to_vec();
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
    Header::parse(&bytes).unwrap()
}

fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..len).map(|_| next()).collect()
}

fn deflated(level: u32) -> WriteOptions {
    WriteOptions::default().with_compression(Compression::Deflated { level: Some(level) })
}

fn written(arrays: &[(&str, Header, Vec<u8>)], options: &WriteOptions) -> Buffer {
    let mut writer = NpzWriter::try_new(Vec::new(), options).unwrap();
    writer.add_all(arrays.iter().map(|(name, header, payload)| (*name, header, &payload[..]))).unwrap();
    Buffer::from(writer.finish().unwrap())
}

/// The members as the `zip` crate reads them, checksums and all.
fn by_zip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        members.push((member.name().unwrap().into_owned(), content));
    }
    members
}

#[test]
fn arrays_bit_for_bit_for_every_reader() {
    let arrays: Vec<(&str, Header, Vec<u8>)> = [
        ("plain", "'<f8'", Order::C, &[3, 5][..]),
        ("fortran", "'<f4'", Order::Fortran, &[7, 9]),
        ("größe π", "'>i2'", Order::C, &[4]),
        ("folder/of/names", "'|b1'", Order::C, &[11]),
        ("scalar", "'<c16'", Order::C, &[]),
        ("long_double", "'<f16'", Order::C, &[3]),
        ("record", "[('a', '<i4'), ('', '|V4'), (('T', 'b'), '<U3', (2,))]", Order::C, &[6]),
        ("none", "'<M8[25s]'", Order::C, &[0, 4]),
        ("nothing", "'|S0'", Order::C, &[1000]),
        ("large", "'<u4'", Order::C, &[900_000]),
    ]
    .map(|(name, descr, order, shape)| {
        let header = header(descr, order, shape);
        let mut payload = noise(header.payload_len() as usize, 7);
        if name == "large" {
            // Half of it compresses.
            payload[1_000_000..2_800_000].fill(3);
        }
        (name, header, payload)
    })
    .into();
    for options in [
        WriteOptions::default(),
        WriteOptions::default().with_align(1),
        WriteOptions::default().with_align(4096),
        deflated(1),
        deflated(6).with_threads(1),
        deflated(9).with_threads(5),
        WriteOptions::default().with_compression(Compression::DEFLATED),
    ] {
        let bytes = written(&arrays, &options);
        let archive = NpzArchive::try_new(bytes.clone()).unwrap();
        assert!(archive.names().eq(arrays.iter().map(|(name, ..)| *name)));
        for ((name, header, payload), (zip_name, content)) in arrays.iter().zip(by_zip(&bytes)) {
            let array = archive.array(name).unwrap();
            assert_eq!((array.header().dtype(), array.header().shape()), (header.dtype(), header.shape()));
            assert_eq!(array.header().order(), header.order());
            assert!(array.payload().as_slice() == payload, "{name}");
            assert_eq!(zip_name, format!("{name}.npy"));
            assert!(content == [header.to_bytes(), payload.clone()].concat(), "{name}");
        }
        for info in archive.info(&ArrowOptions::default()) {
            let offset = info.payload_offset;
            match options.compression {
                Compression::Stored => {
                    assert_eq!(offset.unwrap() % u64::from(options.align), 0, "{}", info.name);
                }
                // What does not become smaller is stored after all, and aligned.
                Compression::Deflated { .. } => assert!(offset.is_none_or(|offset| offset % 64 == 0)),
            }
        }
        let rawzip = rawzip::ZipArchive::from_slice(bytes.as_slice()).unwrap();
        assert_eq!(rawzip.entries().count(), arrays.len());
    }
}

#[test]
fn equal_arrays_make_equal_archives() {
    let payload = noise(5 << 20, 3).iter().map(|byte| byte & 7).collect::<Vec<_>>();
    let arrays = [("x", header("'|u1'", Order::C, &[5 << 20]), payload)];
    let options = WriteOptions::default().with_compression(Compression::DEFLATED);
    let one = written(&arrays, &options.clone().with_threads(1));
    for threads in [2, 7] {
        assert_eq!(one, written(&arrays, &options.clone().with_threads(threads)));
    }
    assert!(one.len() < 5 << 19, "{}", one.len());
}

#[test]
fn npy_files_of_numpy_come_back_byte_for_byte() {
    let mut count = 0;
    for (file, arrays) in manifest::golden() {
        let golden = fs::read(manifest::data("golden").join(&file)).unwrap();
        // NumPy itself has changed what it writes: the room for growth came with 1.26, the order of keys before.
        if !file.starts_with("numpy-2.4") || !file.ends_with("npy") || arrays.len() != 1 {
            continue;
        }
        let array = NpyArray::try_new(Buffer::from(golden.clone())).unwrap();
        let payload = array.payload().as_slice();
        let bytes = write::npy_to(Vec::new(), array.header(), payload, &WriteOptions::default()).unwrap();
        let parsed = Header::parse(&golden).unwrap();
        if parsed.version() == Header::parse(&bytes).unwrap().version() {
            assert_eq!(bytes, golden, "{file}");
            count += 1;
        }
    }
    assert!(count > 30, "{count} golden files were compared");
}

/// Every golden array goes through Arrow and back.
#[test]
fn golden_arrays_come_back_through_arrow() {
    let mut count = 0;
    for (file, _) in manifest::golden() {
        let golden = fs::read(manifest::data("golden").join(&file)).unwrap();
        if !file.ends_with("npy") {
            continue;
        }
        for tensor in [TensorLayout::FixedShape, TensorLayout::Nested] {
            let array = NpyArray::try_new(Buffer::from(golden.clone())).unwrap();
            let (dtype, shape) = (array.header().dtype().clone(), array.header().shape().clone());
            let Ok(column) = array.into_column("x", &ArrowOptions::default().with_tensor(tensor)) else {
                continue;
            };
            if shape.is_empty() || shape.contains(&0) {
                continue;
            }
            let field = column.field.as_ref().clone();
            let arrays = [Ok(Arc::clone(&column.array))];
            let bytes = write::npy_column_to(Vec::new(), &field, arrays, &WriteOptions::default()).unwrap();
            let again = NpyArray::try_new(Buffer::from(bytes)).unwrap();
            assert_eq!(&again.header().shape()[..], &shape[..], "{file}");
            if let (Dtype::Scalar(before, _), Dtype::Scalar(after, _)) = (&dtype, again.header().dtype()) {
                assert_eq!(before, after, "{file}");
            }
            let again = again.into_column("x", &ArrowOptions::default().with_tensor(tensor)).unwrap();
            assert_eq!((again.field.as_ref(), &again.array), (&field, &column.array), "{file}");
            count += 1;
        }
    }
    assert!(count > 300, "{count} arrays came back");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Any array of the type table → Arrow → archive → Arrow is the same, whatever the batches.
    #[test]
    fn any_array_comes_back(
        descr in prop::sample::select(vec![
            "'|b1'", "'|i1'", "'<i2'", "'<i4'", "'<i8'", "'|u1'", "'<u2'", "'<u4'", "'<u8'", "'<f2'", "'<f4'", "'<f8'",
            "'<c8'", "'<c16'", "'<M8[ns]'", "'<M8[s]'", "'<m8[us]'", "'|V3'", "'|S5'",
            "[('a', '<i2'), ('b', '<f8', (2, 2)), ('c', [('d', '|u1'), ('e', '|S2')])]",
        ]),
        rows in 0_u64..40, inner in prop::collection::vec(1_u64..4, 0..3), seed in any::<u32>(),
        nested in any::<bool>(), compress in any::<bool>(), bool8 in any::<bool>(), step in 1_usize..50,
    ) {
        let mut shape = vec![rows];
        shape.extend(&inner);
        let header = header(descr, Order::C, &shape);
        let mut payload = noise(header.payload_len() as usize, seed);
        if descr.contains('b') && descr.len() < 6 {
            for byte in &mut payload {
                *byte &= 1;
            }
        }
        let options = if compress { deflated(6) } else { WriteOptions::default() };
        let tensor = if nested { TensorLayout::Nested } else { TensorLayout::FixedShape };
        let arrow = ArrowOptions::default().with_tensor(tensor).with_bool8(bool8);
        let read = ReadOptions::default().with_arrow(arrow);
        let raw = written(&[("x", header.clone(), payload.clone())], &options);
        let batch = NpzArchive::try_new(raw).unwrap().record_batch(&read).unwrap();

        let mut writer = NpzWriter::try_new(Vec::new(), &options).unwrap();
        writer.add_batch(&batch).unwrap();
        let one = writer.finish().unwrap();
        let pieces: Vec<Result<RecordBatch, ArrowError>> = (0..batch.num_rows())
            .step_by(step)
            .map(|start| Ok(batch.slice(start, step.min(batch.num_rows() - start))))
            .collect();
        let mut writer = NpzWriter::try_new(Vec::new(), &options).unwrap();
        writer.add_batches(RecordBatchIterator::new(pieces, batch.schema())).unwrap();
        prop_assert_eq!(&one, &writer.finish().unwrap(), "one batch and many");

        let archive = NpzArchive::try_new(Buffer::from(one)).unwrap();
        let again = archive.record_batch(&read).unwrap();
        // `S` is as long as its longest value; its Arrow type does not tell.
        prop_assert_eq!(&again, &batch);
        if !descr.contains('S') {
            let found = archive.array("x").unwrap();
            prop_assert_eq!((found.header().dtype(), found.header().shape()), (header.dtype(), header.shape()));
            prop_assert!(found.payload().as_slice() == payload);
        }
    }
}

#[test]
fn a_map_shares_every_member() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.npz");
    let names: Vec<String> = (1..40).map(|len| "n".repeat(len)).collect();
    let mut writer = NpzWriter::create(&path, &WriteOptions::default()).unwrap();
    for (index, name) in names.iter().enumerate() {
        let header = header("'<f8'", Order::C, &[index as u64 + 1, 3]);
        writer.add(name, &header, &noise(header.payload_len() as usize, 5)).unwrap();
    }
    writer.commit().unwrap();
    let archive = NpzArchive::with_options(Source::map(&path).unwrap(), &OpenOptions::default()).unwrap();
    for name in &names {
        let column = archive.array(name).unwrap().into_column(name, &ArrowOptions::default()).unwrap();
        assert_eq!(column.transfer, Transfer::Shared);
        let values = column.array.to_data().child_data()[0].buffers()[0].as_ptr();
        assert_eq!(values.align_offset(64), 0, "{name}");
        assert_eq!(values, archive.array(name).unwrap().payload().as_slice().as_ptr(), "the map itself");
    }
}

#[test]
fn archives_of_numpy_are_aligned_without_a_change() {
    let folder = TempDir::new().unwrap();
    let mut count = 0;
    for (file, _) in manifest::golden().into_iter().filter(|(file, _)| file.ends_with("npz")) {
        let path = manifest::data("golden").join(&file);
        let dest = folder.path().join("aligned.npz");
        align_file(&path, &dest, &WriteOptions::default()).unwrap();
        let (before, after) = (fs::read(&path).unwrap(), fs::read(&dest).unwrap());
        assert_eq!(by_zip(&before), by_zip(&after), "{file}");
        let infos = |path: &Path| NpzArchive::open(path).unwrap().info(&ArrowOptions::default());
        for (before, after) in infos(&path).into_iter().zip(infos(&dest)) {
            assert_eq!(
                (before.name, before.method, before.compressed_size),
                (after.name.clone(), after.method, after.compressed_size)
            );
            assert!(after.is_aligned() || after.payload_offset.is_none(), "{file}: {}", after.name);
            count += 1;
        }
        // Onto itself, once more.
        align_file(&dest, &dest, &WriteOptions::default()).unwrap();
        assert_eq!(fs::read(&dest).unwrap(), after);
    }
    assert!(count > 20, "{count}");
}

#[test]
fn aligning_finds_corrupt_members_and_keeps_what_is_no_array() {
    let folder = TempDir::new().unwrap();
    let (path, dest) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("read me", options).unwrap();
    writer.write_all(b"some text").unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    fs::write(&path, &bytes).unwrap();
    align_file(&path, &dest, &WriteOptions::default()).unwrap();
    assert_eq!(by_zip(&fs::read(&dest).unwrap()), [("read me".to_owned(), b"some text".to_vec())]);

    let place = bytes.windows(4).position(|window| window == b"text").unwrap();
    let mut corrupt = bytes;
    corrupt[place] ^= 1;
    fs::write(&path, &corrupt).unwrap();
    fs::remove_file(&dest).unwrap();
    let error = align_file(&path, &dest, &WriteOptions::default()).unwrap_err().to_string();
    assert!(error.contains("a.npz: read me: checksum is "), "{error}");
    assert!(!dest.exists());
    let memory = NpzArchive::try_new(Buffer::from(fs::read(&path).unwrap())).unwrap();
    let options = WriteOptions::default().with_align(3);
    let error = align(&memory, Vec::new(), &options).unwrap_err().to_string();
    assert_eq!(error, "align is 3, expected a power of two from 1 to 32768");
}

/// Takes any number of bytes, of which it keeps those that are not zero, as a sparse file does.
struct Sparse {
    file: fs::File,
    position: u64,
    zeros: Vec<u8>,
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use std::io::{Seek as _, SeekFrom};
        if bytes != &self.zeros[..bytes.len()] {
            self.file.seek(SeekFrom::Start(self.position))?;
            self.file.write_all(bytes)?;
        }
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.set_len(self.position)
    }
}

#[test]
fn archives_beyond_four_gib() {
    const HUGE: usize = (4 << 30) + 4096;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("huge.npz");
    // Fresh zeros are pages that nobody has touched, in memory as in a sparse file.
    let zeros = vec![0_u8; HUGE];
    let file = fs::File::create(&path).unwrap();
    let mut writer =
        NpzWriter::try_new(Sparse { file, position: 0, zeros: vec![0; 16 << 20] }, &WriteOptions::default())
            .unwrap();
    let small = [1_u8, 2, 3];
    writer.add("before", &header("'|u1'", Order::C, &[3]), &small).unwrap();
    writer.add("huge", &header("'|u1'", Order::C, &[HUGE as u64]), &zeros).unwrap();
    writer.add("behind", &header("'|u1'", Order::C, &[3]), &small).unwrap();
    writer.finish().unwrap();
    drop(zeros);

    let archive =
        NpzArchive::with_options(Source::map(&path).unwrap(), &OpenOptions::default().with_verify(false));
    let archive = archive.unwrap();
    for name in ["before", "behind"] {
        assert_eq!(archive.array(name).unwrap().payload().as_slice(), small);
    }
    assert_eq!(archive.array("huge").unwrap().payload().as_slice().len(), HUGE);
    assert!(archive.info(&ArrowOptions::default()).iter().all(npzarrow::npz::MemberInfo::is_aligned));
    let mut other = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(other.by_name("huge.npy").unwrap().size(), HUGE as u64 + 128);
    let mut content = Vec::new();
    other.by_name("behind.npy").unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content[128..], small);
    let rawzip =
        rawzip::ZipArchive::from_file(fs::File::open(&path).unwrap(), &mut vec![0; 1 << 16]).unwrap();
    assert_eq!(rawzip.entries_hint(), 3);
}

#[test]
fn more_members_than_16_bits_count() {
    let header = header("'|u1'", Order::C, &[1]);
    let mut writer = NpzWriter::try_new(Vec::new(), &WriteOptions::default().with_align(1)).unwrap();
    for index in 0..65_540 {
        writer.add(&index.to_string(), &header, &[7]).unwrap();
    }
    let bytes = writer.finish().unwrap();
    assert_eq!(zip::ZipArchive::new(Cursor::new(&bytes)).unwrap().len(), 65_540);
    let archive = NpzArchive::try_new(Buffer::from(bytes)).unwrap();
    assert_eq!(archive.array("65539").unwrap().payload().as_slice(), [7]);
}

fn files(folder: &TempDir) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A stream that fails behind its first batch.
fn failing(batch: &RecordBatch) -> impl RecordBatchReader + use<> {
    let error = Err(ArrowError::ComputeError("the stream broke".to_owned()));
    RecordBatchIterator::new(vec![Ok(batch.clone()), error], batch.schema())
}

#[test]
fn failures_leave_what_was_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.npz");
    let batch =
        RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]).unwrap();
    let nulls = RecordBatch::try_from_iter([
        ("x", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
        ("y", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef),
    ])
    .unwrap();
    let options = WriteOptions::default();
    for existing in [None, Some(b"what was there")] {
        if let Some(content) = existing {
            fs::write(&path, content).unwrap();
        }
        let interrupt = npzarrow::Interrupt::new();
        interrupt.request();
        let interrupted = options.clone().with_interrupt(interrupt);
        let path_text = path.display();
        for (error, text) in [
            (write::npz_batches(&path, failing(&batch), &options), "Compute error: the stream broke"),
            (
                write::npz(&path, &nulls, &options),
                r#"column "y": has 1 nulls, which dtype "<i8" cannot hold"#,
            ),
            (write::npz(&path, &batch, &interrupted), "interrupted"),
            (
                write::npy(&path, &header("'<i8'", Order::C, &[3]), &[0; 16], &options),
                r#"payload has 16 bytes, but shape (3,) of "<i8" needs 24"#,
            ),
            (write::npz(&path, &batch, &deflated(10)), "level is 10, expected a number from 1 to 9"),
        ] {
            assert_eq!(error.unwrap_err().to_string(), format!("{path_text}: {text}"));
        }
        drop(NpzWriter::create(&path, &options).unwrap());
        let found = files(&folder);
        match existing {
            None => assert!(found.is_empty(), "{found:?}"),
            Some(content) => {
                assert_eq!((found, fs::read(&path).unwrap()), (vec!["x.npz".to_owned()], content.to_vec()));
            }
        }
    }
    write::npz(&path, &batch, &options.with_sync(true)).unwrap();
    assert_eq!(NpzArchive::open(&path).unwrap().record_batch(&ReadOptions::default()).unwrap(), batch);
}

/// Writes that are killed in the middle: the child is this test, run again.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_killed_leaves_nothing() {
    if let Some(folder) = std::env::var_os("NPZARROW_TEST_KILLED") {
        let mut writer =
            NpzWriter::create(Path::new(&folder).join("x.npz"), &WriteOptions::default()).unwrap();
        writer.add("x", &header("'|u1'", Order::C, &[1 << 20]), &vec![1; 1 << 20]).unwrap();
        println!("half way");
        std::thread::sleep(std::time::Duration::from_mins(1));
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writing::a_process_that_is_killed_leaves_nothing", "--nocapture"])
        .env("NPZARROW_TEST_KILLED", folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = io::BufReader::new(child.stdout.take().unwrap());
    let lines = io::BufRead::lines(output);
    assert!(lines.map_while(Result::ok).any(|line| line.contains("half way")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(files(&folder).is_empty(), "{:?}", files(&folder));
}

#[test]
fn names_and_places_that_cannot_be() {
    let int8 = header("'|i1'", Order::C, &[1]);
    let long = "x".repeat(65_532);
    for (names, text) in [
        (&[""][..], r#"name ".npy" is empty"#),
        (&["a\0b"], r#"name "a\0b.npy" has a NUL, where other readers end it"#),
        (&["a", "b", "a"], r#"name "a.npy" is given twice"#),
        (&["a", "a.npy"], "readers do not tell apart"),
        (&["a.npy", "a"], "readers do not tell apart"),
        (&[&long], "is longer than the 65535 bytes that ZIP has for it"),
    ] {
        let mut writer = NpzWriter::try_new(Vec::new(), &WriteOptions::default()).unwrap();
        let arrays = names.iter().map(|&name| (name, &int8, &[1_u8][..]));
        let error = writer.add_all(arrays).unwrap_err().to_string();
        assert!(error.ends_with(text), "{error}");
    }
    let objects = header("[('x', '|O')]", Order::C, &[1]);
    let mut writer = NpzWriter::try_new(Vec::new(), &WriteOptions::default()).unwrap();
    let error = writer.add("x", &objects, &[0; 8]).unwrap_err().to_string();
    assert_eq!(error, "x: dtype [('x', '|O')] holds pickled Python objects, which are never loaded");

    let folder = TempDir::new().unwrap();
    let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    for place in [folder.path().join("no/such/x.npz"), folder.path().to_owned()] {
        let error = write::npz(&place, &batch, &WriteOptions::default()).unwrap_err();
        assert!(error.is_io() && error.to_string().starts_with(&place.display().to_string()), "{error}");
    }
    assert!(files(&folder).is_empty());
}

#[test]
fn streams_and_their_edges() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("i", DataType::Int64, false),
        Field::new("s", DataType::Utf8, true),
    ]));
    let batch = |range: std::ops::Range<i64>| {
        let texts: Vec<String> =
            range.clone().map(|i| "é".repeat(usize::try_from(i % 50).unwrap())).collect();
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from_iter_values(range)), Arc::new(StringArray::from(texts))];
        RecordBatch::try_new(Arc::clone(&schema), columns)
    };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.npz");
    // Enough for temporary files, and for several pieces of them.
    let reader =
        RecordBatchIterator::new((0..300).map(|i| batch(i * 1000..(i + 1) * 1000)), Arc::clone(&schema));
    for options in [WriteOptions::default(), deflated(1)] {
        let reader =
            RecordBatchIterator::new((0..300).map(|i| batch(i * 1000..(i + 1) * 1000)), Arc::clone(&schema));
        write::npz_batches(&path, reader, &options).unwrap();
        let archive = NpzArchive::open(&path).unwrap();
        assert_eq!(archive.header("s").unwrap().dtype(), &Dtype::from_type_str("U49").unwrap());
        let found = archive.record_batch(&ReadOptions::default()).unwrap();
        assert_eq!(found.columns(), batch(0..300_000).unwrap().columns());
        assert_eq!(files(&folder), ["x.npz"]);
    }
    drop(reader);

    // No batches: empty arrays; no columns: an empty archive.
    write::npz_batches(&path, RecordBatchIterator::new(vec![], schema), &WriteOptions::default()).unwrap();
    let archive = NpzArchive::open(&path).unwrap();
    assert_eq!(&archive.header("i").unwrap().shape()[..], [0]);
    let options = RecordBatchOptions::new().with_row_count(Some(5));
    let nothing = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    write::npz(&path, &nothing, &WriteOptions::default()).unwrap();
    assert!(NpzArchive::open(&path).unwrap().is_empty());
}

#[test]
fn masks_stand_beside_their_columns() {
    let batch = RecordBatch::try_from_iter([
        ("x", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef),
        ("y", Arc::new(Int64Array::from(vec![3, 4]))),
    ])
    .unwrap();
    let mut writer =
        NpzWriter::try_new(Vec::new(), &WriteOptions::default().with_nulls(Nulls::Mask)).unwrap();
    writer.add_batch(&batch).unwrap();
    let archive = NpzArchive::try_new(Buffer::from(writer.finish().unwrap())).unwrap();
    assert_eq!(archive.names().collect::<Vec<_>>(), ["x", "x_mask", "y"]);
    assert_eq!(archive.array("x_mask").unwrap().payload().as_slice(), [0, 1]);
    let clash = RecordBatch::try_from_iter([
        ("x", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef),
        ("x_mask", Arc::new(Int64Array::from(vec![3, 4]))),
    ])
    .unwrap();
    let mut writer =
        NpzWriter::try_new(Vec::new(), &WriteOptions::default().with_nulls(Nulls::Mask)).unwrap();
    assert_eq!(writer.add_batch(&clash).unwrap_err().to_string(), r#"name "x_mask.npy" is given twice"#);
    let column = [Ok(Arc::clone(batch.column(0)))];
    let options = WriteOptions::default().with_nulls(Nulls::Mask);
    let error = write::npy_column_to(Vec::new(), batch.schema_ref().field(0), column, &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nulls is mask, expected raise or nan, since a single array has no place for a mask"
    );
}
