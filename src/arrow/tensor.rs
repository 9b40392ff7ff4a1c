//! Axes behind the rows: fixed-size lists, `arrow.fixed_shape_tensor`, or lists that are empty. Shares.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, ListArray, new_empty_array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field, FieldRef};

use super::memory;
use super::options::TensorLayout;
use crate::error::{Error, ErrorKind, Result};

pub(super) const FIXED_SHAPE_TENSOR: &str = "arrow.fixed_shape_tensor";

/// How the axes of one cell become lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lists {
    /// Fixed-size lists, the outermost first; none for a scalar.
    Fixed(Vec<i32>),
    /// One list per cell, which is empty: a fixed-size list of nothing ends polars' process.
    Empty,
}

impl Lists {
    /// Decides for a cell of this shape.
    pub(super) fn try_new(cell: &[u64], layout: TensorLayout) -> Result<Self> {
        if cell.contains(&0) {
            return Ok(Self::Empty);
        }
        let size = |len: u64| {
            let limit = u64::from(i32::MAX.unsigned_abs());
            i32::try_from(len).map_err(|_| {
                Error::new(ErrorKind::LimitExceeded { what: "elements of one list:", value: len, limit })
            })
        };
        Ok(Self::Fixed(match layout {
            _ if cell.is_empty() => Vec::new(),
            TensorLayout::FixedShape | TensorLayout::Flat => {
                vec![size(cell.iter().fold(1_u64, |product, &dim| product.saturating_mul(dim)))?]
            }
            TensorLayout::Nested => cell.iter().map(|&dim| size(dim)).collect::<Result<_>>()?,
        }))
    }

    /// Returns the type of a column whose innermost items are these.
    pub(super) fn data_type(&self, item: Field) -> DataType {
        match self {
            Self::Empty => DataType::List(Arc::new(item)),
            Self::Fixed(sizes) => {
                let mut sizes = sizes.iter().rev();
                let Some(innermost) = sizes.next() else { return item.data_type().clone() };
                sizes.fold(DataType::FixedSizeList(Arc::new(item), *innermost), |data_type, size| {
                    DataType::FixedSizeList(Arc::new(Field::new_list_field(data_type, true)), *size)
                })
            }
        }
    }

    /// Returns the type of the innermost items of such a column.
    pub(super) fn item_type<'a>(&self, data_type: &'a DataType) -> &'a DataType {
        let depth = match self {
            Self::Empty => 1,
            Self::Fixed(sizes) => sizes.len(),
        };
        (0..depth).fold(data_type, |data_type, _| match data_type {
            DataType::FixedSizeList(item, _) | DataType::List(item) => item.data_type(),
            _ => data_type,
        })
    }

    /// Makes the column of all items, in C order. Copies none.
    pub(super) fn wrap(&self, items: ArrayRef, data_type: &DataType, rows: usize) -> Result<ArrayRef> {
        match (self, data_type) {
            (Self::Empty, DataType::List(item)) => {
                memory::reserve_check(rows.saturating_mul(size_of::<i32>()))?;
                let offsets = OffsetBuffer::new_zeroed(rows);
                let values = new_empty_array(item.data_type());
                Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, None)?))
            }
            (Self::Fixed(sizes), _) => wrap_fixed(items, data_type, sizes.len()),
            _ => Ok(items),
        }
    }
}

fn wrap_fixed(items: ArrayRef, data_type: &DataType, depth: usize) -> Result<ArrayRef> {
    match data_type {
        DataType::FixedSizeList(item, size) if depth > 0 => {
            let items = wrap_fixed(items, item.data_type(), depth - 1)?;
            Ok(Arc::new(FixedSizeListArray::try_new(Arc::clone(item), *size, items, None)?))
        }
        _ => Ok(items),
    }
}

/// Returns the metadata of `arrow.fixed_shape_tensor`, as the specification spells it; pyarrow refuses nulls
/// for what is absent.
pub(super) fn extension(cell: &[u64]) -> HashMap<String, String> {
    let dims: Vec<String> = cell.iter().map(u64::to_string).collect();
    HashMap::from([
        (EXTENSION_TYPE_NAME_KEY.to_owned(), FIXED_SHAPE_TENSOR.to_owned()),
        (EXTENSION_TYPE_METADATA_KEY.to_owned(), format!(r#"{{"shape":[{}]}}"#, dims.join(","))),
    ])
}

/// Returns the shape of each cell of an `arrow.fixed_shape_tensor` column in C order; `None` for any other.
///
/// ```
/// use arrow_schema::{DataType, Field};
///
/// let field = Field::new("x", DataType::Int8, false);
/// assert_eq!(npzarrow::arrow::tensor_shape_of(&field), None);
/// ```
pub fn tensor_shape_of(field: &Field) -> Option<Vec<usize>> {
    let DataType::FixedSizeList(_, size) = field.data_type() else { return None };
    if field.metadata().get(EXTENSION_TYPE_NAME_KEY).map(String::as_str) != Some(FIXED_SHAPE_TENSOR) {
        return None;
    }
    let json = field.metadata().get(EXTENSION_TYPE_METADATA_KEY)?;
    let shape = integers_of(json, "shape")?;
    let is_ordered = ["permutation", "permutations"].iter().all(|key| {
        integers_of(json, key).is_none_or(|axes| axes.iter().enumerate().all(|(index, &axis)| index == axis))
    });
    let product = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    (is_ordered && product == usize::try_from(*size).ok()).then_some(shape)
}

/// Returns the shape of each cell in memory and the places of its axes in NumPy's order, empty if they are not given;
/// `None` if the metadata does not fit the type.
pub(super) fn tensor_axes(field: &Field) -> Option<(Vec<usize>, Vec<usize>)> {
    let DataType::FixedSizeList(_, size) = field.data_type() else { return None };
    let json = field.metadata().get(EXTENSION_TYPE_METADATA_KEY)?;
    let shape = integers_of(json, "shape")?;
    let permutation = integers_of(json, "permutation").unwrap_or_default();
    let mut axes = permutation.clone();
    axes.sort_unstable();
    let is_permutation = permutation.is_empty() || axes.iter().copied().eq(0..shape.len());
    let product = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    (is_permutation && product == usize::try_from(*size).ok()).then_some((shape, permutation))
}

/// Finds `"key": [1, 2]` in a flat JSON object.
fn integers_of(json: &str, key: &str) -> Option<Vec<usize>> {
    let (_, rest) = json.split_once(&format!("\"{key}\""))?;
    let list = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('[')?;
    let (list, _) = list.split_once(']')?;
    if list.trim().is_empty() {
        return Some(Vec::new());
    }
    list.split(',').map(|number| number.trim().parse().ok()).collect()
}

/// Turns an `arrow.fixed_shape_tensor` column into nested fixed-size lists, whose shape polars knows; any
/// other column stays as it is. Copies nothing.
pub fn nest_tensors(array: ArrayRef, field: FieldRef) -> (ArrayRef, FieldRef) {
    let nested = tensor_shape_of(&field).and_then(|shape| nest(&array, &field, &shape));
    nested.unwrap_or((array, field))
}

fn nest(array: &ArrayRef, field: &Field, shape: &[usize]) -> Option<(ArrayRef, FieldRef)> {
    let list = array.as_fixed_size_list_opt()?;
    let DataType::FixedSizeList(item, _) = list.data_type() else { return None };
    let (first, inner) = shape.split_first()?;
    let (mut values, mut item) = (Arc::clone(list.values()), Arc::clone(item));
    for dim in inner.iter().rev() {
        let size = i32::try_from(*dim).ok().filter(|&size| size > 0)?;
        values = Arc::new(FixedSizeListArray::try_new(item, size, values, None).ok()?);
        item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    }
    let size = i32::try_from(*first).ok().filter(|&size| size > 0)?;
    let array = FixedSizeListArray::try_new(item, size, values, list.nulls().cloned()).ok()?;
    let mut metadata = field.metadata().clone();
    metadata.remove(EXTENSION_TYPE_NAME_KEY);
    metadata.remove(EXTENSION_TYPE_METADATA_KEY);
    let field = Field::new(field.name(), array.data_type().clone(), field.is_nullable());
    Some((Arc::new(array), Arc::new(field.with_metadata(metadata))))
}

#[cfg(test)]
mod tests {
    use arrow_array::Int16Array;

    use super::*;

    fn tensors(cell: &[u64], rows: i16) -> (ArrayRef, FieldRef) {
        let lists = Lists::try_new(cell, TensorLayout::FixedShape).unwrap();
        let data_type = lists.data_type(Field::new_list_field(DataType::Int16, true));
        let len = rows * i16::try_from(cell.iter().product::<u64>()).unwrap();
        let values = Arc::new(Int16Array::from_iter_values(0..len));
        let array = lists.wrap(values, &data_type, usize::try_from(rows).unwrap()).unwrap();
        (array, Arc::new(Field::new("x", data_type, false).with_metadata(extension(cell))))
    }

    #[test]
    fn json_and_back() {
        let (_, field) = tensors(&[2, 3], 4);
        assert_eq!(field.metadata()[EXTENSION_TYPE_METADATA_KEY], r#"{"shape":[2,3]}"#);
        assert_eq!(tensor_shape_of(&field), Some(vec![2, 3]));
        for (json, shape) in [
            (r#"{"shape":[3,2],"dim_names":null,"permutations":null}"#, Some(vec![3, 2])),
            (r#"{"dim_names":["a","b"], "shape" : [ 6 , 1 ] , "permutation":[0,1]}"#, Some(vec![6, 1])),
            (r#"{"shape":[3,2],"permutation":[1,0]}"#, None),
            (r#"{"shape":[3,3]}"#, None),
            (r#"{"shape":[-6,-1]}"#, None),
            (r#"{"shape":6}"#, None),
            ("{}", None),
            ("", None),
        ] {
            let mut metadata = field.metadata().clone();
            metadata.insert(EXTENSION_TYPE_METADATA_KEY.to_owned(), json.to_owned());
            let field = (*field).clone().with_metadata(metadata);
            assert_eq!(tensor_shape_of(&field), shape, "{json}");
        }
    }

    #[test]
    fn nested_without_a_copy() {
        let (array, field) = tensors(&[2, 3, 2], 4);
        let sliced = array.slice(1, 2);
        let (nested, nested_field) = nest_tensors(Arc::clone(&sliced), field);
        nested.to_data().validate_full().unwrap();
        assert_eq!(nested_field.data_type(), nested.data_type());
        assert!(nested_field.metadata().is_empty());
        let expected = Lists::Fixed(vec![2, 3, 2]).data_type(Field::new_list_field(DataType::Int16, true));
        assert_eq!((nested.data_type(), nested.len()), (&expected, 2));
        let planes = nested.as_fixed_size_list().values();
        let rows = planes.as_fixed_size_list().values();
        let values = rows.as_fixed_size_list().values();
        assert_eq!(values, sliced.as_fixed_size_list().values());
        assert_eq!(
            values.to_data().buffers()[0].as_ptr(),
            sliced.as_fixed_size_list().values().to_data().buffers()[0].as_ptr()
        );
        let plain: (ArrayRef, FieldRef) =
            (Arc::new(Int16Array::from(vec![1])), Arc::new(Field::new("x", DataType::Int16, false)));
        assert_eq!(nest_tensors(Arc::clone(&plain.0), Arc::clone(&plain.1)), plain);
    }

    #[test]
    fn zero_and_huge_cells() {
        assert_eq!(Lists::try_new(&[2, 0, 3], TensorLayout::Nested).unwrap(), Lists::Empty);
        assert_eq!(Lists::try_new(&[], TensorLayout::Flat).unwrap(), Lists::Fixed(vec![]));
        let (array, _) = tensors(&[2, 0], 5);
        array.to_data().validate_full().unwrap();
        assert_eq!((array.len(), array.as_list::<i32>().value_length(4)), (5, 0));
        assert!(Lists::try_new(&[1 << 16, 1 << 15], TensorLayout::Nested).is_ok());
        for (cell, layout) in [
            (&[1 << 16, 1 << 15][..], TensorLayout::FixedShape),
            (&[1 << 16, 1 << 15], TensorLayout::Flat),
            (&[2, 1 << 31], TensorLayout::Nested),
        ] {
            let error = Lists::try_new(cell, layout).unwrap_err();
            assert_eq!(error.to_string(), "elements of one list: 2147483648 exceeds the limit of 2147483647");
        }
    }
}
