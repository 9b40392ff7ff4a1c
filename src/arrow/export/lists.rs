//! From lists to their innermost values, with the nulls of all levels. Copies only what a tensor has permuted, and
//! dictionaries.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait, UInt64Array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use arrow_select::take::take;

use super::failure::Failure;
use super::plan::Axis;
use crate::convert::{to_u64, to_usize};
use crate::error::{ExportProblem, Result};

/// The innermost values, and where they or what holds them is null.
pub(super) type Peeled = (ArrayRef, Option<NullBuffer>);

/// Takes the lists off. `nulls` are those of the level above; `first` is the place of the first row.
pub(super) fn peel(
    axes: &mut [Axis],
    array: &ArrayRef,
    nulls: Option<NullBuffer>,
    first: u64,
) -> Result<Peeled, Failure> {
    let (mut array, mut nulls) = (decoded(array)?, nulls);
    for axis in axes {
        let rows = array.len();
        nulls = some_null(NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref()));
        let next = match array.data_type() {
            DataType::FixedSizeList(_, len) => {
                let len = to_usize(u64::from(len.unsigned_abs()));
                nulls = nulls.map(|nulls| nulls.expand(len));
                array.as_fixed_size_list().values().slice(0, rows.saturating_mul(len))
            }
            DataType::List(_) => uniform::<i32>(axis, &array, nulls.as_ref(), first)?,
            DataType::LargeList(_) => uniform::<i64>(axis, &array, nulls.as_ref(), first)?,
            // The schema has said that there are lists.
            _ => break,
        };
        if let Axis::Tensor { shape, permutation } = axis
            && !permutation.is_empty()
        {
            let indices = permuted(shape, permutation, rows);
            nulls = nulls
                .map(|nulls| indices.values().iter().map(|&index| nulls.is_valid(to_usize(index))).collect());
            array = decoded(&gathered(&next, &indices)?)?;
        } else {
            array = decoded(&next)?;
        }
    }
    Ok((array, nulls))
}

/// The values of a dictionary, each where its key is.
fn decoded(array: &ArrayRef) -> Result<ArrayRef> {
    match array.as_any_dictionary_opt() {
        Some(dictionary) => gathered(dictionary.values(), dictionary.keys()),
        None => Ok(Arc::clone(array)),
    }
}

fn gathered(values: &ArrayRef, indices: &dyn Array) -> Result<ArrayRef> {
    Ok(take(values, indices, None)?)
}

/// The values of lists that all have one length.
fn uniform<O: OffsetSizeTrait>(
    axis: &mut Axis,
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
    first: u64,
) -> Result<ArrayRef, Failure> {
    if let Some(nulls) = nulls {
        let count = to_u64(nulls.null_count());
        return Err(ExportProblem::NullLists { count }.into());
    }
    let list = array.as_list::<O>();
    let Axis::Uniform(known) = axis else { return Ok(list.values().slice(0, 0)) };
    for (row, len) in list.offsets().lengths().enumerate() {
        let len = to_u64(len);
        let expected = *known.get_or_insert(len);
        if len != expected {
            let row = first.saturating_add(to_u64(row));
            return Err(ExportProblem::Ragged { row, expected, actual: len }.into());
        }
    }
    let offset = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
    let (start, end) = (offset(list.offsets().first()), offset(list.offsets().last()));
    Ok(list.values().slice(start, end.saturating_sub(start)))
}

/// Where each element lies in memory, in NumPy's order, for cells of this shape in memory.
fn permuted(shape: &[u64], permutation: &[usize], rows: usize) -> UInt64Array {
    let mut strides = vec![1_u64; shape.len()];
    for axis in (1..shape.len()).rev() {
        let inner =
            strides.get(axis).zip(shape.get(axis)).map_or(1, |(stride, dim)| stride.saturating_mul(*dim));
        if let Some(stride) = strides.get_mut(axis - 1) {
            *stride = inner;
        }
    }
    let mut cell = vec![0_u64];
    for &axis in permutation {
        let (Some(&dim), Some(&stride)) = (shape.get(axis), strides.get(axis)) else { continue };
        cell = cell.iter().flat_map(|start| (0..dim).map(move |step| start + step * stride)).collect();
    }
    let len = to_u64(cell.len());
    UInt64Array::from_iter_values((0..to_u64(rows)).flat_map(|row| cell.iter().map(move |at| row * len + at)))
}

/// A buffer that has nulls, or none at all.
pub(super) fn some_null(nulls: Option<NullBuffer>) -> Option<NullBuffer> {
    nulls.filter(|nulls| nulls.null_count() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations() {
        let found = permuted(&[2, 3], &[1, 0], 2);
        assert_eq!(found.values(), &[0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
        assert_eq!(permuted(&[2, 1, 2], &[2, 0, 1], 1).values(), &[0, 2, 1, 3]);
        assert_eq!(permuted(&[0, 3], &[1, 0], 5).len(), 0);
    }
}
