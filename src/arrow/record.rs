//! Structured dtypes: each field is gathered from the records into a column of its own. Copies.
//!
//! However deep records nest, the values are gathered once, from the outermost records.

use std::sync::Arc;

use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Fields};

use super::memory::{self, to_usize};
use super::options::TensorLayout;
use super::strided::Strided;
use super::tensor::Lists;
use super::{elements, swap};
use crate::error::Result;
use crate::npy::{Dtype, Record};

/// Makes the struct of `count` records; `fields` are the columns that the schema has for them.
pub(super) fn array(record: &Record, fields: &Fields, bytes: &Buffer, count: usize) -> Result<ArrayRef> {
    records(record, fields, &Strided::contiguous(bytes, count, to_usize(record.item_size())?))
}

fn records(record: &Record, fields: &Fields, rows: &Strided<'_>) -> Result<ArrayRef> {
    let columns =
        record.fields().iter().zip(fields).map(|(field, column)| {
            values(&field.dtype, column.data_type(), &rows.at(to_usize(field.offset)?))
        });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, rows.count())?))
}

/// Makes the array of one field.
fn values(dtype: &Dtype, data_type: &DataType, rows: &Strided<'_>) -> Result<ArrayRef> {
    match (dtype, data_type) {
        (Dtype::Record(record), DataType::Struct(fields)) => records(record, fields, rows),
        (Dtype::Subarray(subarray), _) => {
            let lists = Lists::try_new(subarray.shape(), TensorLayout::Nested)?;
            let (count, size) = (subarray.shape().element_count(), subarray.dtype().item_size());
            let items = rows.split(to_usize(count)?, to_usize(size)?);
            let items = values(subarray.dtype(), lists.item_type(data_type), &items)?;
            lists.wrap(items, data_type, rows.count())
        }
        _ => {
            let size = to_usize(dtype.item_size())?;
            let gathered = memory::fill(size.saturating_mul(rows.count()), |out| {
                rows.gather(out, size);
                if let Some(width) = swap::width(dtype) {
                    swap::in_place(out, width);
                }
                Ok(())
            })?;
            elements::array(dtype, data_type, &gathered, rows.count())
        }
    }
}
