//! Every row of the table, its nulls, and what has no row.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, StringDictionaryBuilder};
use arrow_array::types::{Int8Type, UInt8Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    DurationSecondArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, IntervalYearMonthArray, LargeStringArray, ListArray, NullArray, RecordBatch,
    StringArray, StringViewArray, StructArray, Time64NanosecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt16Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema};
use half::f16;

use super::super::schema::DTYPE_KEY;
use super::*;
use crate::convert::to_usize;

/// `descr`, shape and bytes.
type Found = (String, Vec<u64>, Vec<u8>);

/// Exports batches of one column; returns `descr`, shape and bytes of each array.
fn export(field: &Field, arrays: &[ArrayRef], nulls: Nulls, storage: Storage) -> Result<Vec<Found>> {
    let schema = Arc::new(Schema::new(vec![field.clone()]));
    let folder = tempfile::TempDir::new().unwrap();
    let mut exporter = Exporter::try_new(&schema, nulls, storage, folder.path())?;
    for array in arrays {
        exporter.push(&RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(array)]).unwrap())?;
    }
    let arrays = exporter.finish()?.into_iter().map(|array| {
        assert_eq!(array.payload.len(), array.header.payload_len());
        let bytes = array.payload.get(0, to_usize(array.payload.len())).unwrap().into_owned();
        (array.header.dtype().quoted(), array.header.shape().to_vec(), bytes)
    });
    Ok(arrays.collect())
}

fn field(array: &ArrayRef, key: Option<&str>) -> Field {
    let metadata = key.map(|key| (DTYPE_KEY.to_owned(), key.to_owned()));
    Field::new("x", array.data_type().clone(), true).with_metadata(metadata.into_iter().collect())
}

fn longs(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

fn utf32(values: &[&str], len: usize) -> Vec<u8> {
    let padded = |value: &&str| {
        let mut points: Vec<u32> = value.chars().map(u32::from).collect();
        points.resize(len, 0);
        points
    };
    values.iter().flat_map(padded).flat_map(u32::to_ne_bytes).collect()
}

fn fixed(items: ArrayRef, size: i32, nulls: Option<NullBuffer>) -> ArrayRef {
    let item = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    Arc::new(FixedSizeListArray::try_new(item, size, items, nulls).unwrap())
}

const NAT: i64 = i64::MIN;
const LITTLE: bool = cfg!(target_endian = "little");

type Row = (ArrayRef, Option<&'static str>, &'static str, Vec<u8>);

fn rows() -> Vec<Row> {
    let date = |days: Vec<Option<i32>>| Arc::new(Date32Array::from(days)) as ArrayRef;
    let mut void = FixedSizeBinaryBuilder::new(3);
    void.append_value(b"abc").unwrap();
    void.append_value(b"d\0\0").unwrap();
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    for value in ["b", "aa", "b"] {
        dictionary.append_value(value);
    }
    let with_zone = TimestampSecondArray::from(vec![Some(7), None]).with_timezone("Europe/Paris");
    vec![
        (Arc::new(Int8Array::from(vec![1, -1])), None, "|i1", vec![1, 255]),
        (Arc::new(UInt16Array::from(vec![1, 515])), None, "<u2", vec![1, 0, 3, 2]),
        (Arc::new(Int64Array::from(vec![5, -6])), None, "<i8", longs(&[5, -6])),
        (Arc::new(Float16Array::from(vec![f16::ONE])), None, "<f2", f16::ONE.to_ne_bytes().to_vec()),
        (Arc::new(Float64Array::from(vec![0.5])), None, "<f8", 0.5_f64.to_ne_bytes().to_vec()),
        (Arc::new(BooleanArray::from(vec![true, false, true])), None, "|b1", vec![1, 0, 1]),
        (Arc::new(TimestampNanosecondArray::from(vec![Some(3), None])), None, "<M8[ns]", longs(&[3, NAT])),
        (Arc::new(with_zone), None, "<M8[s]", longs(&[7, NAT])),
        (
            Arc::new(TimestampSecondArray::from(vec![Some(7200), None])),
            Some("<M8[h]"),
            "<M8[h]",
            longs(&[2, NAT]),
        ),
        (Arc::new(DurationSecondArray::from(vec![Some(-3), None])), None, "<m8[s]", longs(&[-3, NAT])),
        (Arc::new(DurationSecondArray::from(vec![172_800])), Some("<m8[D]"), "<m8[D]", longs(&[2])),
        (date(vec![Some(31), None]), None, "<M8[D]", longs(&[31, NAT])),
        (date(vec![Some(31), None]), Some("<M8[M]"), "<M8[M]", longs(&[1, NAT])),
        (date(vec![Some(-365)]), Some("<M8[Y]"), "<M8[Y]", longs(&[-1])),
        (date(vec![Some(-14)]), Some("<M8[W]"), "<M8[W]", longs(&[-2])),
        (Arc::new(Date64Array::from(vec![86_400_000])), None, "<M8[ms]", longs(&[86_400_000])),
        (Arc::new(IntervalYearMonthArray::from(vec![Some(14), None])), None, "<m8[M]", longs(&[14, NAT])),
        (Arc::new(Int64Array::from(vec![Some(24), None])), Some("<m8[Y]"), "<m8[Y]", longs(&[2, NAT])),
        // Metadata that does not fit the type is left aside.
        (Arc::new(Int32Array::from(vec![24])), Some("<m8[Y]"), "<i4", 24_i32.to_ne_bytes().to_vec()),
        (Arc::new(Int64Array::from(vec![24])), Some("nonsense"), "<i8", longs(&[24])),
        (Arc::new(StringArray::from(vec!["a", "", "日本"])), None, "<U2", utf32(&["a", "", "日本"], 2)),
        (Arc::new(LargeStringArray::from(vec!["\0a"])), None, "<U2", utf32(&["\0a"], 2)),
        (Arc::new(StringViewArray::from(vec!["", ""])), None, "<U1", utf32(&["", ""], 1)),
        (Arc::new(BinaryArray::from_vec(vec![b"ab", b"", b"\0c"])), None, "|S2", b"ab\0\0\0c".to_vec()),
        (Arc::new(BinaryArray::from_vec(vec![b"", b""])), Some("|V0"), "|V0", vec![]),
        (Arc::new(void.finish()), None, "|V3", b"abcd\0\0".to_vec()),
        (Arc::new(dictionary.finish()), None, "<U2", utf32(&["b", "aa", "b"], 2)),
        (
            fixed(Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0, 4.0])), 2, None),
            Some("<c8"),
            "<c8",
            [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|part| part.to_ne_bytes()).collect(),
        ),
    ]
}

#[test]
fn every_type_in_one_batch_and_in_many() {
    for (array, key, descr, bytes) in rows() {
        let field = field(&array, key);
        let descr = if LITTLE { descr.to_owned() } else { descr.replace('<', ">") };
        let expected = vec![(format!("{descr:?}"), vec![array.len() as u64], bytes)];
        let one = export(&field, &[Arc::clone(&array)], Nulls::Raise, Storage::OneBatch).unwrap();
        assert_eq!(one, expected, "{field}");
        // Slices begin in the middle of buffers and of bits.
        let parts: Vec<_> = (0..array.len()).map(|row| array.slice(row, 1)).collect();
        let many = export(&field, &parts, Nulls::Raise, Storage::Stream).unwrap();
        assert_eq!(many, expected, "{field}");
    }
}

#[test]
fn numbers_are_shared() {
    for array in [
        Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef,
        Arc::new(TimestampNanosecondArray::from(vec![1, 2, 3])),
        fixed(Arc::new(Float32Array::from(vec![1.0; 12])), 4, None),
    ] {
        let array = array.slice(1, 2);
        let mut column =
            Column::try_new(&field(&array, None), Nulls::Raise, Storage::OneBatch, Path::new(".")).unwrap();
        column.push(&array).unwrap();
        let (exported, _) = column.finish().unwrap();
        let leaf = array.to_data();
        let leaf = leaf.child_data().first().unwrap_or(&leaf);
        let width = leaf.buffers()[0].len() / leaf.len().max(1);
        let address = leaf.buffers()[0].as_ptr().addr() + leaf.offset() * width;
        assert_eq!(exported.payload.get(0, 1).unwrap().as_ptr().addr(), address);
    }
}

fn with_extension(field: Field, name: &str, json: &str) -> Field {
    let keys = ["ARROW:extension:name", "ARROW:extension:metadata"].map(str::to_owned);
    let values = [name, json].map(str::to_owned);
    field.with_metadata(keys.into_iter().zip(values).collect())
}

#[test]
fn axes() {
    let items = || Arc::new(UInt8Array::from_iter_values(0..12)) as ArrayRef;
    let tensor = |json| {
        let array = fixed(items(), 6, None);
        (with_extension(field(&array, None), "arrow.fixed_shape_tensor", json), array)
    };
    let nested = fixed(fixed(items(), 3, None), 2, None);
    let list = |lens: &[usize]| {
        let mut builder = ListBuilder::new(arrow_array::builder::UInt8Builder::new());
        let mut next = 0;
        for &len in lens {
            for _ in 0..len {
                builder.values().append_value(next);
                next += 1;
            }
            builder.append(true);
        }
        Arc::new(builder.finish()) as ArrayRef
    };
    let plain = |array: ArrayRef| (field(&array, None), array);
    let in_order: Vec<u8> = (0..12).collect();
    let permuted = vec![0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11];
    for ((field, array), shape, bytes) in [
        (plain(Arc::clone(&nested)), vec![2, 2, 3], in_order.clone()),
        (plain(nested.slice(1, 1)), vec![1, 2, 3], in_order[6..].to_vec()),
        (tensor(r#"{"shape":[2,3]}"#), vec![2, 2, 3], in_order.clone()),
        (tensor(r#"{"shape":[2,3],"permutation":[0,1]}"#), vec![2, 2, 3], in_order.clone()),
        (tensor(r#"{"shape":[2,3],"permutation":[1,0]}"#), vec![2, 3, 2], permuted),
        (tensor(r#"{"shape":[6],"dim_names":["a"]}"#), vec![2, 6], in_order.clone()),
        (tensor(r#"{"shape":[5,5]}"#), vec![2, 6], in_order.clone()),
        (plain(list(&[4, 4, 4])), vec![3, 4], in_order.clone()),
        (plain(list(&[0, 0])), vec![2, 0], vec![]),
        (plain(list(&[])), vec![0, 0], vec![]),
        (plain(fixed(list(&[3, 3, 3, 3]), 2, None)), vec![2, 2, 3], in_order.clone()),
    ] {
        for storage in [Storage::OneBatch, Storage::Stream] {
            let exported = export(&field, &[Arc::clone(&array)], Nulls::Raise, storage).unwrap();
            assert_eq!(exported, [("\"|u1\"".to_owned(), shape.clone(), bytes.clone())], "{field}");
        }
    }
    let (field, array) = plain(list(&[4, 4, 3, 1]));
    let parts: Vec<_> = (0..4).map(|row| array.slice(row, 1)).collect();
    let text = export(&field, &parts, Nulls::Raise, Storage::Stream).unwrap_err().to_string();
    assert_eq!(
        text,
        r#"column "x": list 2 has 3 elements, those before it 4: ragged lists have no NumPy dtype"#
    );
    let bool8 = Arc::new(Int8Array::from(vec![0, 1, -3])) as ArrayRef;
    let field = with_extension(plain(Arc::clone(&bool8)).0, "arrow.bool8", "");
    let exported = export(&field, &[bool8], Nulls::Raise, Storage::OneBatch).unwrap();
    assert_eq!(exported, [("\"|b1\"".to_owned(), vec![3], vec![0, 1, 1])]);
}

fn record() -> ArrayRef {
    let inner = StructArray::from(vec![
        (
            Arc::new(Field::new("p", DataType::Int16, true)),
            Arc::new(Int16Array::from(vec![1, 2])) as ArrayRef,
        ),
        (Arc::new(Field::new("q", DataType::Utf8, true)), Arc::new(StringArray::from(vec!["u", "vw"]))),
    ]);
    let list = fixed(Arc::new(UInt8Array::from(vec![1, 2, 3, 4])), 2, None);
    let titled = Field::new("m", list.data_type().clone(), true)
        .with_metadata([("npzarrow:title".to_owned(), "The M".to_owned())].into());
    Arc::new(StructArray::from(vec![
        (Arc::new(Field::new("r", inner.data_type().clone(), true)), Arc::new(inner) as ArrayRef),
        (Arc::new(titled), list),
    ]))
}

#[test]
fn records() {
    let array = record();
    let descr = "[('r', [('p', '<i2'), ('q', '<U2')]), (('The M', 'm'), '|u1', (2,))]";
    let mut bytes = Vec::new();
    for (p, q, m) in [(1_i16, "u", [1, 2]), (2, "vw", [3, 4])] {
        bytes.extend(p.to_ne_bytes());
        bytes.extend(utf32(&[q], 2));
        bytes.extend(m);
    }
    let expected = [(descr.to_owned(), vec![2], bytes.clone())];
    let parts = [array.slice(0, 1), array.slice(1, 1)];
    if LITTLE {
        let one =
            export(&field(&array, None), &[Arc::clone(&array)], Nulls::Raise, Storage::OneBatch).unwrap();
        assert_eq!(one, expected);
        assert_eq!(export(&field(&array, None), &parts, Nulls::Raise, Storage::Stream).unwrap(), expected);
    }
    let pairs = fixed(array, 2, None);
    let exported =
        export(&field(&pairs, None), std::slice::from_ref(&pairs), Nulls::Raise, Storage::OneBatch).unwrap();
    assert_eq!((exported[0].1.clone(), &exported[0].2), (vec![1, 2], &bytes));
}

#[test]
fn nulls() {
    let nan = f32::NAN.to_ne_bytes();
    let floats = Arc::new(Float32Array::from(vec![Some(1.0), None])) as ArrayRef;
    let ints = Arc::new(Int16Array::from(vec![None, Some(7)])) as ArrayRef;
    let texts = Arc::new(StringArray::from(vec![Some("a"), None])) as ArrayRef;
    let rows = NullBuffer::from(vec![true, false]);
    let cells =
        fixed(Arc::new(Float32Array::from(vec![Some(1.0), None, Some(3.0), None])), 2, Some(rows.clone()));
    let (fields, columns, _) = record().as_any().downcast_ref::<StructArray>().unwrap().clone().into_parts();
    let records = Arc::new(StructArray::new(fields, columns, Some(rows))) as ArrayRef;

    let one = 1_f32.to_ne_bytes();
    let found = |array: &ArrayRef, nulls| {
        export(&field(array, None), std::slice::from_ref(array), nulls, Storage::OneBatch)
    };
    assert_eq!(found(&floats, Nulls::Nan).unwrap()[0].2, [one, nan].concat());
    assert_eq!(found(&cells, Nulls::Nan).unwrap()[0].2, [one, nan, nan, nan].concat());
    for (array, bytes, mask_shape, mask) in [
        (&floats, [one, [0; 4]].concat(), vec![2], vec![0, 1]),
        (&ints, vec![0, 0, 7_i16.to_ne_bytes()[0], 7_i16.to_ne_bytes()[1]], vec![2], vec![1, 0]),
        (&texts, utf32(&["a", ""], 1), vec![2], vec![0, 1]),
        (&cells, [one, [0; 4], [0; 4], [0; 4]].concat(), vec![2, 2], vec![0, 1, 1, 1]),
    ] {
        for storage in [Storage::OneBatch, Storage::Stream] {
            let parts: Vec<_> = match storage {
                Storage::OneBatch => vec![Arc::clone(array)],
                Storage::Stream => vec![array.slice(0, 1), array.slice(1, 1), array.slice(0, 0)],
            };
            let exported = export(&field(array, None), &parts, Nulls::Mask, storage).unwrap();
            assert_eq!(exported[0].2, bytes);
            assert_eq!(exported[1], ("\"|b1\"".to_owned(), mask_shape.clone(), mask.clone()));
        }
    }
    let exported = found(&records, Nulls::Mask).unwrap();
    assert_eq!(exported[1].2, [0, 1]);
    assert!(exported[0].2[exported[0].2.len() / 2..].iter().all(|&byte| byte == 0));
    for (array, nulls, text) in [
        (&floats, Nulls::Raise, r#"column "x": has 1 nulls, which dtype "<f4" cannot hold"#),
        (&ints, Nulls::Nan, r#"column "x": has 1 nulls, which dtype "<i2" cannot hold"#),
        (&texts, Nulls::Nan, r#"column "x": has 1 nulls, which dtype "<U1" cannot hold"#),
        (&cells, Nulls::Raise, r#"column "x": has 3 nulls, which dtype "<f4" cannot hold"#),
        (
            &records,
            Nulls::Nan,
            "column \"x\": has 1 nulls, which dtype [('r', [('p', '<i2'), ('q', '<U1')]), (('The M', 'm'), '|u1', (2,))] cannot hold",
        ),
    ] {
        if LITTLE {
            assert_eq!(found(array, nulls).unwrap_err().to_string(), text);
        }
    }
    let within = Arc::new(StructArray::from(vec![(Arc::new(Field::new("i", DataType::Int16, true)), ints)]));
    let text = found(&(within as ArrayRef), Nulls::Mask).unwrap_err().to_string();
    assert!(text.starts_with(r#"column "x": field "i": has 1 nulls"#), "{text}");
}

#[test]
fn what_has_no_dtype() {
    let list = |nulls| {
        ListArray::new(
            Arc::new(Field::new_list_field(DataType::UInt8, true)),
            arrow_buffer::OffsetBuffer::from_lengths([1, 1]),
            Arc::new(UInt8Array::from(vec![1, 2])),
            nulls,
        )
    };
    let dictionary: arrow_array::DictionaryArray<UInt8Type> = vec![Some("a"), None].into_iter().collect();
    for (array, key, text) in [
        (
            Arc::new(Decimal128Array::from(vec![1])) as ArrayRef,
            None,
            "Decimal128(38, 10) has no NumPy dtype; cast it to a float or to text",
        ),
        (
            Arc::new(Time64NanosecondArray::from(vec![1])),
            None,
            "Time64(ns) has no NumPy dtype; cast it to a duration or to an integer",
        ),
        (Arc::new(NullArray::new(2)), None, "Null has no NumPy dtype; cast it to the type of its values"),
        (
            fixed(Arc::new(NullArray::new(2)), 2, None),
            None,
            "Null has no NumPy dtype; cast it to the type of its values",
        ),
        (
            Arc::new(list(Some(NullBuffer::from(vec![true, false])))),
            None,
            "has 1 lists that are null, whose length nobody knows",
        ),
        (
            Arc::new(StringArray::from(vec!["a", "b\0"])),
            None,
            "value 1 ends in NUL, which NumPy would take for padding",
        ),
        (
            Arc::new(BinaryArray::from_vec(vec![b"\0"])),
            None,
            "value 0 ends in NUL, which NumPy would take for padding",
        ),
        (
            Arc::new(Date32Array::from(vec![31, 32])),
            Some("<M8[M]"),
            r#"value 1 is no whole step of dtype "<M8[M]", which the metadata npzarrow:dtype asks for"#,
        ),
        (
            Arc::new(BinaryArray::from_vec(vec![b"", b"x"])),
            Some("|V0"),
            "value 1 has bytes, but the metadata npzarrow:dtype says that none has",
        ),
        (Arc::new(dictionary), None, r#"has 1 nulls, which dtype "<U1" cannot hold"#),
    ] {
        for storage in [Storage::OneBatch, Storage::Stream] {
            let error =
                export(&field(&array, key), std::slice::from_ref(&array), Nulls::Raise, storage).unwrap_err();
            if LITTLE {
                assert_eq!(error.to_string(), format!(r#"column "x": {text}"#));
            }
        }
    }
    let twice = StructArray::from(vec![
        (Arc::new(Field::new("a", DataType::UInt8, true)), Arc::new(UInt8Array::from(vec![1])) as ArrayRef),
        (Arc::new(Field::new("a", DataType::UInt8, true)), Arc::new(UInt8Array::from(vec![1]))),
    ]);
    let array = Arc::new(twice) as ArrayRef;
    let text = export(&field(&array, None), std::slice::from_ref(&array), Nulls::Raise, Storage::OneBatch)
        .unwrap_err()
        .to_string();
    assert_eq!(text, r#"x: dtype "a" names a field twice"#);
}
