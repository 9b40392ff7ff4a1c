//! Repetition: a member without axes stands in every row, as polars broadcasts. Copies.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, BinaryViewType, ByteViewType, StringViewType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray,
    GenericByteViewArray, ListArray, PrimitiveArray, StringArray, StructArray, downcast_primitive,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType};

use super::memory::{self, to_u64};
use crate::error::{Error, ErrorKind, Result};

/// The most bytes that values of more than [`FREE_LEN`] bytes may grow to: a small file may hold one value of
/// a megabyte beside a million rows.
const MAX_REPEATED: usize = 1 << 30;

/// Values that are no longer than this may be repeated at will.
const FREE_LEN: usize = 16;

/// Repeats an array of one row for every row; an array of several rows comes out so many times as a whole.
///
/// # Errors
///
/// [`ErrorKind::LimitExceeded`] if a long value would take more than a GiB.
pub fn repeat(array: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    if rows == 1 {
        return Ok(Arc::clone(array));
    }
    macro_rules! repeat_primitive {
        ($t:ty) => {
            repeat_numbers::<$t>(array, rows)
        };
    }
    downcast_primitive! {
        array.data_type() => (repeat_primitive),
        DataType::Boolean => {
            let values = array.as_boolean().values();
            Ok(Arc::new(BooleanArray::new(repeat_bits(values, rows), repeat_nulls(array, rows))))
        },
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            let (offsets, values) = repeat_strings(array.offsets(), array.values(), rows)?;
            Ok(Arc::new(StringArray::try_new(offsets, values, repeat_nulls(array, rows))?))
        },
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            let (offsets, values) = repeat_strings(array.offsets(), array.values(), rows)?;
            Ok(Arc::new(BinaryArray::try_new(offsets, values, repeat_nulls(array, rows))?))
        },
        DataType::Utf8View => repeat_views::<StringViewType>(array.as_byte_view(), rows),
        DataType::BinaryView => repeat_views::<BinaryViewType>(array.as_byte_view(), rows),
        DataType::FixedSizeBinary(size) => {
            let values = repeat_bytes(array.as_fixed_size_binary().value_data(), rows)?;
            Ok(Arc::new(FixedSizeBinaryArray::try_new(*size, values, repeat_nulls(array, rows))?))
        },
        DataType::FixedSizeList(item, size) => {
            let items = repeat(array.as_fixed_size_list().values(), rows)?;
            Ok(Arc::new(FixedSizeListArray::try_new(Arc::clone(item), *size, items, repeat_nulls(array, rows))?))
        },
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let (start, len) = used(list.offsets());
            let items = repeat(&list.values().slice(start, len), rows)?;
            let offsets = repeat_offsets(list.offsets(), rows)?;
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, items, repeat_nulls(array, rows))?))
        },
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().map(|column| repeat(column, rows));
            let (columns, len) = (columns.collect::<Result<Vec<_>>>()?, array.len().saturating_mul(rows));
            let nulls = repeat_nulls(array, rows);
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, len)?))
        },
        other => Err(Error::from(ArrowError::NotYetImplemented(format!("repeating {other}"))))
    }
}

fn repeat_numbers<T: ArrowPrimitiveType>(array: &dyn Array, rows: usize) -> Result<ArrayRef> {
    let array = array.as_primitive::<T>();
    let values = memory::numbers(&repeat_bytes(array.values().inner(), rows)?)?;
    let repeated = PrimitiveArray::<T>::try_new(values, repeat_nulls(array, rows))?;
    Ok(Arc::new(repeated.with_data_type(array.data_type().clone())))
}

fn repeat_views<T: ByteViewType>(array: &GenericByteViewArray<T>, rows: usize) -> Result<ArrayRef> {
    // Only the views: all of them may point to the same bytes.
    let views = memory::numbers(&repeat_bytes(array.views().inner(), rows)?)?;
    let buffers = array.data_buffers().to_vec();
    Ok(Arc::new(GenericByteViewArray::<T>::try_new(views, buffers, repeat_nulls(array, rows))?))
}

fn repeat_strings(
    offsets: &OffsetBuffer<i32>,
    values: &Buffer,
    rows: usize,
) -> Result<(OffsetBuffer<i32>, Buffer)> {
    let (start, len) = used(offsets);
    let repeated = repeat_offsets(offsets, rows)?;
    Ok((repeated, repeat_bytes(values.get(start..start + len).unwrap_or_default(), rows)?))
}

/// Returns where the values begin and how long they are together.
fn used(offsets: &OffsetBuffer<i32>) -> (usize, usize) {
    let [first, last] = [offsets.first(), offsets.last()]
        .map(|offset| offset.and_then(|&offset| usize::try_from(offset).ok()).unwrap_or(0));
    (first, last.saturating_sub(first))
}

fn repeat_offsets(offsets: &OffsetBuffer<i32>, rows: usize) -> Result<OffsetBuffer<i32>> {
    let len = offsets.len().saturating_sub(1).saturating_mul(rows);
    memory::reserve_check(len.saturating_mul(size_of::<i32>()))?;
    let total = used(offsets).1.saturating_mul(rows);
    if i32::try_from(total).is_err() {
        return Err(too_long(total, i32::MAX.unsigned_abs() as usize));
    }
    let lengths = std::iter::repeat_n(offsets, rows).flat_map(OffsetBuffer::lengths);
    Ok(OffsetBuffer::from_lengths(lengths))
}

/// Repeats bytes by doubling what is there.
fn repeat_bytes(bytes: &[u8], rows: usize) -> Result<Buffer> {
    let len = bytes.len().saturating_mul(rows);
    if bytes.len() > FREE_LEN && len > MAX_REPEATED {
        return Err(too_long(len, MAX_REPEATED));
    }
    memory::fill(len, |out| {
        let Some(first) = out.get_mut(..bytes.len()) else { return Ok(()) };
        first.copy_from_slice(bytes);
        let mut filled = bytes.len();
        while filled > 0 && filled < len {
            let (done, rest) = out.split_at_mut(filled);
            let step = filled.min(rest.len());
            if let (Some(to), Some(from)) = (rest.get_mut(..step), done.get(..step)) {
                to.copy_from_slice(from);
            }
            filled += step;
        }
        Ok(())
    })
}

fn repeat_bits(bits: &BooleanBuffer, rows: usize) -> BooleanBuffer {
    let mut repeated = std::iter::repeat_n(bits, rows).flat_map(BooleanBuffer::iter);
    BooleanBuffer::collect_bool(bits.len().saturating_mul(rows), |_| repeated.next().unwrap_or(false))
}

fn repeat_nulls(array: &dyn Array, rows: usize) -> Option<NullBuffer> {
    array.nulls().map(|nulls| NullBuffer::new(repeat_bits(nulls.inner(), rows)))
}

#[cold]
fn too_long(len: usize, limit: usize) -> Error {
    let (what, value, limit) = ("bytes of a value repeated for every row:", to_u64(len), to_u64(limit));
    Error::new(ErrorKind::LimitExceeded { what, value, limit })
}

#[cfg(test)]
mod tests {
    use arrow_array::types::{Float16Type, Int64Type, TimestampSecondType};
    use arrow_array::{BinaryViewArray, StringViewArray};
    use arrow_schema::{Field, Fields};

    use super::*;

    fn check(array: &dyn Array) {
        let array = &array.slice(0, array.len());
        for rows in [0, 1, 2, 3, 100] {
            let repeated = repeat(array, rows).unwrap();
            repeated.to_data().validate_full().unwrap();
            assert_eq!((repeated.data_type(), repeated.len()), (array.data_type(), rows));
            for row in 0..rows {
                assert_eq!(&repeated.slice(row, 1), array, "{array:?}");
            }
        }
    }

    #[test]
    fn every_type() {
        let list = Field::new_list_field(DataType::Int64, true);
        let ints: ArrayRef = Arc::new(PrimitiveArray::<Int64Type>::from_iter_values([1, 2]));
        let pair: ArrayRef = Arc::new(
            FixedSizeListArray::try_new(Arc::new(list.clone()), 2, Arc::clone(&ints), None).unwrap(),
        );
        check(&ints.slice(1, 1));
        check(&PrimitiveArray::<Float16Type>::from_iter_values([half::f16::ONE]));
        check(&PrimitiveArray::<TimestampSecondType>::from_iter([None]));
        check(&BooleanArray::from(vec![true]));
        check(&StringArray::from_iter_values(["x", "text"]).slice(1, 1));
        check(&BinaryArray::from_iter_values([b""]));
        check(&StringViewArray::from_iter_values(["a text that is long enough"]));
        check(&BinaryViewArray::from_iter_values([b"short"]));
        check(&FixedSizeBinaryArray::try_new(3, Buffer::from(b"abc"), None).unwrap());
        check(&pair);
        let empty = Arc::new(PrimitiveArray::<Int64Type>::from_iter_values([]));
        let offsets = OffsetBuffer::new_zeroed(1);
        check(&ListArray::try_new(Arc::new(list.clone()), offsets, empty, None).unwrap());
        let offsets = OffsetBuffer::from_lengths([2]);
        check(&ListArray::try_new(Arc::new(list), offsets, ints, None).unwrap());
        let fields = Fields::from(vec![Field::new("pair", pair.data_type().clone(), false)]);
        check(&StructArray::try_new(fields, vec![pair], None).unwrap());
        check(&StructArray::new_empty_fields(1, None));
    }

    #[test]
    fn long_values_are_limited() {
        let long: ArrayRef =
            Arc::new(FixedSizeBinaryArray::try_new(1000, Buffer::from(vec![0_u8; 1000]), None).unwrap());
        let error = repeat(&long, 2_000_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bytes of a value repeated for every row: 2000000000 exceeds the limit of 1073741824"
        );
        let text: ArrayRef = Arc::new(StringArray::from_iter_values(["0123456789abcdef"]));
        assert!(repeat(&text, 1 << 27).unwrap_err().is_limit());
    }
}
