//! One array from a binary file, which is left where the array ends, as `np.load` leaves it.

use std::ops::Range;

use npzarrow::arrow::{ArrowOptions, CopyMode, CopyReason, Transfer};
use npzarrow::npy::{Header, Preamble};
use npzarrow::source::{Memory, Source};
use npzarrow::{AlignedBuf, Column, ErrorKind, Interrupt, NpyArray, default_threads};
use pyo3::intern;
use pyo3::prelude::*;

use crate::error::{ToPy, of_kind};
use crate::input::not_binary;
use crate::interrupt;
use crate::owner::{BufferOwner, has_buffer};

/// What is asked for at once.
const REQUEST: usize = 1 << 20;
/// There is room for at most so many times as much as has come, so that a header that lies about its payload
/// cannot make the file allocate it; what is copied when the room grows is this part of the whole.
const GROWTH: usize = 8;
/// Payloads begin at a multiple of this, so that Arrow can use them as they lie.
const ALIGNMENT: usize = 64;

/// NPY data that was read once, into memory of our own.
pub(crate) struct ReadArray {
    pub(crate) header: Header,
    pub(crate) data: AlignedBuf,
    /// Where the elements lie in `data`; the header lies right before them.
    pub(crate) payload: Range<usize>,
}

impl ReadArray {
    /// Reads one array. Of pickled objects nothing but the header is read.
    pub(crate) fn of(file: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = file.py();
        let mut head = Vec::new();
        // A header needs ten bytes in version 1.0, twelve later; none is shorter than twelve.
        read_until(file, &mut head, Preamble::MAX_LEN)?;
        let preamble = Preamble::parse(&head).or_raise(py)?;
        read_until(file, &mut head, preamble.header_end)?;
        let header = Header::parse(&head).or_raise(py)?;
        let range = header.payload_range(u64::MAX).or_raise(py)?;
        let start = range.start.next_multiple_of(ALIGNMENT).saturating_sub(range.start);
        let mut growing = Growing::new(start, range.end.saturating_add(start)).or_raise(py)?;
        growing.push(&head).or_raise(py)?;
        while growing.missing() > 0 {
            let came = read(file, growing.missing().min(REQUEST), |chunk| growing.push(chunk))?;
            if came.or_raise(py)? == 0 {
                break;
            }
        }
        let came = growing.filled.saturating_sub(start);
        let payload = header.payload_range(u64::try_from(came).unwrap_or(u64::MAX)).or_raise(py)?;
        let payload = payload.start.saturating_add(start)..payload.end.saturating_add(start);
        Ok(Self { header, data: growing.data, payload })
    }

    /// Makes the array an Arrow column in the memory that it was read into.
    pub(crate) fn into_column(self, py: Python<'_>, name: &str, options: ArrowOptions) -> PyResult<Column> {
        let never = options.copy == CopyMode::Never;
        // It is a copy already, and nobody else knows of it.
        let options = if never { options } else { options.with_copy(CopyMode::Auto) };
        let start = self.payload.start.saturating_sub(self.header.payload_offset());
        let data = self.data.into_buffer();
        let len = self.payload.end.saturating_sub(start);
        let source = Source::from(Memory::new(data.slice_with_length(start, len)));
        let read = |interrupt: &Interrupt| {
            NpyArray::read(&source, default_threads(), interrupt)?.into_column(name, &options)
        };
        let mut column = interrupt::run(py, source.len(), read)?.or_raise(py)?;
        if column.transfer == Transfer::Shared && !self.payload.is_empty() {
            if never {
                let reason = CopyReason::Read.to_string();
                return Err(of_kind(py, &ErrorKind::CopyRequired { reason }, None));
            }
            column.transfer = Transfer::Copied(CopyReason::Read);
        }
        Ok(column)
    }
}

/// Aligned memory that grows with what it is given, up to what is expected.
struct Growing {
    data: AlignedBuf,
    filled: usize,
    expected: usize,
}

impl Growing {
    /// Begins to fill behind `start` bytes, which stay zero.
    fn new(start: usize, expected: usize) -> npzarrow::Result<Self> {
        let mut room = expected;
        while room > REQUEST {
            // Counted from the end, so that the last step is no small one.
            room = room.div_ceil(GROWTH);
        }
        Ok(Self { data: AlignedBuf::zeroed(room.max(start))?, filled: start, expected })
    }

    fn missing(&self) -> usize {
        self.expected.saturating_sub(self.filled)
    }

    /// Appends bytes, but none behind what is expected; returns how many there were.
    fn push(&mut self, bytes: &[u8]) -> npzarrow::Result<usize> {
        let taken = bytes.get(..self.missing()).unwrap_or(bytes);
        let end = self.filled.saturating_add(taken.len());
        let mut room = self.data.as_slice().len();
        if room < end {
            while room < end {
                room = room.max(1).saturating_mul(GROWTH).min(self.expected);
            }
            let mut larger = AlignedBuf::zeroed(room)?;
            copy(self.data.as_slice(), larger.as_mut_slice());
            self.data = larger;
        }
        copy(taken, self.data.as_mut_slice().get_mut(self.filled..).unwrap_or_default());
        self.filled = end;
        Ok(bytes.len())
    }
}

/// Copies to the beginning of a longer slice.
fn copy(from: &[u8], to: &mut [u8]) {
    if let Some(to) = to.get_mut(..from.len()) {
        to.copy_from_slice(from);
    }
}

/// Reads until there are `len` bytes or the file ends.
fn read_until(file: &Bound<'_, PyAny>, head: &mut Vec<u8>, len: usize) -> PyResult<()> {
    while head.len() < len {
        let request = len.saturating_sub(head.len());
        let came = read(file, request, |chunk| {
            head.extend_from_slice(chunk);
            chunk.len()
        })?;
        if came == 0 {
            break;
        }
    }
    Ok(())
}

/// Reads once, and hands over what came: `bytes`, or any other memory.
fn read<T>(file: &Bound<'_, PyAny>, len: usize, take: impl FnOnce(&[u8]) -> T) -> PyResult<T> {
    let chunk = file.call_method1(intern!(file.py(), "read"), (len,))?;
    if !has_buffer(&chunk) {
        return Err(not_binary(&chunk));
    }
    Ok(take(BufferOwner::export(&chunk)?.get().as_slice()))
}
