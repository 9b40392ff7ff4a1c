//! What a column must hold, said once more in the simplest way: element by element from the payload.

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, downcast_primitive_array};
use arrow_schema::DataType;
use npzarrow::npy::{ByteOrder, Dtype, Header, Order, Scalar, TimeUnit, Unit};

/// Elements compared per column; what goes wrong goes wrong early.
const MAX_ELEMENTS: usize = 2000;

/// Compares a column with the payload that it was made of.
///
/// `in_one_row` says that the whole array is one cell.
pub(crate) fn check(header: &Header, payload: &[u8], array: &dyn Array, in_one_row: bool) {
    let shape: Vec<usize> =
        header.shape().iter().map(|&dim| usize::try_from(dim).expect("the payload is in memory")).collect();
    let rows = if in_one_row { 1 } else { shape.first().copied().unwrap_or(1) };
    assert_eq!(array.len(), rows);
    let size = usize::try_from(header.dtype().item_size()).expect("the payload is in memory");
    let count: usize = if shape.contains(&0) { 0 } else { shape.iter().product() };
    if rows == 0 || count == 0 {
        return;
    }
    let per_row = count / rows;
    let mut cells = Vec::new();
    for index in 0..count.min(MAX_ELEMENTS) {
        let place = if header.order() == Order::Fortran { fortran_place(index, &shape) } else { index };
        let bytes = payload.get(place * size..(place + 1) * size).expect("the payload has all elements");
        if index % per_row == 0 {
            cells.clear();
            leaves(array, index / per_row, header.dtype(), &mut cells);
            assert_eq!(cells.len(), per_row, "{header:?}");
        }
        let (leaf, at) = cells.get(index % per_row).expect("as many as counted");
        element(*leaf, *at, header.dtype(), bytes);
    }
}

/// Where an element of C order `index` lies in Fortran order.
fn fortran_place(index: usize, shape: &[usize]) -> usize {
    let mut rest = index;
    let mut place = 0;
    let mut stride: usize = shape.iter().product();
    for &dim in shape.iter().rev() {
        stride /= dim;
        place += (rest % dim) * stride;
        rest /= dim;
    }
    place
}

/// The elements below one list, each as an array and an index.
fn leaves<'a>(array: &'a dyn Array, index: usize, dtype: &Dtype, out: &mut Vec<(&'a dyn Array, usize)>) {
    match array.data_type() {
        _ if is_leaf(array.data_type(), dtype) => out.push((array, index)),
        DataType::FixedSizeList(_, size) => {
            assert!(array.is_valid(index));
            let size = usize::try_from(*size).expect("a size");
            let values = array.as_fixed_size_list().values();
            (index * size..(index + 1) * size).for_each(|at| leaves(values, at, dtype, out));
        }
        other => panic!("{other} for {dtype}"),
    }
}

/// Complex numbers are lists themselves.
fn is_leaf(data_type: &DataType, dtype: &Dtype) -> bool {
    match (data_type, dtype) {
        (_, Dtype::Subarray(_)) => true,
        (DataType::FixedSizeList(item, _), Dtype::Scalar(Scalar::Complex64, _)) => {
            *item.data_type() == DataType::Float32
        }
        (DataType::FixedSizeList(item, _), Dtype::Scalar(Scalar::Complex128, _)) => {
            *item.data_type() == DataType::Float64
        }
        (DataType::FixedSizeList(..), _) => false,
        _ => true,
    }
}

/// Compares one element.
fn element(array: &dyn Array, index: usize, dtype: &Dtype, bytes: &[u8]) {
    match dtype {
        Dtype::Record(record) => {
            let columns = array.as_struct().columns();
            assert_eq!(columns.len(), record.fields().len());
            for (column, field) in columns.iter().zip(record.fields()) {
                let start = usize::try_from(field.offset).expect("within the element");
                let size = usize::try_from(field.dtype.item_size()).expect("within the element");
                element(column, index, &field.dtype, bytes.get(start..start + size).expect("within"));
            }
        }
        Dtype::Subarray(subarray) => {
            let inner = subarray.dtype();
            if subarray.shape().contains(&0) {
                assert_eq!(array.as_list::<i32>().value_length(index), 0);
                return;
            }
            let mut cells = Vec::new();
            leaves(array, index, inner, &mut cells);
            assert_eq!(u64::try_from(cells.len()), Ok(subarray.shape().element_count()));
            let size = usize::try_from(inner.item_size()).expect("within the element");
            for (place, (leaf, at)) in cells.into_iter().enumerate() {
                element(leaf, at, inner, bytes.get(place * size..(place + 1) * size).expect("within"));
            }
        }
        Dtype::Scalar(Scalar::Bool, _) => {
            let found = match array.data_type() {
                DataType::Boolean => array.as_boolean().value(index),
                _ => native(array, index).iter().any(|&byte| byte != 0),
            };
            assert_eq!(found, bytes != [0]);
        }
        Dtype::Scalar(Scalar::Complex64 | Scalar::Complex128, order) => {
            let parts = array.as_fixed_size_list().values();
            let (real, imaginary) = bytes.split_at(bytes.len() / 2);
            assert_eq!(native(parts, index * 2), reversed(real, *order));
            assert_eq!(native(parts, index * 2 + 1), reversed(imaginary, *order));
        }
        Dtype::Scalar(_, order) => assert_eq!(native(array, index), reversed(bytes, *order)),
        Dtype::Datetime(unit, order) | Dtype::Timedelta(unit, order) => {
            let step = i64::from_ne_bytes(reversed(bytes, *order).try_into().expect("eight bytes"));
            assert_eq!(array.is_null(index), step == i64::MIN, "NaT is null and nothing else is");
            if step != i64::MIN {
                let is_date = matches!(dtype, Dtype::Datetime(..));
                let expected = scaled(step, unit.expect("generic times have no type"), is_date);
                let found = native(array, index);
                let found = match found.len() {
                    4 => i64::from(i32::from_ne_bytes(found.try_into().expect("four bytes"))),
                    _ => i64::from_ne_bytes(found.try_into().expect("eight bytes")),
                };
                assert!(expected.is_none_or(|expected| expected == i128::from(found)), "{dtype} {step}");
            }
        }
        Dtype::Bytes(_) => {
            let found = match array.data_type() {
                DataType::BinaryView => array.as_binary_view().value(index),
                _ => array.as_binary::<i32>().value(index),
            };
            let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            assert_eq!(Some(found), bytes.get(..end));
        }
        Dtype::Text(_, order) => {
            let found = match array.data_type() {
                DataType::Utf8View => array.as_string_view().value(index),
                _ => array.as_string::<i32>().value(index),
            };
            let expected: String = bytes
                .chunks(4)
                .map(|chunk| u32::from_ne_bytes(reversed(chunk, *order).try_into().expect("four bytes")))
                .map(|code| char::from_u32(code).expect("what is no text is refused"))
                .collect();
            assert_eq!(found, expected.trim_end_matches('\0'));
        }
        Dtype::Void(0) => assert_eq!(array.as_binary::<i32>().value(index), b""),
        Dtype::Void(_) => assert_eq!(array.as_fixed_size_binary().value(index), bytes),
        other => panic!("{other} has no column"),
    }
}

/// The bytes of one number in an array, in the machine's order.
fn native(array: &dyn Array, index: usize) -> Vec<u8> {
    fn bytes_of<T: ArrowPrimitiveType>(array: &arrow_array::PrimitiveArray<T>, index: usize) -> Vec<u8> {
        let size = size_of::<T::Native>();
        let bytes = array.values().inner().as_slice();
        bytes.get(index * size..(index + 1) * size).expect("within the array").to_vec()
    }
    downcast_primitive_array! {
        array => bytes_of(array, index),
        other => panic!("{other} is no number")
    }
}

/// The bytes of one number in the machine's order.
fn reversed(bytes: &[u8], order: ByteOrder) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if order.is_foreign() {
        bytes.reverse();
    }
    bytes
}

/// What a step is in the unit of its column; `None` for months, which have no fixed length.
fn scaled(step: i64, unit: Unit, is_date: bool) -> Option<i128> {
    let factor: i128 = match unit.unit {
        TimeUnit::Day if is_date => 1,
        TimeUnit::Week if is_date => 7,
        TimeUnit::Month | TimeUnit::Year if is_date => return None,
        TimeUnit::Year => 12,
        TimeUnit::Month
        | TimeUnit::Second
        | TimeUnit::Millisecond
        | TimeUnit::Microsecond
        | TimeUnit::Nanosecond => 1,
        TimeUnit::Minute => 60,
        TimeUnit::Hour => 3600,
        TimeUnit::Day => 86_400,
        TimeUnit::Week => 7 * 86_400,
        _ => panic!("nothing is finer than nanoseconds"),
    };
    Some(i128::from(step) * factor * i128::from(unit.multiple))
}
