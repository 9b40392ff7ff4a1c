//! A member that is read from its first row to its last with the memory of a few rows.

use std::ops::Range;

use super::place::{Place, allocatable};
use super::stored::check_crc32;
use crate::aligned::AlignedBuf;
use crate::array::{NpyArray, OwnedPayload, Payload};
use crate::arrow::Origin;
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result, ZipProblem};
use crate::interrupt::Interrupt;
use crate::limits::BLOCK_LEN;
use crate::npy::Header;
use crate::source::{Source, slice};
use crate::zip::{Entry, InflateStream};

/// Reads a member's rows in order, stored or deflated. The checksum is compared behind the last row, so that
/// a wrong one is reported after the rows before it.
#[derive(Debug)]
pub(crate) struct MemberStream {
    header: Header,
    entry: Option<Entry>,
    declared: u64,
    bytes: Bytes,
    verify: bool,
    rows_left: u64,
}

/// The uncompressed bytes of a member, in order.
#[derive(Debug)]
struct Bytes {
    source: Source,
    /// The range of the source that was not read yet.
    rest: Range<u64>,
    /// Present if the member is deflated.
    inflate: Option<InflateStream>,
    /// Compressed bytes that were read, and how many of them are used up.
    input: Vec<u8>,
    used: usize,
    hasher: crc32fast::Hasher,
    given: u64,
}

impl MemberStream {
    /// Begins with the first row. What follows the last one is read and checked together with it.
    pub(crate) fn try_new(source: &Source, place: &Place, header: &Header, verify: bool) -> Result<Self> {
        if let Some(entry) = place.entry().filter(|_| place.is_deflated()) {
            entry.check_ratio()?;
        }
        let mut bytes = Bytes {
            source: source.clone(),
            rest: place.data(),
            inflate: place.is_deflated().then(InflateStream::new),
            input: Vec::new(),
            used: 0,
            hasher: crc32fast::Hasher::new(),
            given: 0,
        };
        let mut head = vec![0; header.payload_offset()];
        bytes.fill(&mut head)?;
        let (header, rows_left) = (header.clone(), header.shape().rows());
        Ok(Self {
            header,
            entry: place.entry().cloned(),
            declared: place.declared_len(),
            bytes,
            verify,
            rows_left,
        })
    }

    /// Reads the next rows, at most those that are left.
    pub(crate) fn next_rows(&mut self, rows: u64, interrupt: &Interrupt) -> Result<NpyArray> {
        interrupt.check()?;
        let rows = rows.min(self.rows_left);
        let header = self.header.with_rows(rows)?;
        let len = allocatable(header.payload_len())?;
        let mut buffer = AlignedBuf::zeroed(len)?;
        for block in buffer.as_mut_slice().chunks_mut(BLOCK_LEN) {
            interrupt.check()?;
            if self.bytes.fill(block)? < block.len() {
                let kind = ErrorKind::EntrySize { expected: self.declared, actual: self.bytes.given };
                return Err(Error::new(kind));
            }
        }
        self.rows_left = self.rows_left.saturating_sub(rows);
        if self.rows_left == 0 {
            self.finish(interrupt)?;
        }
        let origin = if self.bytes.inflate.is_some() { Origin::Inflated } else { Origin::Read };
        Ok(NpyArray::from_parts(header, Payload::Owned(OwnedPayload::new(buffer, 0..len, origin))))
    }

    /// Reads what is behind the payload, and compares sizes and the checksum.
    fn finish(&mut self, interrupt: &Interrupt) -> Result<()> {
        let Some(entry) = &self.entry else { return Ok(()) };
        let mut scratch = vec![0; 4096];
        while self.bytes.fill(&mut scratch)? == scratch.len() {
            interrupt.check()?;
        }
        if let Some(inflate) = &mut self.bytes.inflate {
            inflate.finish(entry.compressed_size(), entry.declared_size())?;
        }
        if self.verify { check_crc32(entry, self.bytes.hasher.clone().finalize()) } else { Ok(()) }
    }
}

impl Bytes {
    /// Fills a slice, or as much of it as there is.
    fn fill(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
            let given = if self.inflate.is_some() { self.inflate(room)? } else { self.copy(room)? };
            if given == 0 {
                break;
            }
            self.hasher.update(room.get(..given).unwrap_or_default());
            self.given = self.given.saturating_add(to_u64(given));
            filled = filled.saturating_add(given);
        }
        Ok(filled)
    }

    /// Copies the next stored bytes; none behind the last.
    fn copy(&mut self, room: &mut [u8]) -> Result<usize> {
        let len = room.len().min(to_usize(self.rest.end.saturating_sub(self.rest.start)));
        let room = room.get_mut(..len).unwrap_or_default();
        let end = self.rest.start.saturating_add(to_u64(len));
        match &self.source {
            Source::Memory(memory) => room.copy_from_slice(slice(memory.bytes(), &(self.rest.start..end))?),
            source => {
                source.read_with_crc32(self.rest.start, room, false, 1, &Interrupt::default())?;
            }
        }
        self.rest.start = end;
        Ok(len)
    }

    /// Inflates the next bytes; none behind the last.
    fn inflate(&mut self, room: &mut [u8]) -> Result<usize> {
        let Some(inflate) = &mut self.inflate else { return Ok(0) };
        loop {
            if self.used == self.input.len() && !self.rest.is_empty() {
                let end = self.rest.start.saturating_add(self.source.block_len()).min(self.rest.end);
                self.input.resize(to_usize(end.saturating_sub(self.rest.start)), 0);
                let input = &mut self.input;
                self.source.read_with_crc32(self.rest.start, input, false, 1, &Interrupt::default())?;
                self.used = 0;
                self.rest.start = end;
            }
            let input = self.input.get(self.used..).unwrap_or_default();
            let (taken, given) = inflate.read(input, room)?;
            self.used = self.used.saturating_add(taken);
            let has_input = self.used < self.input.len() || !self.rest.is_empty();
            if given > 0 || inflate.has_ended() || !has_input {
                return Ok(given);
            }
            if taken == 0 && self.used < self.input.len() {
                return Err(Error::new(ErrorKind::Zip(ZipProblem::Deflate)));
            }
        }
    }
}
