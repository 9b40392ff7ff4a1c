//! Structured dtypes: each field is gathered from the records into a column of its own. Copies.

use std::sync::Arc;

use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::Buffer;
use arrow_schema::Fields;

use super::memory::{self, to_usize};
use super::{elements, swap};
use crate::error::Result;
use crate::npy::Record;

/// Makes the struct of `count` records; `fields` are the columns that the schema has for them.
pub(super) fn array(record: &Record, fields: &Fields, bytes: &Buffer, count: usize) -> Result<ArrayRef> {
    let stride = to_usize(record.item_size())?;
    let columns = record.fields().iter().zip(fields).map(|(field, column)| {
        let (offset, size) = (to_usize(field.offset)?, to_usize(field.dtype.item_size())?);
        let gathered = memory::fill(size.saturating_mul(count), |out| {
            gather(bytes, out, stride, offset, size);
            if let Some(width) = swap::width(&field.dtype) {
                swap::in_place(out, width);
            }
            Ok(())
        })?;
        elements::array(&field.dtype, column.data_type(), &gathered, count)
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, count)?))
}

/// Copies `size` bytes at `offset` of every record of `stride` bytes.
fn gather(bytes: &[u8], out: &mut [u8], stride: usize, offset: usize, size: usize) {
    match size {
        _ if stride == 0 => {}
        0 => {}
        1 => gather_sized::<1>(bytes, out, stride, offset),
        2 => gather_sized::<2>(bytes, out, stride, offset),
        4 => gather_sized::<4>(bytes, out, stride, offset),
        8 => gather_sized::<8>(bytes, out, stride, offset),
        16 => gather_sized::<16>(bytes, out, stride, offset),
        _ => {
            for (out, record) in out.chunks_exact_mut(size).zip(bytes.chunks_exact(stride)) {
                if let Some(value) = record.get(offset..offset + size) {
                    out.copy_from_slice(value);
                }
            }
        }
    }
}

fn gather_sized<const SIZE: usize>(bytes: &[u8], out: &mut [u8], stride: usize, offset: usize) {
    for (out, record) in out.as_chunks_mut::<SIZE>().0.iter_mut().zip(bytes.chunks_exact(stride)) {
        if let Some(value) = record.get(offset..).and_then(<[u8]>::first_chunk) {
            *out = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_every_size() {
        let bytes: Vec<u8> = (0..=255).cycle().take(40 * 50).collect();
        for size in [0, 1, 2, 3, 4, 8, 16, 17] {
            for offset in [0, 1, 40 - size] {
                let mut out = vec![0; 50 * size];
                gather(&bytes, &mut out, 40, offset, size);
                let expected: Vec<u8> =
                    bytes.chunks(40).flat_map(|record| &record[offset..offset + size]).copied().collect();
                assert_eq!(out, expected);
            }
        }
    }
}
