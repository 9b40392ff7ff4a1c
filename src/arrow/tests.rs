//! Every dtype in every order, shape and layout, against a model that reads element by element.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::Buffer;
use arrow_schema::DataType;
use proptest::prelude::*;

use super::*;
use crate::npy::{ByteOrder, Dtype, Header, Scalar};

/// Renders one NumPy element, its parts one by one.
fn model(dtype: &Dtype, bytes: &[u8], bool8: bool, out: &mut Vec<String>) {
    let number = |order: ByteOrder, bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        if order == ByteOrder::Big {
            bytes.reverse();
        }
        bytes.resize(16, 0);
        u128::from_le_bytes(bytes.try_into().unwrap())
    };
    match dtype {
        Dtype::Scalar(Scalar::Bool, _) if !bool8 => out.push((bytes[0] != 0).to_string()),
        Dtype::Scalar(Scalar::Complex64 | Scalar::Complex128, order) => {
            for part in bytes.chunks(bytes.len() / 2) {
                out.push(number(*order, part).to_string());
            }
        }
        Dtype::Scalar(_, order) => out.push(number(*order, bytes).to_string()),
        Dtype::Datetime(_, order) | Dtype::Timedelta(_, order) => {
            let step = number(*order, bytes);
            out.push(if step == 1 << 63 { "null".to_owned() } else { step.to_string() });
        }
        Dtype::Text(_, order) => {
            let text: String = bytes
                .chunks(4)
                .map(|c| char::from_u32(number(*order, c).try_into().unwrap()).unwrap())
                .collect();
            out.push(format!("{:?}", text.trim_end_matches('\0')));
        }
        Dtype::Bytes(_) => {
            let len = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            out.push(format!("{:?}", &bytes[..len]));
        }
        Dtype::Void(_) => out.push(format!("{bytes:?}")),
        Dtype::Record(record) => {
            for field in record.fields() {
                let start = usize::try_from(field.offset).unwrap();
                let len = usize::try_from(field.dtype.item_size()).unwrap();
                model(&field.dtype, &bytes[start..start + len], bool8, out);
            }
        }
        Dtype::Subarray(subarray) => {
            let size = usize::try_from(subarray.dtype().item_size()).unwrap();
            for item in 0..subarray.shape().element_count() {
                let start = usize::try_from(item).unwrap() * size;
                model(subarray.dtype(), &bytes[start..start + size], bool8, out);
            }
        }
        _ => panic!("{dtype:?}"),
    }
}

/// Renders one row of an Arrow array, its parts one by one.
fn render(array: &dyn Array, row: usize, out: &mut Vec<String>) {
    let all = |values: &ArrayRef, out: &mut Vec<String>| {
        (0..values.len()).for_each(|item| render(values, item, out));
    };
    if array.is_null(row) {
        out.push("null".to_owned());
        return;
    }
    out.push(match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).cast_unsigned().to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).cast_unsigned().to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).cast_unsigned().to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).cast_unsigned().to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float16 => array.as_primitive::<Float16Type>().value(row).to_bits().to_string(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_bits().to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_bits().to_string(),
        DataType::Date32 => {
            i64::from(array.as_primitive::<Date32Type>().value(row)).cast_unsigned().to_string()
        }
        DataType::Timestamp(..) | DataType::Duration(_) => {
            let data = array.to_data();
            data.buffers()[0].typed_data::<u64>()[data.offset() + row].to_string()
        }
        DataType::Utf8 => format!("{:?}", array.as_string::<i32>().value(row)),
        DataType::Utf8View => format!("{:?}", array.as_string_view().value(row)),
        DataType::Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        DataType::BinaryView => format!("{:?}", array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => format!("{:?}", array.as_fixed_size_binary().value(row)),
        DataType::FixedSizeList(..) => return all(&array.as_fixed_size_list().value(row), out),
        DataType::List(_) => return all(&array.as_list::<i32>().value(row), out),
        DataType::Struct(_) => {
            array.as_struct().columns().iter().for_each(|column| render(column, row, out));
            return;
        }
        other => panic!("{other}"),
    });
}

fn header(descr: &str, shape: &[usize], fortran: bool) -> Header {
    let dims: String = shape.iter().map(|dim| format!("{dim},")).collect::<Vec<_>>().concat();
    let fortran = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': ({dims})}}");
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    Header::parse(&bytes).unwrap()
}

/// Bytes that are valid for the dtype: text and dates do not take all of them.
fn payload(dtype: &Dtype, len: usize, seed: usize) -> Vec<u8> {
    let size = usize::try_from(dtype.item_size()).unwrap();
    let mut bytes: Vec<u8> = (0..len)
        .map(|at| {
            let [a, b, ..] = (at + seed).wrapping_mul(0x9e37_79b9).to_le_bytes();
            if a % 5 == 0 { 0 } else { a ^ b }
        })
        .collect();
    bytes.chunks_mut(size.max(1)).for_each(|element| tame(dtype, element));
    bytes
}

fn tame(dtype: &Dtype, element: &mut [u8]) {
    match dtype {
        Dtype::Text(_, order) => {
            for code_point in element.chunks_mut(4) {
                let value = u32::from_le_bytes(code_point.try_into().unwrap());
                let value = if value % 3 == 0 { value % 0xd800 } else { value % 0x80 };
                let bytes = if *order == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() };
                code_point.copy_from_slice(&bytes);
            }
        }
        Dtype::Datetime(_, order) | Dtype::Timedelta(_, order) => {
            let first = i64::from(element[0]);
            let value = if first % 7 == 0 { i64::MIN } else { first * 1_000_003 - 100_000_000 };
            let bytes = if *order == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() };
            element.copy_from_slice(&bytes);
        }
        Dtype::Record(record) => {
            for field in record.fields() {
                let start = usize::try_from(field.offset).unwrap();
                let len = usize::try_from(field.dtype.item_size()).unwrap();
                tame(&field.dtype, &mut element[start..start + len]);
            }
        }
        Dtype::Subarray(subarray) => {
            let size = usize::try_from(subarray.dtype().item_size()).unwrap();
            element.chunks_mut(size.max(1)).for_each(|item| tame(subarray.dtype(), item));
        }
        _ => {}
    }
}

/// The element's place in the payload for each index in C order.
fn places(shape: &[usize], fortran: bool) -> Vec<usize> {
    let count = shape.iter().product();
    let mut places: Vec<usize> = (0..count).collect();
    if fortran {
        for (c_order, place) in places.iter_mut().enumerate() {
            let (mut rest, mut index) = (c_order, Vec::new());
            for dim in shape.iter().rev() {
                index.push(rest % dim);
                rest /= dim;
            }
            index.reverse();
            let mut stride = 1;
            *place = 0;
            for (position, dim) in index.iter().zip(shape) {
                *place += position * stride;
                stride *= dim;
            }
        }
    }
    places
}

fn check(descr: &str, shape: &[usize], fortran: bool, options: &ArrowOptions, seed: usize) {
    let header = header(descr, shape, fortran);
    let bytes = payload(header.dtype(), usize::try_from(header.payload_len()).unwrap(), seed);
    let context = format!("{descr} {shape:?} fortran={fortran} {options:?}");
    let buffer = Buffer::from(bytes.clone());
    let plan = Plan::try_new("x", &header, options, Origin::Immutable, buffer.as_ptr().addr()).unwrap();
    let array = plan.array(buffer).unwrap();
    array.to_data().validate_full().unwrap_or_else(|error| panic!("{context}: {error}"));
    let field = schema_field("x", &header, options).unwrap();
    assert_eq!((array.data_type(), plan.field().as_ref()), (field.data_type(), &field), "{context}");
    assert!(field.is_nullable() || array.null_count() == 0, "{context}");
    let archive = options.rows == RowLayout::Archive;
    assert_eq!(array.len(), if archive { 1 } else { shape.first().copied().unwrap_or(1) }, "{context}");

    let size = usize::try_from(header.dtype().item_size()).unwrap();
    let mut expected = Vec::new();
    for place in places(shape, fortran) {
        model(header.dtype(), &bytes[place * size..(place + 1) * size], options.bool8, &mut expected);
    }
    let mut values = Vec::new();
    (0..array.len()).for_each(|row| render(&array, row, &mut values));
    assert_eq!(values, expected, "{context}");
    let (nested, field) = nest_tensors(array, field.into());
    nested.to_data().validate_full().unwrap();
    let mut again = Vec::new();
    (0..nested.len()).for_each(|row| render(&nested, row, &mut again));
    assert_eq!((nested.data_type(), again.len()), (field.data_type(), values.len()));
}

/// What becomes the same numbers; scaled units have their own tests.
const DESCRS: [&str; 35] = [
    "'|b1'",
    "'|i1'",
    "'|u1'",
    "'<i2'",
    "'>i2'",
    "'<u2'",
    "'<i4'",
    "'>u4'",
    "'<i8'",
    "'>u8'",
    "'<f2'",
    "'>f2'",
    "'<f4'",
    "'>f4'",
    "'<f8'",
    "'>f8'",
    "'<c8'",
    "'>c8'",
    "'<c16'",
    "'>c16'",
    "'<M8[D]'",
    "'>M8[D]'",
    "'<M8[ns]'",
    "'>m8[s]'",
    "'<m8[M]'",
    "'|S0'",
    "'|S5'",
    "'|S20'",
    "'<U0'",
    "'<U4'",
    "'>U15'",
    "'|V0'",
    "'|V3'",
    "[('a', '<f4'), ('', '|V3'), ('b', '>i2', (2, 2)), (('t', 'c'), [('u', '|S3'), ('v', '>M8[s]'), ('w', '<U2')]), ('d', '|b1'), ('e', '<f8', (0, 2)), ('', '|V5')]",
    "[('', '|V4')]",
];

const SHAPES: [&[usize]; 13] = [
    &[],
    &[0],
    &[1],
    &[7],
    &[3, 4],
    &[4, 1],
    &[1, 5],
    &[2, 3, 5],
    &[40, 3, 35],
    &[2, 1, 3, 2],
    &[0, 3],
    &[3, 0],
    &[2, 0, 3],
];

fn all_options() -> Vec<ArrowOptions> {
    let mut all = Vec::new();
    for tensor in [TensorLayout::FixedShape, TensorLayout::Nested, TensorLayout::Flat] {
        for rows in [RowLayout::Axis0, RowLayout::Archive] {
            for other in [false, true] {
                let options = ArrowOptions::default().with_tensor(tensor).with_rows(rows);
                all.push(options.with_bool8(other).with_string_view(other));
            }
        }
    }
    all
}

#[test]
fn every_dtype_in_every_order_shape_and_layout() {
    for descr in DESCRS {
        for shape in SHAPES {
            // The large shape in one layout only; it takes its time.
            let layouts = if shape.len() == 3 && shape[0] == 40 { 1 } else { usize::MAX };
            for options in all_options().iter().take(layouts) {
                for fortran in [false, true] {
                    check(descr, shape, fortran, options, shape.len());
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_shape(
        descr in prop::sample::select(&DESCRS[..]), shape in prop::collection::vec(0_usize..9, 0..5),
        fortran in any::<bool>(), options in prop::sample::select(all_options()), seed in 0_usize..1000,
    ) {
        check(descr, &shape, fortran, &options, seed);
    }
}

/// Types that no consumer's stack would hold are refused, before anything is built.
#[test]
fn nesting() {
    let header = |levels: usize, axes: usize| {
        let axes = "1,".repeat(axes);
        let descr = (0..levels).fold("'<i4'".to_owned(), |inner, _| format!("[('x', {inner}, ({axes}))]"));
        let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}\n");
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
        Header::parse(&bytes).unwrap()
    };
    let cases = [(1, 64, None), (31, 3, None), (32, 2, None), (2, 63, Some(129)), (32, 3, Some(129))];
    for (levels, axes, refused) in cases {
        let header = header(levels, axes);
        let options = ArrowOptions::default();
        let field = schema_field("x", &header, &options).map(|_| ()).map_err(|error| error.to_string());
        let plan = Plan::try_new("x", &header, &options, Origin::Immutable, 0);
        let plan = plan.map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(field, plan, "{levels} {axes}");
        let expected = refused.map(|n| format!("nesting of the Arrow type: {n} exceeds the limit of 128"));
        assert_eq!(field.err(), expected, "{levels} {axes}");
    }
}
