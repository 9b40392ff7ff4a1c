//! Archives beside the `zip` crate: as many members, of such sizes, in such order.

use std::io::{Cursor, Write as _};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, UInt8Type};
use arrow_buffer::Buffer;
use npzarrow::arrow::{ArrowOptions, RowLayout};
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{OpenOptions, ReadOptions, Unsupported};
use npzarrow::{Interrupt, NpzArchive};
use tempfile::TempDir;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::paths::sources;

fn npy(type_str: &str, shape: &[u64], payload: &[u8]) -> Vec<u8> {
    let dtype = Dtype::from_type_str(type_str).unwrap();
    let header = Header::try_new(&dtype, Order::C, &Shape::new(shape.to_vec())).unwrap();
    [header.to_bytes(), payload.to_vec()].concat()
}

fn zip(members: &[(&str, Vec<u8>)], options: SimpleFileOptions) -> Buffer {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    Buffer::from(writer.finish().unwrap().into_inner())
}

fn bytes(values: &[u8]) -> Vec<u8> {
    npy("|u1", &[values.len() as u64], values)
}

#[test]
fn what_the_zip_crate_writes() {
    let members = [("a.npy", bytes(&[1, 2])), ("b.npy", bytes(&[3])), ("read me", b"text".to_vec())];
    let plain = SimpleFileOptions::default();
    for (name, options) in [
        ("stored", plain.compression_method(CompressionMethod::Stored)),
        ("deflated", plain.compression_method(CompressionMethod::Deflated)),
        ("zip64", plain.compression_method(CompressionMethod::Stored).large_file(true)),
        ("zip64 deflated", plain.compression_method(CompressionMethod::Deflated).large_file(true)),
        ("aligned", plain.compression_method(CompressionMethod::Stored).with_alignment(64)),
    ] {
        let archive = NpzArchive::try_new(zip(&members, options)).unwrap();
        assert_eq!(archive.names().collect::<Vec<_>>(), ["a", "b", "read me"], "{name}");
        assert_eq!(archive.array("a").unwrap().payload().as_slice(), [1, 2], "{name}");
        assert_eq!(archive.array("b.npy").unwrap().payload().as_slice(), [3], "{name}");
        assert_eq!(
            archive.array("read me").unwrap_err().to_string(),
            r#"read me: not NPY data: begins with "text", not with "\x93NUMPY""#
        );
        assert_eq!(archive.array("c").unwrap_err().to_string(), "c is not a file in the archive");
        let aligned = archive.info(&ArrowOptions::default())[1].is_aligned();
        assert_eq!(aligned, name == "aligned");
    }
}

#[test]
fn more_members_than_16_bits_count() {
    for count in [65_534_u32, 65_535, 65_536, 70_000] {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for index in 0..count {
            writer.start_file(format!("{index}.npy"), options).unwrap();
            if index == count - 1 {
                writer.write_all(&bytes(&[42])).unwrap();
            }
        }
        let archive = NpzArchive::try_new(Buffer::from(writer.finish().unwrap().into_inner())).unwrap();
        assert_eq!(archive.len(), count as usize);
        let last = format!("{}", count - 1);
        assert_eq!(archive.array(&last).unwrap().payload().as_slice(), [42]);
    }
}

#[test]
fn rows_and_their_mismatch() {
    let options = SimpleFileOptions::default();
    let members = [
        ("a.npy", bytes(&[1, 2, 3])),
        ("b.npy", npy("|u1", &[3, 2], &[1, 2, 3, 4, 5, 6])),
        ("c.npy", npy("<i8", &[], &7_i64.to_le_bytes())),
        ("d.npy", bytes(&[1, 2])),
    ];
    let archive = NpzArchive::try_new(zip(&members, options)).unwrap();
    assert_eq!(
        archive.record_batch(&ReadOptions::default()).unwrap_err().to_string(),
        "members differ in rows: a has 3, b has 3, d has 2; name members of equal length with columns=, \
         or read each archive as one row with rows=\"archive\""
    );
    let batch = archive.record_batch(&ReadOptions::default().with_columns(["c", "b", "a"])).unwrap();
    let names: Vec<_> = batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!((batch.num_rows(), names), (3, vec!["c".to_owned(), "b".to_owned(), "a".to_owned()]));
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[7, 7, 7], "repeated for every row");
    assert_eq!(batch.column(2).as_primitive::<UInt8Type>().values(), &[1, 2, 3]);

    let one_row = ReadOptions::default().with_arrow(ArrowOptions::default().with_rows(RowLayout::Archive));
    let batch = archive.record_batch(&one_row).unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (1, 4));
    assert_eq!(batch.column(1).as_fixed_size_list().value_length(), 6);
    assert_eq!(batch.schema_ref(), &std::sync::Arc::new(archive.schema(&one_row).unwrap()));

    let scalars = NpzArchive::try_new(zip(&members[2..3], options)).unwrap();
    assert_eq!(scalars.record_batch(&ReadOptions::default()).unwrap().num_rows(), 1);
    let empty = NpzArchive::try_new(zip(&[], options)).unwrap();
    assert!(empty.is_empty() && !scalars.is_empty());
    assert_eq!(empty.record_batch(&ReadOptions::default()).unwrap().num_rows(), 0);
}

#[test]
fn rows_of_a_member() {
    let values: Vec<u8> = (0..24).collect();
    let header = |order| {
        let dtype = Dtype::from_type_str("|u1").unwrap();
        Header::try_new(&dtype, order, &Shape::new(vec![6, 2, 2])).unwrap()
    };
    let member = |order| [header(order).to_bytes(), values.clone()].concat();
    let members = [("c.npy", member(Order::C)), ("f.npy", member(Order::Fortran))];
    let folder = TempDir::new().unwrap();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let data = zip(&members, SimpleFileOptions::default().compression_method(method));
        for (way, source) in sources(&data, &folder) {
            let archive = NpzArchive::with_options(source, &OpenOptions::default()).unwrap();
            let rows = |index, range| archive.rows_at(index, range, &Interrupt::default());
            for (index, order) in [Order::C, Order::Fortran].into_iter().enumerate() {
                for (start, end) in [(0, 6), (0, 1), (2, 5), (5, 6), (3, 3), (6, 6)] {
                    let found = rows(index, start..end).unwrap();
                    let place = |row: u64, column: u64| match order {
                        Order::C => row * 4 + column,
                        // Columns come first, and those of the last axis last.
                        Order::Fortran => row + 6 * column,
                    };
                    let expected: Vec<u64> = match order {
                        Order::C => (start..end).flat_map(|row| (0..4).map(move |c| place(row, c))).collect(),
                        Order::Fortran => {
                            (0..4).flat_map(|c| (start..end).map(move |row| place(row, c))).collect()
                        }
                    };
                    let found_values: Vec<u64> =
                        found.payload().as_slice().iter().map(|&value| u64::from(value)).collect();
                    assert_eq!(found_values, expected, "{way} {order} {start}..{end}");
                    assert_eq!(found.header().shape()[..], [end - start, 2, 2], "{way}");
                }
                for (start, end, text) in [(0, 7, "row 7 exceeds the limit of 6"), (9, 3, "row 9 exceeds")] {
                    let error = rows(index, start..end).unwrap_err().to_string();
                    assert!(error.contains(text), "{way}: {error}");
                }
            }
            let error = rows(2, 0..1).unwrap_err().to_string();
            assert!(error.ends_with("2 is not a file in the archive"), "{way}: {error}");
        }
    }
}

#[test]
fn columns_that_are_not_selected_are_not_touched() {
    let mut object = bytes(&[1, 2]);
    let position = object.windows(3).position(|window| window == b"|u1").unwrap();
    object[position..position + 4].copy_from_slice(b"|O',");
    let members =
        [("a.npy", bytes(&[1, 2])), ("objects.npy", object), ("broken.npy", b"\x93NUMPY?".to_vec())];
    let archive = NpzArchive::try_new(zip(&members, SimpleFileOptions::default())).unwrap();
    assert!(archive.record_batch(&ReadOptions::default()).is_err());
    let batch = archive.record_batch(&ReadOptions::default().with_columns(["a"])).unwrap();
    assert_eq!(batch.num_columns(), 1);
    let unknown = archive.record_batch(&ReadOptions::default().with_columns(["a", "z"])).unwrap_err();
    assert_eq!(unknown.to_string(), "z is not a file in the archive");
    let twice = archive.record_batch(&ReadOptions::default().with_columns(["a", "a.npy"])).unwrap_err();
    assert_eq!(twice.to_string(), r#"column "a" is asked for twice"#);
}

#[test]
fn unsupported_dtypes_are_named_or_skipped() {
    let objects =
        b"\x93NUMPY\x01\x00\x3a\x00{'descr': '|O', 'fortran_order': False, 'shape': (2,), } \n".to_vec();
    let long_double = npy("<f16", &[2], &[0; 32]);
    let members = [("a.npy", bytes(&[1, 2])), ("o.npy", objects), ("g.npy", long_double)];
    let archive = NpzArchive::try_new(zip(&members, SimpleFileOptions::default())).unwrap();
    let error = archive.record_batch(&ReadOptions::default().with_columns(["o"])).unwrap_err();
    assert_eq!(error.to_string(), "o.npy: dtype \"|O\" holds pickled Python objects, which are never loaded");
    let error = archive.record_batch(&ReadOptions::default().with_columns(["g"])).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().starts_with("g.npy: dtype \"<f16\" "), "{error}");
    let batch = archive.record_batch(&ReadOptions::default().with_unsupported(Unsupported::Skip)).unwrap();
    assert_eq!(batch.num_columns(), 1);
    assert_eq!(
        archive.schema(&ReadOptions::default().with_unsupported(Unsupported::Skip)).unwrap().fields().len(),
        1
    );
}

#[test]
fn the_quota_counts_what_deflated_members_declare() {
    let members = [("a.npy", bytes(&[0; 1000])), ("b.npy", bytes(&[0; 1000]))];
    let declared = 2 * members[0].1.len() as u64;
    let deflated =
        zip(&members, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated));
    let stored = zip(&members, SimpleFileOptions::default().compression_method(CompressionMethod::Stored));
    let limited = |limit| OpenOptions::default().with_max_uncompressed(limit);
    assert!(NpzArchive::with_options(deflated.clone(), &limited(declared)).is_ok());
    let error = NpzArchive::with_options(deflated, &limited(declared - 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("declared size of all deflated members {declared} exceeds the limit of {}", declared - 1)
    );
    assert!(error.is_limit());
    assert!(NpzArchive::with_options(stored, &limited(0)).is_ok(), "stored members cannot expand");
}

#[test]
fn large_members_by_blocks_and_by_threads() {
    // Above the size from which members are inflated block by block, and huge pages are used.
    let len = (257_u64 << 20) + 12_345;
    let mut payload = vec![0_u8; len as usize];
    payload[1 << 20] = 1;
    payload[len as usize - 1] = 2;
    let members = [("x.npy", npy("|u1", &[len], &payload))];
    for method in [CompressionMethod::Deflated, CompressionMethod::Stored] {
        let bytes = zip(&members, SimpleFileOptions::default().compression_method(method));
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.npz");
        std::fs::write(&path, &bytes).unwrap();
        for archive in [NpzArchive::try_new(bytes).unwrap(), NpzArchive::open(&path).unwrap()] {
            let array = archive.array("x").unwrap();
            assert!(array.payload().as_slice() == payload, "{method}");
            let interrupt = Interrupt::new();
            interrupt.request();
            if method == CompressionMethod::Deflated {
                let error = archive.array_at(0, &interrupt).unwrap_err();
                assert!(error.to_string().ends_with("x.npy: interrupted"), "{error}");
            }
        }
    }
}
