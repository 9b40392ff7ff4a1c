//! Where a member lies: all that is needed to read it later without the directory of its archive.

use std::ops::Range;

use super::archive::NpzArchive;
use super::stored::check_crc32;
use super::stream::MemberStream;
use crate::aligned::AlignedBuf;
use crate::array::{HEADER_GUESS, NpyArray, OwnedPayload, Payload};
use crate::arrow::Origin;
use crate::checksum::{combine_crc32, copy_with_crc32, crc32};
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::limits::{BLOCK_LEN, STREAM_INFLATE_MIN};
use crate::npy::{Header, Preamble};
use crate::source::{Source, range_len, slice};
use crate::zip::{Entry, Method, inflate_into};

/// Where the bytes of an array lie in a source, and what they must be.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The range of the member's bytes, compressed or not.
    data: Range<u64>,
    /// Where the payload begins within the member once it is inflated.
    payload_offset: u64,
    /// What the directory says; a bare file has none.
    entry: Option<Entry>,
}

/// What members are read with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) source: &'a Source,
    pub(crate) verify: bool,
    pub(crate) threads: usize,
    pub(crate) interrupt: &'a Interrupt,
}

/// Memory that is used for one member after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    compressed: Vec<u8>,
    inflated: Vec<u8>,
    in_order: Vec<u8>,
}

impl Place {
    /// The place of the array that a bare file is.
    pub(crate) fn bare(header: &Header, len: u64) -> Self {
        Self { data: 0..len, payload_offset: to_u64(header.payload_offset()), entry: None }
    }

    /// True if the member must be inflated.
    pub(crate) fn is_deflated(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.method() == Method::DEFLATED)
    }

    /// The bytes of the member once it is inflated.
    pub(crate) fn declared_len(&self) -> u64 {
        let stored = self.data.end.saturating_sub(self.data.start);
        self.entry.as_ref().map_or(stored, Entry::declared_size)
    }

    pub(crate) fn data(&self) -> Range<u64> {
        self.data.clone()
    }

    pub(super) fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    /// The range of a stored payload in the source.
    pub(crate) fn payload(&self, header: &Header) -> Range<u64> {
        let start = self.data.start.saturating_add(self.payload_offset);
        start..start.saturating_add(header.payload_len())
    }

    /// The entry, if there is a checksum to be compared.
    fn checked(&self, verify: bool) -> Option<&Entry> {
        self.entry.as_ref().filter(|_| verify)
    }

    /// Reads a whole array, verified: shares it if it is stored in memory.
    pub(crate) fn read(&self, header: &Header, reading: Reading<'_>) -> Result<NpyArray> {
        if self.is_deflated() {
            return self.inflate(header, reading);
        }
        let payload = match reading.source {
            Source::Memory(memory) => {
                if let Some(entry) = self.checked(reading.verify) {
                    check_crc32(entry, crc32(slice(memory.bytes(), &self.data)?, reading.threads))?;
                }
                Payload::Shared(memory.slice_checked(&self.payload(header))?)
            }
            source => Payload::Owned(if let Some((buffer, start)) = source.take(&self.data) {
                self.taken(header, reading, buffer, start)?
            } else {
                let len = allocatable(header.payload_len())?;
                let mut buffer = AlignedBuf::zeroed(len)?;
                self.copy_stored(reading, buffer.as_mut_slice())?;
                OwnedPayload::new(buffer, 0..len, Origin::Read)
            }),
        };
        Ok(NpyArray::from_parts(header.clone(), payload))
    }

    /// The payload of a member that was fetched ahead, with `data` at a place of the buffer.
    fn taken(
        &self,
        header: &Header,
        reading: Reading<'_>,
        buffer: AlignedBuf,
        start: usize,
    ) -> Result<OwnedPayload> {
        if let Some(entry) = self.checked(reading.verify) {
            let len = to_usize(self.data.end.saturating_sub(self.data.start));
            let member = buffer.as_slice().get(start..start.saturating_add(len)).unwrap_or_default();
            check_crc32(entry, crc32(member, reading.threads))?;
        }
        let start = start.saturating_add(to_usize(self.payload_offset));
        let payload = start..start.saturating_add(allocatable(header.payload_len())?);
        Ok(OwnedPayload::new(buffer, payload, Origin::Read))
    }

    fn inflate(&self, header: &Header, reading: Reading<'_>) -> Result<NpyArray> {
        if self.declared_len() > STREAM_INFLATE_MIN {
            let mut stream = MemberStream::try_new(reading.source, self, header, reading.verify)?;
            return stream.next_rows(header.shape().rows(), reading.interrupt);
        }
        if let Some(entry) = &self.entry {
            entry.check_ratio()?;
        }
        let mut buffer = AlignedBuf::zeroed(allocatable(self.declared_len())?)?;
        self.inflate_to(reading, buffer.as_mut_slice(), &mut Vec::new())?;
        let start = to_usize(self.payload_offset);
        let payload = start..start.saturating_add(allocatable(header.payload_len())?);
        let payload = OwnedPayload::new(buffer, payload, Origin::Inflated);
        Ok(NpyArray::from_parts(header.clone(), Payload::Owned(payload)))
    }

    /// Reads a whole payload, verified, into a slice of its length, with the rows one behind the other.
    pub(crate) fn read_rows_into(
        &self,
        header: &Header,
        reading: Reading<'_>,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch { compressed, inflated, in_order } = scratch;
        let is_in_order = header.is_row_major();
        if !self.is_deflated() && is_in_order {
            return self.copy_stored(reading, out);
        }
        let payload: &[u8] = if self.is_deflated() {
            if let Some(entry) = &self.entry {
                entry.check_ratio()?;
            }
            let room = room(inflated, self.declared_len())?;
            self.inflate_to(reading, room, compressed)?;
            let start = to_usize(self.payload_offset);
            room.get(start..start.saturating_add(out.len())).unwrap_or_default()
        } else {
            let room = room(in_order, to_u64(out.len()))?;
            self.copy_stored(reading, room)?;
            room
        };
        if payload.len() != out.len() {
            let (expected, actual) = (to_u64(out.len()), to_u64(payload.len()));
            return Err(Error::new(ErrorKind::EntrySize { expected, actual }));
        }
        if is_in_order {
            out.copy_from_slice(payload);
            return Ok(());
        }
        crate::arrow::to_c_order(payload, out, header.shape(), header.dtype().item_size())
    }

    /// Copies a stored payload, and verifies the whole member on the way.
    fn copy_stored(&self, reading: Reading<'_>, out: &mut [u8]) -> Result<()> {
        let start = self.data.start.saturating_add(self.payload_offset);
        let end = start.saturating_add(to_u64(out.len()));
        let checked = self.checked(reading.verify);
        let checksum = match reading.source {
            Source::Memory(memory) => {
                let from = slice(memory.bytes(), &(start..end))?;
                if checked.is_some() {
                    copy_with_crc32(from, out, reading.threads)
                } else {
                    out.copy_from_slice(from);
                    0
                }
            }
            source => {
                range_len(&(start..end), source.len())?;
                let verify = checked.is_some();
                source.read_with_crc32(start, out, verify, reading.threads, reading.interrupt)?
            }
        };
        let Some(entry) = checked else { return Ok(()) };
        let before = checksum_of(reading, self.data.start..start)?;
        let after = checksum_of(reading, end..self.data.end)?;
        let checksum = combine_crc32(before, checksum, to_u64(out.len()));
        check_crc32(entry, combine_crc32(checksum, after, self.data.end.saturating_sub(end)))
    }

    /// Inflates the whole member, header and payload, into a slice of its declared size.
    fn inflate_to(&self, reading: Reading<'_>, out: &mut [u8], compressed: &mut Vec<u8>) -> Result<()> {
        reading.interrupt.check()?;
        match reading.source {
            Source::Memory(memory) => inflate_into(slice(memory.bytes(), &self.data)?, out)?,
            source => {
                let room = room(compressed, to_u64(range_len(&self.data, source.len())?))?;
                source.read_with_crc32(self.data.start, room, false, 1, reading.interrupt)?;
                inflate_into(room, out)?;
            }
        }
        match self.checked(reading.verify) {
            Some(entry) => check_crc32(entry, crc32(out, 1)),
            None => Ok(()),
        }
    }
}

impl NpzArchive {
    /// Reads the header of a member and says where it lies, usually in one read.
    pub(crate) fn survey(&self, index: usize) -> Result<(Header, Place)> {
        let survey = || {
            let (header, data) = match self.survey_at_once(index) {
                Some(found) => found,
                None => (self.read_member_header(index)?, self.locate(index)?.1),
            };
            let entry = self.entry(index).cloned();
            let place = Place { data, payload_offset: to_u64(header.payload_offset()), entry };
            header.payload_range(place.declared_len())?;
            Ok((header, place))
        };
        survey().map_err(|error| self.locate_error(error, Some(index)))
    }

    /// One read finds the local header and an NPY header of usual length behind it; `None` if it does not,
    /// for whatever reason.
    fn survey_at_once(&self, index: usize) -> Option<(Header, Range<u64>)> {
        let range = self.directory.local_header_range(index, HEADER_GUESS.saturating_mul(2))?;
        let bytes = self.source.peek(range.clone()).ok()?;
        let data = self.directory.data_range(index, &bytes).ok()?;
        let behind = bytes.get(to_usize(data.start.checked_sub(range.start)?)..)?;
        let behind = behind.get(..behind.len().min(to_usize(data.end.saturating_sub(data.start))))?;
        let entry = self.directory.entry(index)?;
        if entry.method() != Method::STORED {
            return None;
        }
        let header_end = Preamble::parse(behind).ok()?.header_end;
        let header = Header::parse(behind.get(..header_end)?).ok()?;
        Some((header, data))
    }
}

/// A length that fits into the address space.
pub(crate) fn allocatable(len: u64) -> Result<usize> {
    usize::try_from(len).map_err(|_| Error::new(ErrorKind::Allocation { len }))
}

/// The first bytes of memory that is used again and grows as needed.
fn room(memory: &mut Vec<u8>, len: u64) -> Result<&mut [u8]> {
    let len = allocatable(len)?;
    let more = len.saturating_sub(memory.len());
    memory.try_reserve(more).map_err(|_| Error::new(ErrorKind::Allocation { len: to_u64(len) }))?;
    memory.resize(memory.len().max(len), 0);
    Ok(memory.get_mut(..len).unwrap_or_default())
}

/// The checksum of bytes that are not kept: headers, and what follows payloads.
fn checksum_of(reading: Reading<'_>, range: Range<u64>) -> Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let mut start = range.start;
    while start < range.end {
        reading.interrupt.check()?;
        let end = start.saturating_add(to_u64(BLOCK_LEN)).min(range.end);
        match reading.source {
            Source::Memory(memory) => hasher.update(slice(memory.bytes(), &(start..end))?),
            source => hasher.update(&source.peek(start..end)?),
        }
        start = end;
    }
    Ok(hasher.finalize())
}
