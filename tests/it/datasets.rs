//! Many shards as one table: every way of reading gives the rows of all shards, in order.

#![expect(
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers here are small"
)]

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int32Type, Int64Type, UInt8Type, UInt64Type};
use arrow_array::{Array as _, RecordBatch};
use arrow_buffer::Buffer;
use npzarrow::arrow::RowLayout;
use npzarrow::dataset::{DatasetOptions, OnError, Task};
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{OpenOptions, Sample, collate};
use npzarrow::source::Memory;
use npzarrow::{Interrupt, NpzDataset, Result};
use tempfile::TempDir;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

fn npy(type_str: &str, order: Order, shape: &[u64], payload: &[u8]) -> Vec<u8> {
    let dtype = Dtype::from_type_str(type_str).unwrap();
    let header = Header::try_new(&dtype, order, &Shape::new(shape.to_vec())).unwrap();
    assert_eq!(header.payload_len(), payload.len() as u64);
    [header.to_bytes(), payload.to_vec()].concat()
}

fn ids(range: std::ops::Range<i64>) -> Vec<u8> {
    npy(
        "<i8",
        Order::C,
        &[range.end as u64 - range.start as u64],
        &range.flat_map(i64::to_le_bytes).collect::<Vec<_>>(),
    )
}

/// A matrix whose element is its row's number times ten plus its column's.
fn matrix(rows: std::ops::Range<i64>, order: Order) -> Vec<u8> {
    let (start, count) = (rows.start, (rows.end - rows.start) as usize);
    let element = |row: usize, column: usize| ((start + row as i64) * 10 + column as i64) as f32;
    let values: Vec<f32> = match order {
        Order::C => (0..count * 3).map(|i| element(i / 3, i % 3)).collect(),
        Order::Fortran => (0..count * 3).map(|i| element(i % count, i / count)).collect(),
    };
    npy("<f4", order, &[count as u64, 3], &values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>())
}

fn write(path: &Path, members: &[(&str, Vec<u8>)], deflated: bool) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    fs::write(path, writer.finish().unwrap().into_inner()).unwrap();
}

/// Ten shards of 100 rows each: an id, a matrix, and one value for all rows.
fn shards(order: Order, deflated: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    for shard in 0..10_i64 {
        let rows = shard * 100..(shard + 1) * 100;
        let scalar = npy("|u1", Order::C, &[], &[shard as u8]);
        let members = [("id.npy", ids(rows.clone())), ("x.npy", matrix(rows, order)), ("s.npy", scalar)];
        write(&folder.path().join(format!("{shard:02}.npz")), &members, deflated);
    }
    folder
}

fn dataset(folder: &TempDir, options: DatasetOptions) -> NpzDataset {
    NpzDataset::new([folder.path().to_string_lossy()], options)
}

fn collect(
    batches: impl Iterator<Item = std::result::Result<RecordBatch, arrow_schema::ArrowError>>,
) -> Vec<RecordBatch> {
    batches.collect::<std::result::Result<_, _>>().unwrap()
}

/// Checks ids and matrices of batches against their formula; returns the first id and the number of rows.
fn check(batches: &[RecordBatch]) -> (Option<i64>, usize) {
    let mut ids = Vec::new();
    for batch in batches {
        let column = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>();
        ids.extend(column.values());
        if let Some(x) = batch.column_by_name("x") {
            let x = x.as_fixed_size_list();
            x.to_data().validate_full().unwrap();
            for (row, id) in column.values().iter().enumerate() {
                let row = x.value(row);
                let expected: Vec<f32> = (0..3).map(|column| (id * 10 + column) as f32).collect();
                assert_eq!(row.as_primitive::<Float32Type>().values(), &expected[..]);
            }
        }
    }
    assert!(ids.is_sorted_by(|a, b| a + 1 == *b), "in order, without gaps");
    (ids.first().copied(), ids.len())
}

#[test]
fn every_way_of_reading() {
    for order in [Order::C, Order::Fortran] {
        for deflated in [false, true] {
            let folder = shards(order, deflated);
            for threads in [1, 3] {
                for (batch_rows, batch_bytes, mmap) in [
                    (None, 32 << 20, false),
                    (Some(7), 32 << 20, false),
                    (None, 100, false),
                    (Some(33), 32 << 20, true),
                ] {
                    let mut options = DatasetOptions::default();
                    options.open = options.open.with_threads(threads);
                    (options.batch_rows, options.batch_bytes, options.mmap) = (batch_rows, batch_bytes, mmap);
                    let case = format!("{order} {deflated} {threads} {batch_rows:?} {batch_bytes} {mmap}");
                    let dataset = dataset(&folder, options);
                    assert_eq!(dataset.num_rows().unwrap(), 1000);
                    assert_eq!(check(&collect(dataset.scan(None, None).unwrap())), (Some(0), 1000), "{case}");
                    let projected = collect(dataset.scan(Some(&["x", "id"]), None).unwrap());
                    assert_eq!(projected[0].num_columns(), 2);
                    assert_eq!(check(&projected), (Some(0), 1000), "{case}");
                    for limit in [0, 1, 99, 100, 101, 999, 2000] {
                        let batches = collect(dataset.scan(None, Some(limit)).unwrap());
                        assert_eq!(check(&batches).1 as u64, limit.min(1000), "{case} limit {limit}");
                    }
                    for target in [None, Some(40), Some(500), Some(5000), Some(1 << 30)] {
                        let tasks = dataset.plan(target).unwrap();
                        match target {
                            None => assert_eq!(tasks.len(), 10),
                            Some(5000) => assert_eq!(tasks.len(), 5),
                            Some(target) if target > 5000 => assert_eq!(tasks.len(), 1),
                            Some(_) => assert_eq!(tasks.len() > 10, !deflated),
                        }
                        assert_eq!(tasks.iter().map(|task| task.num_rows).sum::<u64>(), 1000);
                        for task in tasks.iter().step_by(7) {
                            let batches = collect(dataset.read(task, None).unwrap());
                            let expected = (Some(task.first_row as i64), task.num_rows as usize);
                            assert_eq!(check(&batches), expected, "{case} target {target:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn columns_that_are_added() {
    let folder = TempDir::new().unwrap();
    for (path, start) in [("split=test/day=2026-01-02/a.npz", 0), ("split=train/day=2026-01-01/a.npz", 3)] {
        write(&folder.path().join(path), &[("id.npy", ids(start..start + 3))], false);
    }
    let mut options = DatasetOptions::default();
    options.include_file_paths = Some("path".to_owned());
    options.row_index = Some("row".to_owned());
    let dataset = dataset(&folder, options.clone());
    let schema = dataset.schema().unwrap();
    let names: Vec<_> =
        schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
    assert_eq!(names, ["id: Int64", "split: Utf8", "day: Date32", "path: Utf8", "row: UInt64"]);
    let batches = collect(dataset.scan(None, None).unwrap());
    let rows: Vec<u64> =
        batches.iter().flat_map(|b| b["row"].as_primitive::<UInt64Type>().values().to_vec()).collect();
    assert_eq!(rows, [0, 1, 2, 3, 4, 5]);
    assert_eq!(batches[0]["split"].as_string::<i32>().value(3), "train");
    assert!(batches[0]["path"].as_string::<i32>().value(5).ends_with("split=train/day=2026-01-01/a.npz"));
    let second = collect(dataset.read(&dataset.plan(None).unwrap()[1], Some(&["row"])).unwrap());
    assert_eq!(second[0]["row"].as_primitive::<UInt64Type>().values(), &[3, 4, 5]);

    options.row_index = Some("id".to_owned());
    let error = NpzDataset::new([folder.path().to_string_lossy()], options).schema().unwrap_err();
    assert_eq!(error.to_string(), "column \"id\" is there twice: rename the one that is added");
}

#[test]
fn shards_that_differ() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (i4, u1) =
        (npy("<i4", Order::C, &[2], &[1, 0, 0, 0, 2, 0, 0, 0]), npy("|u1", Order::C, &[2], &[7, 8]));
    write(&path("a.npz"), &[("id.npy", ids(0..2)), ("n.npy", i4)], false);
    write(&path("b.npz"), &[("n.npy", u1.clone()), ("extra.npy", u1)], false);
    let strict = dataset(&folder, DatasetOptions::default()).schema().unwrap_err().to_string();
    let (a, b) = (path("a.npz"), path("b.npz"));
    assert_eq!(strict, format!("{}: n: column is UInt8, but Int32 in {}", b.display(), a.display()));

    let mut options = DatasetOptions::default();
    options.widen = true;
    let widened = dataset(&folder, options);
    let schema = widened.schema().unwrap();
    let fields: Vec<_> = schema.fields().iter().map(|f| (f.name().as_str(), f.is_nullable())).collect();
    assert_eq!(fields, [("id", true), ("n", false), ("extra", true)]);
    let batches = collect(widened.scan(None, None).unwrap());
    assert_eq!(batches[1]["n"].as_primitive::<Int32Type>().values(), &[7, 8]);
    assert_eq!((batches[1]["id"].null_count(), batches[0]["extra"].null_count()), (2, 2));
    assert_eq!(batches[1]["extra"].as_primitive::<UInt8Type>().values(), &[7, 8]);

    let mut options = DatasetOptions::default();
    options.columns = Some(vec!["extra".to_owned(), "id.npy".to_owned()]);
    let selected = dataset(&folder, options.clone()).schema().unwrap();
    assert_eq!(selected.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(), ["extra", "id"]);
    options.columns = Some(vec!["none".to_owned()]);
    let error = dataset(&folder, options).schema().unwrap_err();
    assert_eq!(error.to_string(), "none is not a file in the archive");
}

#[test]
fn bad_shards_are_named_or_counted() {
    let folder = shards(Order::C, false);
    let damaged = folder.path().join("03.npz");
    let mut bytes = fs::read(&damaged).unwrap();
    let position = bytes.windows(8).position(|window| window == 305_i64.to_le_bytes()).unwrap();
    bytes[position] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    fs::write(folder.path().join("05.npz"), b"half an archive").unwrap();
    let error = dataset(&folder, DatasetOptions::default()).schema().unwrap_err().to_string();
    assert!(error.ends_with("05.npz: The data is not a valid zip file."), "{error}");

    for threads in [1, 4] {
        let mut options = DatasetOptions::default();
        options.on_error = OnError::Skip;
        options.open = options.open.with_threads(threads);
        let skipping = dataset(&folder, options);
        assert_eq!((skipping.num_rows().unwrap(), skipping.skipped().unwrap().len()), (900, 1));
        let batches = collect(skipping.scan(Some(&["id"]), None).unwrap());
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 800);
        assert_eq!(skipping.skipped().unwrap().len(), 2, "the damage shows only when the member is read");
    }
    fs::remove_file(folder.path().join("05.npz")).unwrap();
    for threads in [1, 4] {
        let mut options = DatasetOptions::default();
        options.open = options.open.with_threads(threads);
        let raising = dataset(&folder, options).scan(None, None).unwrap();
        let results: Vec<_> = raising.map(|batch| batch.map_err(|error| error.to_string())).collect();
        let error = results.iter().find_map(|result| result.as_ref().err()).unwrap();
        assert!(error.contains("03.npz: id.npy: checksum is "), "{error}");
        let good = results.iter().map_while(|result| result.as_ref().ok());
        assert_eq!(good.map(RecordBatch::num_rows).sum::<usize>(), 300, "the shards before are there");
        assert!(results.last().unwrap().is_err(), "nothing follows");
    }
}

#[test]
fn a_shard_that_changes_between_plan_and_read() {
    let folder = shards(Order::C, true);
    let dataset = dataset(&folder, DatasetOptions::default());
    let tasks = dataset.plan(None).unwrap();
    let read =
        |index: usize| -> Result<Option<RecordBatch>> { dataset.read(&tasks[index], None)?.next_batch() };
    assert_eq!(read(0).unwrap().unwrap().num_rows(), 100);
    fs::remove_file(&tasks[0].shards[0].path).unwrap();
    assert!(read(0).unwrap_err().is_io());
    write(&tasks[1].shards[0].path, &[("id.npy", ids(0..50))], true);
    let error = read(1).unwrap_err().to_string();
    assert!(error.contains("shard has changed since it was planned: its size is "), "{error}");
    let bytes = fs::read(&tasks[2].shards[0].path).unwrap();
    fs::write(&tasks[2].shards[0].path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(read(2).is_err());
}

#[test]
fn large_deflated_members_are_streamed_and_verified_at_their_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.npz");
    write(&path, &[("id.npy", ids(0..100_000))], true);
    let mut options = DatasetOptions::default();
    options.batch_bytes = 8 * 1000;
    let batches = collect(dataset(&folder, options.clone()).scan(None, None).unwrap());
    assert_eq!((batches.len(), check(&batches)), (100, (Some(0), 100_000)));

    let mut bytes = fs::read(&path).unwrap();
    let checksum = bytes.windows(4).rposition(|window| window == [b'P', b'K', 1, 2]).unwrap() + 16;
    bytes[checksum] ^= 1;
    fs::write(&path, bytes).unwrap();
    let results: Vec<_> = dataset(&folder, options).scan(None, None).unwrap().collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 99);
    assert!(results[99].as_ref().unwrap_err().to_string().contains("id.npy: checksum is "));
}

#[test]
fn bare_files_and_records() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.npy"), matrix(0..4, Order::C)).unwrap();
    let batches = collect(dataset(&folder, DatasetOptions::default()).scan(None, None).unwrap());
    assert_eq!(batches[0]["data"].as_fixed_size_list().value_length(), 3);

    let header = b"\x93NUMPY\x01\x00\x5a\x00{'descr': [('id', '<i8'), ('b', '|u1')], 'fortran_order': False, 'shape': (3,), }";
    let mut records = header.to_vec();
    records.resize(99, b' ');
    records.push(b'\n');
    for id in 0..3_u8 {
        records.extend(i64::from(id).to_le_bytes());
        records.push(id * 2);
    }
    fs::write(folder.path().join("a.npy"), &records).unwrap();
    let dataset = dataset(&folder, DatasetOptions::default());
    let batches = collect(dataset.scan(Some(&["b", "id"]), None).unwrap());
    assert_eq!(batches[0]["b"].as_primitive::<UInt8Type>().values(), &[0, 2, 4]);
    assert_eq!(check(&batches), (Some(0), 3));
}

#[test]
fn nothing_there_is_an_error_that_names_the_pattern() {
    let folder = TempDir::new().unwrap();
    for source in ["", "*.npz", "none.npz"] {
        let source = folder.path().join(source).to_string_lossy().into_owned();
        let error = NpzDataset::new([source.clone()], DatasetOptions::default()).schema().unwrap_err();
        assert!(error.is_io() && error.to_string().starts_with(&source), "{error}");
    }
}

/// Forty shards of 4000 ids each, enough for threads.
fn many(deflated: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    for shard in 0..40_i64 {
        let rows = shard * 4000..(shard + 1) * 4000;
        let members = [("id.npy", ids(rows.clone())), ("x.npy", matrix(rows, Order::C))];
        write(&folder.path().join(format!("{shard:02}.npz")), &members, deflated);
    }
    folder
}

fn small_batches(threads: usize) -> DatasetOptions {
    let mut options = DatasetOptions::default();
    options.open = options.open.with_threads(threads);
    options.batch_bytes = 50_000;
    options
}

#[test]
fn threads_keep_the_order() {
    for deflated in [false, true] {
        let folder = many(deflated);
        for threads in [1, 2, 5] {
            for (batch_rows, batch_bytes) in
                [(None, 50_000), (Some(1000), 50_000), (None, 1 << 20), (Some(1), 1 << 20)]
            {
                let mut options = small_batches(threads);
                (options.batch_rows, options.batch_bytes) = (batch_rows, batch_bytes);
                let dataset = dataset(&folder, options);
                let batches = collect(dataset.scan(None, None).unwrap());
                assert_eq!(check(&batches), (Some(0), 160_000), "{threads} {batch_rows:?} {batch_bytes}");
                let most = batches.iter().map(RecordBatch::num_rows).max().unwrap();
                assert!(batch_rows.is_none_or(|rows| most <= rows), "{most} rows");
                let batches = collect(dataset.scan(Some(&["id"]), Some(90_001)).unwrap());
                assert_eq!(check(&batches), (Some(0), 90_001));
            }
            // A scan that is dropped half way leaves nobody waiting.
            let mut scan = dataset(&folder, small_batches(threads)).scan(None, None).unwrap();
            assert!(scan.next_batch().unwrap().is_some());
        }
    }
}

#[test]
fn threads_stop_at_an_error() {
    let folder = many(false);
    let damaged = folder.path().join("21.npz");
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[10_000] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    for threads in [1, 2, 5] {
        let mut options = small_batches(threads);
        options.batch_bytes = 1 << 20;
        let results: Vec<_> = dataset(&folder, options.clone()).scan(None, None).unwrap().collect();
        let good = results.iter().map_while(|result| result.as_ref().ok());
        assert_eq!(good.map(RecordBatch::num_rows).sum::<usize>(), 21 * 4000);
        let error = results.last().unwrap().as_ref().unwrap_err().to_string();
        assert!(error.contains("21.npz: id.npy: checksum is "), "{error}");
        options.on_error = OnError::Skip;
        let skipping = dataset(&folder, options);
        let batches = collect(skipping.scan(None, Some(100_000)).unwrap());
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 100_000, "as many as there are");
        assert_eq!(skipping.skipped().unwrap().len(), 1);
    }
}

/// Samples of a label without axes, a matrix in either order, and a line of text.
fn samples(count: i64, order: Order, deflated: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    for sample in 0..count {
        let label = npy("<i8", Order::C, &[], &sample.to_le_bytes());
        let text = npy(
            "<U2",
            Order::C,
            &[1],
            &"ab".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<_>>(),
        );
        let members =
            [("x.npy", matrix(sample * 2..sample * 2 + 2, order)), ("label.npy", label), ("t.npy", text)];
        write(&folder.path().join(format!("{sample:04}.npz")), &members, deflated);
    }
    folder
}

#[test]
fn archives_as_rows() {
    for order in [Order::C, Order::Fortran] {
        for deflated in [false, true] {
            let folder = samples(100, order, deflated);
            for (threads, batch_rows, mmap) in [(1, None, false), (3, Some(7), false), (2, None, true)] {
                let mut options = DatasetOptions::default();
                options.arrow.rows = RowLayout::Archive;
                options.open = options.open.with_threads(threads);
                (options.batch_rows, options.mmap) = (batch_rows, mmap);
                let dataset = dataset(&folder, options);
                assert_eq!(dataset.num_rows().unwrap(), 100);
                let batches = collect(dataset.scan(None, None).unwrap());
                let mut row = 0;
                for batch in &batches {
                    assert_eq!(batch["t"].as_fixed_size_list().values().as_string::<i32>().value(0), "ab");
                    for index in 0..batch.num_rows() {
                        assert_eq!(batch["label"].as_primitive::<Int64Type>().value(index), row);
                        let x = batch["x"].as_fixed_size_list().value(index);
                        let expected = [0, 1, 2, 10, 11, 12].map(|element| (row * 20 + element) as f32);
                        assert_eq!(x.as_primitive::<Float32Type>().values(), &expected);
                        row += 1;
                    }
                }
                assert_eq!(row, 100);
                assert!(
                    mmap || batches.len() == 100_usize.div_ceil(batch_rows.unwrap_or(100)),
                    "{}",
                    batches.len()
                );
                assert_eq!(dataset.plan(None).unwrap().len(), 1, "small archives are one task");
            }
        }
    }
}

#[test]
fn samples_are_collated() {
    for order in [Order::C, Order::Fortran] {
        for deflated in [false, true] {
            let folder = samples(50, order, deflated);
            let path = |index: usize| folder.path().join(format!("{index:04}.npz"));
            let paths: Vec<_> = (0..50).map(|index| Sample::Path(path(index))).collect();
            let bytes = |index| Sample::Memory(Memory::new(Buffer::from(fs::read(path(index)).unwrap())));
            let memory: Vec<_> = (0..50).map(bytes).collect();
            for (samples, threads) in [(&paths, 1), (&paths, 3), (&memory, 1), (&memory, 3)] {
                let options = OpenOptions::default().with_threads(threads);
                let arrays = collate(samples, None, &options, &Interrupt::default()).unwrap();
                let names: Vec<_> =
                    arrays.iter().map(|(name, array)| (name.as_str(), &array.header().shape()[..])).collect();
                assert_eq!(names, [("x", &[50, 2, 3][..]), ("label", &[50]), ("t", &[50, 1])]);
                let labels: Vec<u8> = (0..50_i64).flat_map(i64::to_le_bytes).collect();
                assert_eq!(arrays[1].1.payload().as_slice(), labels);
                let x = (0..100_i64).flat_map(|row| (0..3).map(move |column| (row * 10 + column) as f32));
                let x: Vec<u8> = x.flat_map(f32::to_le_bytes).collect();
                assert_eq!(arrays[0].1.payload().as_slice(), x);
                let names = ["label.npy".to_owned()];
                let label = collate(samples, Some(&names), &options, &Interrupt::default()).unwrap();
                assert_eq!((label.len(), label[0].0.as_str()), (1, "label"));
            }
        }
    }
}

#[test]
fn samples_that_do_not_fit() {
    let folder = samples(3, Order::C, false);
    let path = folder.path().join("0001.npz");
    let first = folder.path().join("0000.npz");
    let samples: Vec<_> = (0..3).map(|i| Sample::Path(folder.path().join(format!("000{i}.npz")))).collect();
    let label = || npy("<i8", Order::C, &[], &[0; 8]);
    let text = || npy("<U2", Order::C, &[1], &[0; 8]);
    let x = || matrix(0..2, Order::C);
    let (path, first) = (path.display(), first.display());
    for (members, expected) in [
        (vec![("x.npy", x()), ("t.npy", text())], format!("{path}: label is not a file in the archive")),
        (
            vec![("x.npy", matrix(0..3, Order::C)), ("label.npy", label()), ("t.npy", text())],
            format!("{path}: x.npy: column is '<f4' of shape (3, 3), but '<f4' of shape (2, 3) in {first}"),
        ),
        (
            vec![("x.npy", x()), ("label.npy", text()), ("t.npy", text())],
            format!("{path}: label.npy: column is '<U2' of shape (1,), but '<i8' of shape () in {first}"),
        ),
        (
            vec![("x.npy", x()), ("label.npy", label()), ("t.npy", text()), ("y.npy", label())],
            format!("{path}: y.npy: column is '<i8' of shape (), but absent in {first}"),
        ),
    ] {
        write(&folder.path().join("0001.npz"), &members, false);
        let error = collate(&samples, None, &OpenOptions::default(), &Interrupt::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert!(collate(&[], None, &OpenOptions::default(), &Interrupt::default()).unwrap().is_empty());
}

#[test]
fn tasks_are_read_elsewhere_without_the_other_shards() {
    let folder = shards(Order::C, false);
    let here = dataset(&folder, DatasetOptions::default());
    let tasks = serde_json::to_string(&here.plan(None).unwrap()).unwrap();
    let columns = serde_json::to_string(here.columns().unwrap()).unwrap();
    for shard in 0..10 {
        if shard != 4 {
            fs::remove_file(folder.path().join(format!("{shard:02}.npz"))).unwrap();
        }
    }
    let tasks: Vec<Task> = serde_json::from_str(&tasks).unwrap();
    let there = dataset(&folder, DatasetOptions::default());
    there.set_columns(serde_json::from_str(&columns).unwrap());
    assert_eq!(there.schema().unwrap(), here.schema().unwrap());
    assert_eq!(check(&collect(there.read(&tasks[4], None).unwrap())), (Some(400), 100));
    assert!(there.read(&tasks[5], None).unwrap_err().is_io());
}
