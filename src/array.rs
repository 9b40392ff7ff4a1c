//! One array: its header, and its payload where it lies.
//!
//! Use this module for bare `.npy` data; the members of an archive come out of
//! [`NpzArchive`](crate::NpzArchive) as the same type.

use std::ops::Range;
use std::path::Path;

use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use arrow_schema::FieldRef;

use crate::aligned::AlignedBuf;
use crate::arrow::{ArrowOptions, Origin, Plan, Transfer, nest_tensors};
use crate::convert::to_u64;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::npy::{Header, Preamble};
use crate::parallel::default_threads;
use crate::source::{Memory, Source, range_len, slice};

/// How many bytes are read at first to find a header; NumPy's are 128 bytes long unless there are fields.
pub(crate) const HEADER_GUESS: u64 = 256;

/// An NPY array: a header, and a payload that is either shared with the input or owned.
///
/// ```
/// use arrow_array::{Float32Array, cast::AsArray};
/// use arrow_buffer::Buffer;
/// use npzarrow::NpyArray;
/// use npzarrow::arrow::{ArrowOptions, Transfer};
///
/// let mut bytes = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".to_vec();
/// bytes.resize(127, b' ');
/// bytes.push(b'\n');
/// bytes.extend(1.5_f32.to_le_bytes());
/// bytes.extend(2.5_f32.to_le_bytes());
///
/// let column = NpyArray::try_new(Buffer::from(bytes))?.into_column("x", &ArrowOptions::default())?;
/// assert_eq!(column.array.as_primitive::<arrow_array::types::Float32Type>(), &Float32Array::from(vec![1.5, 2.5]));
/// assert_eq!(column.transfer, Transfer::Shared);
/// # Ok::<(), npzarrow::Error>(())
/// ```
#[derive(Debug)]
pub struct NpyArray {
    header: Header,
    payload: Payload,
}

/// Where the elements of an array lie.
#[derive(Debug)]
#[non_exhaustive]
pub enum Payload {
    /// In the memory of the input.
    Shared(Memory),
    /// In memory of our own.
    Owned(OwnedPayload),
}

/// A payload within a buffer that was allocated for it, possibly behind its header.
#[derive(Debug)]
pub struct OwnedPayload {
    buffer: AlignedBuf,
    range: Range<usize>,
    origin: Origin,
}

impl OwnedPayload {
    pub(crate) fn new(buffer: AlignedBuf, range: Range<usize>, origin: Origin) -> Self {
        Self { buffer, range, origin }
    }

    /// Returns the elements' bytes to write to.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.buffer.as_mut_slice().get_mut(self.range.clone()).unwrap_or_default()
    }

    fn as_slice(&self) -> &[u8] {
        self.buffer.as_slice().get(self.range.clone()).unwrap_or_default()
    }
}

impl Payload {
    /// Returns the elements' bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Shared(memory) => memory.bytes(),
            Self::Owned(owned) => owned.as_slice(),
        }
    }

    fn origin(&self) -> Origin {
        match self {
            Self::Shared(memory) if memory.is_mutable() => Origin::Mutable,
            Self::Shared(_) => Origin::Immutable,
            Self::Owned(owned) => owned.origin,
        }
    }

    /// Makes a payload immutable. Copies nothing.
    pub(crate) fn into_buffer(self) -> Buffer {
        match self {
            Self::Shared(memory) => memory.bytes().clone(),
            Self::Owned(OwnedPayload { buffer, range, .. }) => {
                buffer.into_buffer().slice_with_length(range.start, range.len())
            }
        }
    }
}

/// An array in Arrow's terms, and how its memory came about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Column {
    /// The values.
    pub array: ArrayRef,
    /// The name, the type, and the metadata of extension types.
    pub field: FieldRef,
    /// Whether the values share memory with the input.
    pub transfer: Transfer,
    /// The length of the first axis; `None` for a value without axes, which fits any number of rows.
    pub first_axis: Option<u64>,
    /// How many rows and elements take no byte of the payload.
    pub(crate) without_bytes: u64,
}

impl NpyArray {
    /// Parses NPY data that cannot change. Copies nothing.
    pub fn try_new(bytes: Buffer) -> Result<Self> {
        Self::read(&Source::from(bytes), default_threads(), &Interrupt::default())
    }

    /// Reads an `.npy` file: the header, then the payload into a buffer of its own.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(&Source::open(path)?, default_threads(), &Interrupt::default())
    }

    /// Reads NPY data from any source: shares memory, reads files into a buffer.
    pub fn read(source: &Source, threads: usize, interrupt: &Interrupt) -> Result<Self> {
        let read = || {
            let header = read_header(source, 0..source.len())?;
            let range = header.payload_range(source.len())?;
            let payload = match source {
                Source::Memory(memory) => Payload::Shared(memory.slice(range)),
                source => {
                    let mut buffer = AlignedBuf::zeroed(range.len())?;
                    let position = to_u64(range.start);
                    source.read_with_crc32(position, buffer.as_mut_slice(), false, threads, interrupt)?;
                    Payload::Owned(OwnedPayload::new(buffer, 0..range.len(), Origin::Read))
                }
            };
            Ok(Self { header, payload })
        };
        read().map_err(|error| source.name_in(error))
    }

    pub(crate) fn from_parts(header: Header, payload: Payload) -> Self {
        Self { header, payload }
    }

    /// Returns what the array says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the elements.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Takes the array apart.
    pub fn into_parts(self) -> (Header, Payload) {
        (self.header, self.payload)
    }

    /// Makes the array an Arrow column: shares the payload if [`Plan`] allows it, else copies it once.
    pub fn into_column(self, name: &str, options: &ArrowOptions) -> Result<Column> {
        let Self { header, mut payload } = self;
        let address = payload.as_slice().as_ptr().addr();
        let mut plan = Plan::try_new(name, &header, options, payload.origin(), address)?;
        if let Payload::Owned(owned) = &mut payload {
            plan.swap_in_place(owned.as_mut_slice());
        }
        let buffer = if plan.needs_copy() {
            AlignedBuf::copy_of(payload.as_slice(), false, default_threads())?.0.into_buffer()
        } else {
            payload.into_buffer()
        };
        Column::build(&plan, &header, buffer)
    }
}

impl Column {
    /// Returns the same values with tensors as nested lists, whose shape polars and DuckDB keep. Copies
    /// nothing.
    #[must_use]
    pub fn with_nested_tensors(&self) -> Self {
        let (array, field) = nest_tensors(ArrayRef::clone(&self.array), FieldRef::clone(&self.field));
        Self { array, field, ..self.clone() }
    }

    pub(crate) fn build(plan: &Plan, header: &Header, payload: Buffer) -> Result<Self> {
        let array = plan.array(payload)?;
        let first_axis = header.shape().first().copied();
        Ok(Self {
            array,
            field: FieldRef::clone(plan.field()),
            transfer: *plan.transfer(),
            first_axis,
            without_bytes: plan.without_bytes(),
        })
    }
}

/// Parses the NPY header that a range of a source begins with. Memory that may change is copied first.
pub(crate) fn read_header(source: &Source, range: Range<u64>) -> Result<Header> {
    if let Source::Memory(memory) = source
        && !memory.is_mutable()
    {
        return Header::parse(slice(memory.bytes(), &range)?);
    }
    let available = to_u64(range_len(&range, source.len())?);
    let peek = |len: u64| source.peek(range.start..range.start.saturating_add(len.min(available)));
    let bytes = peek(HEADER_GUESS)?;
    let header_end = to_u64(Preamble::parse(&bytes)?.header_end);
    if header_end <= to_u64(bytes.len()) { Header::parse(&bytes) } else { Header::parse(&peek(header_end)?) }
}
