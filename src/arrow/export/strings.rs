//! Text and bytes, whose dtype is known when the longest value is: until then each value waits behind its length.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_schema::DataType;

use super::super::memory;
use super::failure::Failure;
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, ExportProblem, Result};
use crate::npy::{ByteOrder, Dtype};
use crate::spool::Content;

/// The bytes of a length.
const LEN_BYTES: usize = size_of::<u64>();
/// What is read at a time.
const PIECE_LEN: usize = 256 << 10;

/// Puts all values behind their lengths, nulls as empty ones, and raises `longest` to the longest of them, in
/// characters for text and in bytes otherwise.
pub(super) fn pack(
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
    longest: &mut u64,
    first: u64,
) -> Result<Buffer, Failure> {
    let mut packed = Packed { bytes: Vec::new(), longest: *longest, index: first, trailing: None };
    let is_valid = |index: usize| nulls.is_none_or(|nulls| nulls.is_valid(index));
    let text = |packed: &mut Packed, index: usize, value: &str| {
        let value = if is_valid(index) { value } else { "" };
        packed.push(value.as_bytes(), if value.is_ascii() { value.len() } else { value.chars().count() })
    };
    let bytes = |packed: &mut Packed, index: usize, value: &[u8]| {
        let value = if is_valid(index) { value } else { b"" };
        packed.push(value, value.len())
    };
    for index in 0..array.len() {
        match array.data_type() {
            DataType::Utf8 => text(&mut packed, index, array.as_string::<i32>().value(index)),
            DataType::LargeUtf8 => text(&mut packed, index, array.as_string::<i64>().value(index)),
            DataType::Utf8View => text(&mut packed, index, array.as_string_view().value(index)),
            DataType::Binary => bytes(&mut packed, index, array.as_binary::<i32>().value(index)),
            DataType::LargeBinary => bytes(&mut packed, index, array.as_binary::<i64>().value(index)),
            DataType::BinaryView => bytes(&mut packed, index, array.as_binary_view().value(index)),
            _ => Ok(()),
        }?;
    }
    *longest = packed.longest;
    match packed.trailing {
        None => Ok(Buffer::from_vec(packed.bytes)),
        Some(index) => Err(ExportProblem::TrailingNul { index }.into()),
    }
}

struct Packed {
    bytes: Vec<u8>,
    longest: u64,
    index: u64,
    trailing: Option<u64>,
}

impl Packed {
    fn push(&mut self, value: &[u8], len: usize) -> Result<()> {
        if value.last() == Some(&0) {
            self.trailing.get_or_insert(self.index);
        }
        self.index = self.index.saturating_add(1);
        self.longest = self.longest.max(to_u64(len));
        let more = value.len().saturating_add(LEN_BYTES);
        let failed = |_| Error::new(ErrorKind::Allocation { len: to_u64(more) });
        self.bytes.try_reserve(more).map_err(failed)?;
        self.bytes.extend(to_u64(value.len()).to_le_bytes());
        self.bytes.extend(value);
        Ok(())
    }
}

/// The dtype of values of which the longest has this length; at least 1, as NumPy has it.
pub(super) fn dtype(is_text: bool, longest: u64) -> Dtype {
    let len = longest.max(1);
    if is_text { Dtype::Text(len, ByteOrder::NATIVE) } else { Dtype::Bytes(len) }
}

/// Reads packed values from the first to the last, and pads them.
#[derive(Debug)]
pub(super) struct Unpack {
    content: Content<'static>,
    position: u64,
    piece: Vec<u8>,
    start: usize,
    is_text: bool,
    item_size: usize,
}

impl Unpack {
    pub(super) fn try_new(content: Content<'static>, is_text: bool, longest: u64) -> Result<Self> {
        let item_size = memory::to_usize(dtype(is_text, longest).item_size())?;
        Ok(Self { content, position: 0, piece: Vec::new(), start: 0, is_text, item_size })
    }

    /// The bytes of one element.
    pub(super) fn item_size(&self) -> usize {
        self.item_size
    }

    /// Appends the next elements, each at its full size.
    pub(super) fn read(&mut self, count: usize, out: &mut Vec<u8>) -> Result<()> {
        reserve(out, count.saturating_mul(self.item_size))?;
        for _ in 0..count {
            let end = out.len().saturating_add(self.item_size);
            let len = match self.take(LEN_BYTES)?.first_chunk::<LEN_BYTES>() {
                Some(len) => to_usize(u64::from_le_bytes(*len)),
                None => 0,
            };
            let is_text = self.is_text;
            let value = self.take(len)?;
            if is_text {
                // Strings of Arrow are UTF-8.
                for character in str::from_utf8(value).unwrap_or_default().chars() {
                    out.extend(u32::from(character).to_ne_bytes());
                }
            } else {
                out.extend(value);
            }
            out.resize(end, 0);
        }
        Ok(())
    }

    /// The next bytes.
    fn take(&mut self, len: usize) -> Result<&[u8]> {
        if self.piece.len().saturating_sub(self.start) < len {
            self.piece.drain(..self.start.min(self.piece.len()));
            self.start = 0;
            let more = self.content.get(self.position, len.max(PIECE_LEN))?;
            reserve(&mut self.piece, more.len())?;
            self.piece.extend_from_slice(&more);
            self.position = self.position.saturating_add(to_u64(more.len()));
        }
        let start = self.start;
        self.start = start.saturating_add(len);
        Ok(self.piece.get(start..self.start).unwrap_or_default())
    }
}

/// Makes room, or fails where arrow's and Rust's own buffers would end the process.
pub(super) fn reserve(out: &mut Vec<u8>, len: usize) -> Result<()> {
    out.try_reserve(len).map_err(|_| Error::new(ErrorKind::Allocation { len: to_u64(len) }))
}
