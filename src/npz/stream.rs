//! A member that is read from its first row to its last with the memory of a few rows.

use std::ops::Range;
use std::sync::Arc;

use crc32fast::Hasher;

use super::archive::NpzArchive;
use super::stored::check_crc32;
use crate::aligned::AlignedBuf;
use crate::array::{NpyArray, OwnedPayload, Payload};
use crate::arrow::Origin;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result, ZipProblem};
use crate::interrupt::Interrupt;
use crate::limits::BLOCK_LEN;
use crate::npy::{Header, Preamble};
use crate::zip::{InflateStream, Method};

/// Reads a member's rows in order, stored or deflated. The checksum is compared behind the last row, so that
/// a wrong one is reported after the rows before it.
#[derive(Debug)]
pub(crate) struct MemberStream {
    archive: Arc<NpzArchive>,
    index: usize,
    header: Header,
    bytes: Bytes,
    rows_left: u64,
}

/// The uncompressed bytes of a member, in order.
#[derive(Debug)]
struct Bytes {
    /// The range of the source that was not read yet.
    rest: Range<u64>,
    /// Present if the member is deflated.
    inflate: Option<InflateStream>,
    /// Compressed bytes that were read, and how many of them are used up.
    input: Vec<u8>,
    used: usize,
    hasher: Hasher,
    given: u64,
}

impl MemberStream {
    /// Opens a member and reads its header.
    pub(crate) fn try_new(archive: Arc<NpzArchive>, index: usize) -> Result<Self> {
        let (method, rest) = {
            let (entry, data) = archive.locate(index)?;
            if entry.method() == Method::DEFLATED {
                entry.check_ratio()?;
            }
            (entry.method(), data)
        };
        let inflate = (method == Method::DEFLATED).then(InflateStream::new);
        let mut bytes = Bytes { rest, inflate, input: Vec::new(), used: 0, hasher: Hasher::new(), given: 0 };
        let mut head = vec![0; Preamble::MAX_LEN];
        let len = bytes.fill(&archive, &mut head)?;
        head.truncate(len);
        let end = Preamble::parse(&head)?.header_end;
        head.resize(end, 0);
        let filled = bytes.fill(&archive, head.get_mut(len..).unwrap_or_default())?;
        head.truncate(len.saturating_add(filled));
        let header = Header::parse(&head)?;
        // The payload must fit into what the directory declares; whether it is there shows on the way.
        let declared = archive.entry(index).map_or(0, crate::zip::Entry::declared_size);
        header.payload_range(declared)?;
        let rows_left = header.shape().rows();
        Ok(Self { archive, index, header, bytes, rows_left })
    }

    /// True if rows lie one behind the other.
    pub(crate) fn is_row_major(&self) -> bool {
        self.header.is_row_major()
    }

    /// The bytes of one row.
    pub(crate) fn row_len(&self) -> u64 {
        self.header.row_len()
    }

    /// Reads the next rows, at most those that are left.
    pub(crate) fn next_rows(&mut self, rows: u64, interrupt: &Interrupt) -> Result<NpyArray> {
        interrupt.check()?;
        let rows = rows.min(self.rows_left);
        let header = self.header.with_rows(rows)?;
        let len = usize::try_from(header.payload_len())
            .map_err(|_| Error::new(ErrorKind::Allocation { len: header.payload_len() }))?;
        let mut buffer = AlignedBuf::zeroed(len)?;
        for block in buffer.as_mut_slice().chunks_mut(BLOCK_LEN) {
            interrupt.check()?;
            let filled = self.bytes.fill(&self.archive, block)?;
            if filled < block.len() {
                let declared = self.archive.entry(self.index).map_or(0, crate::zip::Entry::declared_size);
                let kind = ErrorKind::EntrySize { expected: declared, actual: self.bytes.given };
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
        let mut scratch = vec![0; 4096];
        while self.bytes.fill(&self.archive, &mut scratch)? == scratch.len() {
            interrupt.check()?;
        }
        let Some(entry) = self.archive.entry(self.index) else { return Ok(()) };
        if let Some(inflate) = &mut self.bytes.inflate {
            inflate.finish(entry.compressed_size(), entry.declared_size())?;
        }
        if self.archive.verifies() {
            check_crc32(entry, self.bytes.hasher.clone().finalize())
        } else {
            Ok(())
        }
    }
}

impl Bytes {
    /// Fills a slice, or as much of it as there is.
    fn fill(&mut self, archive: &NpzArchive, out: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
            let given = match &mut self.inflate {
                None => {
                    let len = to_u64(room.len()).min(self.rest.end.saturating_sub(self.rest.start));
                    let end = self.rest.start.saturating_add(len);
                    let bytes = archive.source.peek(self.rest.start..end)?;
                    if let Some(room) = room.get_mut(..bytes.len()) {
                        room.copy_from_slice(&bytes);
                    }
                    self.rest.start = end;
                    bytes.len()
                }
                Some(inflate) => {
                    if self.used == self.input.len() && !self.rest.is_empty() {
                        let end = self.rest.start.saturating_add(to_u64(BLOCK_LEN)).min(self.rest.end);
                        self.input = archive.source.peek(self.rest.start..end)?.into_owned();
                        self.used = 0;
                        self.rest.start = end;
                    }
                    let input = self.input.get(self.used..).unwrap_or_default();
                    let (taken, given) = inflate.read(input, room)?;
                    self.used = self.used.saturating_add(taken);
                    let used_up = self.used == self.input.len();
                    match (taken, given) {
                        (0, 0) if inflate.has_ended() || (used_up && self.rest.is_empty()) => 0,
                        (0, 0) if !used_up => return Err(Error::new(ErrorKind::Zip(ZipProblem::Deflate))),
                        (_, 0) => continue,
                        (_, given) => given,
                    }
                }
            };
            if given == 0 {
                break;
            }
            self.hasher.update(room.get(..given).unwrap_or_default());
            self.given = self.given.saturating_add(to_u64(given));
            filled = filled.saturating_add(given);
        }
        Ok(filled)
    }
}
