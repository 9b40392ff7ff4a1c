//! Cells that differ in shape: a struct of the elements and of the shape, `arrow.variable_shape_tensor`. Shares
//! the elements.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Int32Array, ListArray, StructArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, Fields};

use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_NDIM;

const VARIABLE_SHAPE_TENSOR: &str = "arrow.variable_shape_tensor";

/// Returns the type of a column whose cells have so many axes.
pub(super) fn data_type(item: Field, ndim: usize) -> DataType {
    // Headers have at most `MAX_NDIM` axes.
    let ndim = i32::try_from(ndim.min(MAX_NDIM)).unwrap_or(i32::MAX);
    let shape = DataType::FixedSizeList(Arc::new(Field::new_list_field(DataType::Int32, true)), ndim);
    DataType::Struct(Fields::from(vec![
        Field::new("data", DataType::List(Arc::new(item)), true),
        Field::new("shape", shape, true),
    ]))
}

/// Returns the type of the elements of such a column.
pub(super) fn item_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Struct(fields) => match fields.first().map(|data| data.data_type()) {
            Some(DataType::List(item)) => item.data_type(),
            _ => data_type,
        },
        _ => data_type,
    }
}

/// Returns the metadata of the extension type; pyarrow refuses what is no JSON object.
pub(super) fn extension() -> HashMap<String, String> {
    HashMap::from([
        (EXTENSION_TYPE_NAME_KEY.to_owned(), VARIABLE_SHAPE_TENSOR.to_owned()),
        (EXTENSION_TYPE_METADATA_KEY.to_owned(), "{}".to_owned()),
    ])
}

/// Returns the field of the struct alone, if it is one of such tensors.
pub(super) fn without_extension(field: &Field) -> Option<Field> {
    let name = field.metadata().get(EXTENSION_TYPE_NAME_KEY)?;
    if name != VARIABLE_SHAPE_TENSOR {
        return None;
    }
    let mut metadata = field.metadata().clone();
    metadata.remove(EXTENSION_TYPE_NAME_KEY);
    metadata.remove(EXTENSION_TYPE_METADATA_KEY);
    Some(field.clone().with_metadata(metadata))
}

/// Makes a column of the elements of all cells, one cell behind the other, and the shape of each cell.
///
/// # Errors
///
/// [`ErrorKind::LimitExceeded`] if the elements are more than the offsets of a list can count.
pub(crate) fn array<'a>(
    items: ArrayRef,
    data_type: &DataType,
    shapes: impl Iterator<Item = &'a [u64]>,
) -> Result<ArrayRef> {
    let (mut offsets, mut dims) = (vec![0_i32], Vec::new());
    let mut end = 0_u64;
    for shape in shapes {
        end = shape.iter().fold(1_u64, |count, &dim| count.saturating_mul(dim)).saturating_add(end);
        offsets.push(within_list(end)?);
        for &dim in shape {
            dims.push(within_list(dim)?);
        }
    }
    let DataType::Struct(fields) = data_type else { return Ok(items) };
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(fields.len());
    for field in fields {
        arrays.push(match field.data_type() {
            DataType::List(item) => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::take(&mut offsets)));
                Arc::new(ListArray::try_new(Arc::clone(item), offsets, Arc::clone(&items), None)?)
            }
            DataType::FixedSizeList(item, ndim) => {
                let dims = Arc::new(Int32Array::from(std::mem::take(&mut dims)));
                Arc::new(FixedSizeListArray::try_new(Arc::clone(item), *ndim, dims, None)?)
            }
            _ => Arc::clone(&items),
        });
    }
    Ok(Arc::new(StructArray::try_new(fields.clone(), arrays, None)?))
}

/// A number of elements that the offsets and shapes can hold.
fn within_list(value: u64) -> Result<i32> {
    let limit = u64::from(i32::MAX.unsigned_abs());
    i32::try_from(value)
        .map_err(|_| Error::new(ErrorKind::LimitExceeded { what: "elements of one list:", value, limit }))
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int32Type;
    use arrow_array::{Array as _, Float32Array, new_empty_array};

    use super::*;

    #[test]
    fn cells_and_their_shapes() {
        let data_type = data_type(Field::new_list_field(DataType::Float32, true), 2);
        assert_eq!(item_type(&data_type), &DataType::Float32);
        let items: ArrayRef = Arc::new(Float32Array::from_iter_values((0..8_u8).map(f32::from)));
        let shapes: [&[u64]; 3] = [&[1, 2], &[0, 5], &[3, 2]];
        let made = array(Arc::clone(&items), &data_type, shapes.into_iter()).unwrap();
        made.to_data().validate_full().unwrap();
        assert_eq!((made.len(), made.data_type()), (3, &data_type));
        let data = made.as_struct().column(0).as_list::<i32>();
        assert_eq!(data.value_offsets(), [0, 2, 2, 8]);
        let address = |array: &ArrayRef| array.to_data().buffers()[0].as_ptr();
        assert_eq!(address(data.values()), address(&items), "elements are shared");
        let shape = made.as_struct().column(1).as_fixed_size_list();
        assert_eq!(shape.values().as_primitive::<Int32Type>().values(), &[1, 2, 0, 5, 3, 2]);
    }

    #[test]
    fn the_extension_comes_and_goes() {
        let plain = Field::new("x", data_type(Field::new_list_field(DataType::Int8, true), 1), false);
        assert_eq!(without_extension(&plain), None);
        assert_eq!(without_extension(&plain.clone().with_metadata(extension())), Some(plain));
    }

    #[test]
    fn too_many_elements() {
        let data_type = data_type(Field::new_list_field(DataType::Int8, true), 2);
        let empty = || new_empty_array(&DataType::Int8);
        for shapes in [&[&[1_u64 << 31, 0][..]][..], &[&[1 << 16, 1 << 15]], &[&[1 << 30, 1], &[1 << 30, 1]]]
        {
            let error = array(empty(), &data_type, shapes.iter().copied()).unwrap_err();
            assert_eq!(error.to_string(), "elements of one list: 2147483648 exceeds the limit of 2147483647");
        }
    }
}
