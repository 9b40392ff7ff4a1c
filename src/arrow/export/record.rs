//! Structured dtypes: the fields wait apart from each other and are interleaved at the end.

use super::super::memory;
use super::strings::{Unpack, reserve};
use crate::convert::to_u64;
use crate::error::Result;
use crate::spool::Content;

/// Reads finished elements from the first to the last.
#[derive(Debug)]
pub(super) enum Reader {
    /// The bytes of elements of one size.
    Fixed { content: Content<'static>, position: u64, item_size: usize },
    /// Text and bytes.
    Strings(Unpack),
    /// Records of fields, each with as many elements per record, and the size of a record.
    Record { fields: Vec<(usize, Self)>, item_size: usize },
}

impl Reader {
    /// The bytes of one element.
    pub(super) fn item_size(&self) -> usize {
        match self {
            Self::Fixed { item_size, .. } | Self::Record { item_size, .. } => *item_size,
            Self::Strings(strings) => strings.item_size(),
        }
    }

    /// Appends the next elements.
    pub(super) fn read(&mut self, count: usize, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Fixed { content, position, item_size } => {
                let len = count.saturating_mul(*item_size);
                reserve(out, len)?;
                let bytes = content.get(*position, len)?;
                out.extend_from_slice(&bytes);
                *position = position.saturating_add(to_u64(bytes.len()));
                Ok(())
            }
            Self::Strings(strings) => strings.read(count, out),
            Self::Record { fields, item_size } => {
                let start = out.len();
                let len = count.saturating_mul(*item_size);
                reserve(out, len)?;
                out.resize(start.saturating_add(len), 0);
                let records = out.get_mut(start..).unwrap_or_default();
                let (mut offset, mut gathered) = (0, Vec::new());
                for (elements, field) in fields {
                    gathered.clear();
                    field.read(count.saturating_mul(*elements), &mut gathered)?;
                    let size = field.item_size().saturating_mul(*elements);
                    scatter(&gathered, records, *item_size, offset, size);
                    offset = offset.saturating_add(size);
                }
                Ok(())
            }
        }
    }

    /// Reads packed strings of such a length.
    pub(super) fn strings(content: Content<'static>, is_text: bool, longest: u64) -> Result<Self> {
        Ok(Self::Strings(Unpack::try_new(content, is_text, longest)?))
    }

    /// Reads elements as they are.
    pub(super) fn fixed(content: Content<'static>, item_size: u64) -> Result<Self> {
        Ok(Self::Fixed { content, position: 0, item_size: memory::to_usize(item_size)? })
    }
}

/// Puts one value of `size` bytes into each record.
fn scatter(values: &[u8], records: &mut [u8], stride: usize, offset: usize, size: usize) {
    if size == 0 || stride == 0 {
        return;
    }
    for (record, value) in records.chunks_exact_mut(stride).zip(values.chunks_exact(size)) {
        if let Some(room) = record.get_mut(offset..offset.saturating_add(size)) {
            room.copy_from_slice(value);
        }
    }
}
