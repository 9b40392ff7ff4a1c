//! Byte strings: `V` shares, `S` loses its trailing NULs by a copy or, as views, without one.

use std::sync::Arc;

use arrow_array::builder::make_view;
use arrow_array::types::{BinaryViewType, ByteViewType};
use arrow_array::{ArrayRef, BinaryArray, FixedSizeBinaryArray, GenericByteViewArray};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::DataType;

use super::memory::{self, to_u64};
use crate::error::{Error, ErrorKind, Result};

/// The longest value that lies in its view.
pub(super) const MAX_INLINE: u64 = 12;

/// The most bytes of one buffer of a view array, as of one `Binary` or `Utf8` column.
pub(super) const MAX_BUFFER_LEN: usize = i32::MAX.unsigned_abs() as usize;

/// Shares elements of `size` bytes, the dtype `V`.
pub(super) fn fixed(bytes: &Buffer, size: i32) -> Result<ArrayRef> {
    Ok(Arc::new(FixedSizeBinaryArray::try_new(size, bytes.clone(), None)?))
}

/// Makes `Binary` or `BinaryView` of elements of `size` bytes, the dtype `S`.
pub(super) fn trimmed(bytes: &Buffer, size: usize, count: usize, data_type: &DataType) -> Result<ArrayRef> {
    if *data_type == DataType::BinaryView {
        let items = starts(bytes, size, count).map(|(start, item)| (start, trim(item).len()));
        return views::<BinaryViewType>(bytes, count, items, MAX_BUFFER_LEN);
    }
    let mut offsets = Offsets::try_with_capacity(count)?;
    let values = compacted(bytes.len(), |out| {
        let mut end = 0;
        for (start, _) in starts(bytes, size, count) {
            end += append(bytes, start, size, out.get_mut(end..).unwrap_or_default());
            offsets.push(end)?;
        }
        Ok(end)
    })?;
    Ok(Arc::new(BinaryArray::try_new(offsets.finish(), values, None)?))
}

/// Makes `Binary` of empty values, for elements without bytes.
pub(super) fn empties(count: usize) -> Result<ArrayRef> {
    memory::reserve_check(count.saturating_mul(size_of::<i32>()))?;
    let offsets = OffsetBuffer::new_zeroed(count);
    Ok(Arc::new(BinaryArray::try_new(offsets, Buffer::from(&[]), None)?))
}

/// Visits elements with the place where each begins.
fn starts(bytes: &[u8], size: usize, count: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let full = bytes.chunks_exact(size.max(1)).enumerate().map(move |(index, item)| (index * size, item));
    let empty = if size == 0 { count } else { 0 };
    full.chain(std::iter::repeat_n((0, &[][..]), empty))
}

/// Cuts the NULs at the end, eight at a time, as NumPy does.
pub(super) fn trim(mut item: &[u8]) -> &[u8] {
    while let Some((rest, last)) = item.split_last_chunk::<8>() {
        let word = u64::from_le_bytes(*last);
        if word != 0 {
            let zeros = usize::try_from(word.leading_zeros() / 8).unwrap_or(0);
            return item.get(..item.len() - zeros).unwrap_or(item);
        }
        item = rest;
    }
    let len = item.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    item.get(..len).unwrap_or(item)
}

/// Appends the element at `start` without the NULs at its end, and returns its length then.
pub(super) fn append(bytes: &[u8], start: usize, size: usize, out: &mut [u8]) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let item = trim(rest.get(..size).unwrap_or(rest));
    // Sixteen bytes are one instruction, a few bytes are a call; what is too much will be overwritten.
    if item.len() <= 16
        && let (Some(out), Some(sixteen)) = (out.first_chunk_mut::<16>(), rest.first_chunk::<16>())
    {
        *out = *sixteen;
    } else if let Some(out) = out.get_mut(..item.len()) {
        out.copy_from_slice(item);
    }
    item.len()
}

/// Fills at most `capacity` bytes; `write` returns how many it wrote. Memory that would stay half empty is
/// given back.
pub(super) fn compacted(capacity: usize, write: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<Buffer> {
    let mut len = 0;
    let buffer = memory::fill(capacity, |out| {
        len = write(out)?;
        Ok(())
    })?;
    let values = buffer.slice_with_length(0, len.min(capacity));
    if len < capacity / 2 { memory::copied(&values) } else { Ok(values) }
}

/// The offsets of `Binary` and `Utf8`, which reach to 2 GiB.
pub(super) struct Offsets(Vec<i32>);

impl Offsets {
    /// Makes room for the offsets of `count` values.
    pub(super) fn try_with_capacity(count: usize) -> Result<Self> {
        memory::reserve_check(count.saturating_mul(size_of::<i32>()))?;
        let mut offsets = Vec::with_capacity(count.saturating_add(1));
        offsets.push(0);
        Ok(Self(offsets))
    }

    /// Adds the end of a value.
    pub(super) fn push(&mut self, end: usize) -> Result<()> {
        let Ok(end) = i32::try_from(end) else {
            return Err(too_long("bytes of text in one column; string_view=True has no limit:", end));
        };
        self.0.push(end);
        Ok(())
    }

    /// Forgets all values.
    pub(super) fn clear(&mut self) {
        self.0.truncate(1);
    }

    /// Returns the offsets.
    pub(super) fn finish(self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(self.0.into())
    }
}

#[cold]
fn too_long(what: &'static str, len: usize) -> Error {
    Error::new(ErrorKind::LimitExceeded { what, value: to_u64(len), limit: to_u64(MAX_BUFFER_LEN) })
}

/// Makes a view array of values that begin and end anywhere in `values`, in ascending order. Shares
/// `values`, cut between values into buffers that a view's 31 bits of offset can reach; short values are
/// copied into their views.
pub(super) fn views<T: ByteViewType>(
    values: &Buffer,
    count: usize,
    items: impl Iterator<Item = (usize, usize)>,
    max_buffer_len: usize,
) -> Result<ArrayRef> {
    let (mut buffers, mut base, mut base_end) = (Vec::new(), 0, 0);
    let views = memory::fill(count.saturating_mul(size_of::<u128>()), |out| {
        for (out, (start, len)) in out.as_chunks_mut::<16>().0.iter_mut().zip(items) {
            let value = values.get(start..start.saturating_add(len)).unwrap_or_default();
            let mut place = (0, 0);
            if to_u64(len) > MAX_INLINE {
                let end = start + len;
                if end - base > max_buffer_len {
                    if len > max_buffer_len {
                        return Err(too_long("bytes of one value:", len));
                    }
                    buffers.push(values.slice_with_length(base, base_end - base));
                    base = start;
                }
                base_end = end;
                place = (buffers.len(), start - base);
            }
            // Both fit: an offset is below 2 GiB, and there are fewer buffers than GiB of memory.
            let [buffer, offset] = [place.0, place.1].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            *out = make_view(value, buffer, offset).to_ne_bytes();
        }
        Ok(())
    })?;
    if base_end > base {
        buffers.push(values.slice_with_length(base, base_end - base));
    }
    Ok(Arc::new(GenericByteViewArray::<T>::try_new(memory::numbers(&views)?, buffers, None)?))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    fn sample(size: usize, count: usize) -> (Buffer, Vec<Vec<u8>>) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for index in 0..count {
            let mut item: Vec<u8> = (0..size).map(|at| [b'a', 0, 7, 0xff][(index + at) % 4]).collect();
            item.iter_mut().skip(index % (size + 1)).for_each(|byte| *byte = 0);
            bytes.extend(&item);
            let len = item.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            item.truncate(len);
            expected.push(item);
        }
        (memory::copied(&bytes).unwrap(), expected)
    }

    #[test]
    fn trailing_nuls_are_cut() {
        for size in [0, 1, 2, 7, 8, 9, 12, 13, 16, 17, 33, 100] {
            for count in [0, 1, 300] {
                let (bytes, expected) = sample(size, count);
                let binary = trimmed(&bytes, size, count, &DataType::Binary).unwrap();
                binary.to_data().validate_full().unwrap();
                let values: Vec<_> = binary.as_binary::<i32>().iter().map(Option::unwrap).collect();
                assert_eq!(values, expected);
                for limit in [size.max(13), 3 * size + 40, MAX_BUFFER_LEN] {
                    let items = starts(&bytes, size, count).map(|(start, item)| (start, trim(item).len()));
                    let array = views::<BinaryViewType>(&bytes, count, items, limit).unwrap();
                    array.to_data().validate_full().unwrap();
                    let values: Vec<_> = array.as_binary_view().iter().map(Option::unwrap).collect();
                    assert_eq!(values, expected, "{size} {count} {limit}");
                    let total: usize = array.as_binary_view().data_buffers().iter().map(Buffer::len).sum();
                    assert!(total <= bytes.len());
                }
            }
        }
    }

    #[test]
    fn views_share_the_payload() {
        let bytes = memory::copied(&[b'x'; 160]).unwrap();
        let array = trimmed(&bytes, 16, 10, &DataType::BinaryView).unwrap();
        assert_eq!(array.as_binary_view().data_buffers()[0].as_ptr(), bytes.as_ptr());
        let short = trimmed(&bytes, 8, 20, &DataType::BinaryView).unwrap();
        assert!(short.as_binary_view().data_buffers().is_empty());
        let fixed = fixed(&bytes, 16).unwrap();
        assert_eq!(fixed.as_fixed_size_binary().value_data().as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn limits() {
        let bytes = memory::copied(&[b'x'; 64]).unwrap();
        let error = views::<BinaryViewType>(&bytes, 1, std::iter::once((0, 64)), 63).unwrap_err();
        assert_eq!(error.to_string(), "bytes of one value: 64 exceeds the limit of 2147483647");
        let mut offsets = Offsets::try_with_capacity(1).unwrap();
        offsets.push(2_147_483_647).unwrap();
        assert_eq!(
            offsets.push(2_147_483_648).unwrap_err().to_string(),
            "bytes of text in one column; string_view=True has no limit: 2147483648 exceeds the limit of 2147483647"
        );
    }
}
