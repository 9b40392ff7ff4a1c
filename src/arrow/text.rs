//! Text: NumPy's four bytes per code point become UTF-8. Copies.

use std::sync::Arc;

use arrow_array::types::StringViewType;
use arrow_array::{ArrayRef, StringArray};
use arrow_buffer::Buffer;
use arrow_schema::DataType;

use super::binary::{self, Offsets};
use super::memory::{self, to_u64};
use crate::error::{Error, ErrorKind, Result};

/// Makes `Utf8` or `Utf8View` of elements of `chars` code points in the machine's byte order; NULs at the
/// end are cut, as NumPy does.
pub(super) fn array(bytes: &Buffer, chars: usize, count: usize, data_type: &DataType) -> Result<ArrayRef> {
    if *data_type == DataType::Utf8View {
        memory::reserve_check(count.saturating_mul(size_of::<usize>()))?;
        let mut ends = Vec::with_capacity(count);
        let values = decode(bytes, chars, count, &mut ends)?;
        let items = ends.iter().scan(0, |start, &end| {
            let start = std::mem::replace(start, end);
            Some((start, end - start))
        });
        return binary::views::<StringViewType>(&values, count, items, binary::MAX_BUFFER_LEN);
    }
    let mut offsets = Offsets::try_with_capacity(count)?;
    let values = decode(bytes, chars, count, &mut offsets)?;
    Ok(Arc::new(StringArray::try_new(offsets.finish(), values, None)?))
}

/// Takes the end of each value.
trait Ends {
    fn push(&mut self, end: usize) -> Result<()>;
    fn clear(&mut self);
}

impl Ends for Offsets {
    fn push(&mut self, end: usize) -> Result<()> {
        self.push(end)
    }

    fn clear(&mut self) {
        self.clear();
    }
}

impl Ends for Vec<usize> {
    fn push(&mut self, end: usize) -> Result<()> {
        self.push(end);
        Ok(())
    }

    fn clear(&mut self) {
        self.clear();
    }
}

/// Returns the UTF-8 of all elements, one behind the other.
fn decode(bytes: &[u8], chars: usize, count: usize, ends: &mut impl Ends) -> Result<Buffer> {
    if chars == 0 {
        (0..count).try_for_each(|_| ends.push(0))?;
        return memory::copied(&[]);
    }
    let (code_points, _) = bytes.as_chunks::<4>();
    // Most text is ASCII, which needs a quarter of the room, and no second look to know that it is valid.
    if let Some(values) = decode_ascii(code_points, chars, ends)? {
        return Ok(values);
    }
    ends.clear();
    binary::compacted(bytes.len(), |out| {
        let mut end = 0;
        for (index, item) in code_points.chunks_exact(chars).enumerate() {
            let room = out.get_mut(end..).unwrap_or_default();
            end += encode(item, room).ok_or_else(|| not_text(index))?;
            ends.push(end)?;
        }
        Ok(end)
    })
}

/// Code points that are narrowed at a time, so that their bytes are still in the cache when they are cut.
const BLOCK: usize = 4096;

/// As [`decode`], but gives up with `None` at the first block that is not ASCII.
fn decode_ascii(code_points: &[[u8; 4]], chars: usize, ends: &mut impl Ends) -> Result<Option<Buffer>> {
    let block_len = (BLOCK / chars).max(1) * chars;
    let mut narrowed = vec![0; block_len.min(code_points.len())];
    let mut is_ascii = true;
    let values = binary::compacted(code_points.len(), |out| {
        let mut end = 0;
        for block in code_points.chunks(block_len) {
            let narrowed = narrowed.get_mut(..block.len()).unwrap_or_default();
            is_ascii = narrow(block, narrowed);
            if !is_ascii {
                return Ok(0);
            }
            for start in (0..narrowed.len()).step_by(chars) {
                end += binary::append(narrowed, start, chars, out.get_mut(end..).unwrap_or_default());
                ends.push(end)?;
            }
        }
        Ok(end)
    })?;
    Ok(is_ascii.then_some(values))
}

/// Takes the lowest byte of each code point; false if that loses something.
fn narrow(code_points: &[[u8; 4]], out: &mut [u8]) -> bool {
    let mut bits = 0;
    for (byte, code_point) in out.iter_mut().zip(code_points) {
        let code_point = u32::from_ne_bytes(*code_point);
        bits |= code_point;
        let [low, ..] = code_point.to_le_bytes();
        *byte = low;
    }
    bits < 0x80
}

/// Writes any text and returns its length without the NULs at the end; `None` if it is none.
fn encode(item: &[[u8; 4]], out: &mut [u8]) -> Option<usize> {
    let chars = item.iter().rposition(|code_point| *code_point != [0; 4]).map_or(0, |last| last + 1);
    let mut end = 0;
    for code_point in item.iter().take(chars) {
        let character = char::from_u32(u32::from_ne_bytes(*code_point))?;
        let room = out.get_mut(end..)?;
        if room.len() < character.len_utf8() {
            return None;
        }
        end += character.encode_utf8(room).len();
    }
    Some(end)
}

#[cold]
fn not_text(index: usize) -> Error {
    let reason = "has a code point that is none of Unicode's (a surrogate, or above 0x10ffff)";
    Error::new(ErrorKind::Value { index: to_u64(index), reason })
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    fn payload(items: &[&[u32]], chars: usize) -> Buffer {
        let padded = items
            .iter()
            .flat_map(|item| (0..chars).flat_map(|at| item.get(at).copied().unwrap_or(0).to_ne_bytes()));
        memory::copied(&padded.collect::<Vec<u8>>()).unwrap()
    }

    fn check(items: &[&str], chars: usize) {
        let code_points: Vec<Vec<u32>> =
            items.iter().map(|item| item.chars().map(u32::from).collect()).collect();
        let slices: Vec<&[u32]> = code_points.iter().map(|item| &item[..]).collect();
        let bytes = payload(&slices, chars);
        let expected: Vec<&str> = items.iter().map(|item| item.trim_end_matches('\0')).collect();
        for data_type in [DataType::Utf8, DataType::Utf8View] {
            let array = array(&bytes, chars, items.len(), &data_type).unwrap();
            array.to_data().validate_full().unwrap();
            assert_eq!(array.data_type(), &data_type);
            let values: Vec<&str> = match data_type {
                DataType::Utf8 => array.as_string::<i32>().iter().map(Option::unwrap).collect(),
                _ => array.as_string_view().iter().map(Option::unwrap).collect(),
            };
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn texts() {
        check(&[], 3);
        check(&["", "", ""], 0);
        check(&["abc", "", "a", "ab\0", "\0\0c", "\0"], 3);
        check(&["abc", "é", "日本語", "🦀🦀", "\0é\0", "\u{10ffff}", "\u{d7ff}\u{e000}"], 3);
        check(&["a longer text than a view holds", "日本語日本語日本語", "short", ""], 40);
        let many: Vec<String> = (0..1000).map(|i| "x".repeat(i % 17)).collect();
        check(&many.iter().map(|item| &item[..]).collect::<Vec<_>>(), 16);
    }

    #[test]
    fn what_is_no_text() {
        for bad in [0xd800, 0xdfff, 0x0011_0000, u32::MAX] {
            for data_type in [DataType::Utf8, DataType::Utf8View] {
                let bytes = payload(&[&[97], &[97, bad]], 2);
                assert_eq!(
                    array(&bytes, 2, 2, &data_type).unwrap_err().to_string(),
                    "element 1: has a code point that is none of Unicode's (a surrogate, or above 0x10ffff)"
                );
            }
        }
    }
}
