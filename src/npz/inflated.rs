//! Deflated members: whole, block by block, or only their beginning.

use std::ops::Range;

use super::archive::NpzArchive;
use super::stored::check_crc32;
use crate::aligned::AlignedBuf;
use crate::array::{NpyArray, OwnedPayload, Payload};
use crate::arrow::Origin;
use crate::checksum::crc32;
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::limits::{BLOCK_LEN, STREAM_INFLATE_MIN};
use crate::npy::Header;
use crate::source::{Source, slice};
use crate::zip::{Entry, InflateStream, inflate_into};

/// How much input is read at a time for a prefix: a header of 128 bytes and its codes take about 300.
pub(super) const PREFIX_LEN: u64 = 1024;

impl NpzArchive {
    /// Inflates a whole member: header and payload into one buffer.
    pub(super) fn inflate_array(
        &self,
        entry: &Entry,
        data: Range<u64>,
        interrupt: &Interrupt,
    ) -> Result<NpyArray> {
        entry.check_ratio()?;
        let declared = usize::try_from(entry.declared_size())
            .map_err(|_| Error::new(ErrorKind::Allocation { len: entry.declared_size() }))?;
        let mut buffer = AlignedBuf::zeroed(declared)?;
        if entry.declared_size() > STREAM_INFLATE_MIN {
            let checksum = self.inflate_blocks(entry, data, buffer.as_mut_slice(), interrupt)?;
            self.check_inflated(entry, checksum)?;
        } else {
            match &self.source {
                Source::Memory(memory) => inflate_into(slice(memory.bytes(), &data)?, buffer.as_mut_slice())?,
                source => match source.take(&data) {
                    Some((bytes, start)) => {
                        let end = start.saturating_add(to_usize(data.end.saturating_sub(data.start)));
                        let bytes = bytes.as_slice().get(start..end).unwrap_or_default();
                        inflate_into(bytes, buffer.as_mut_slice())?;
                    }
                    None => inflate_into(&source.peek(data)?, buffer.as_mut_slice())?,
                },
            }
            if self.options.verify {
                check_crc32(entry, crc32(buffer.as_slice(), 1))?;
            }
        }
        let header = Header::parse(buffer.as_slice())?;
        let range = header.payload_range(to_u64(declared))?;
        let payload = OwnedPayload::new(buffer, range, Origin::Inflated);
        Ok(NpyArray::from_parts(header, Payload::Owned(payload)))
    }

    fn check_inflated(&self, entry: &Entry, checksum: u32) -> Result<()> {
        if self.options.verify { check_crc32(entry, checksum) } else { Ok(()) }
    }

    /// Inflates a large member block by block, so that it can be interrupted; returns its checksum.
    fn inflate_blocks(
        &self,
        entry: &Entry,
        data: Range<u64>,
        output: &mut [u8],
        interrupt: &Interrupt,
    ) -> Result<u32> {
        let mut stream = InflateStream::new();
        let mut hasher = crc32fast::Hasher::new();
        let mut filled = 0_usize;
        let mut beyond = [0_u8];
        self.for_each_block(data, to_u64(BLOCK_LEN), |block| {
            let mut rest = block;
            loop {
                interrupt.check()?;
                let end = filled.saturating_add(BLOCK_LEN).min(output.len());
                // When the output is full, the mark of the last block may still be to come.
                let room = output.get_mut(filled..end).filter(|room| !room.is_empty()).unwrap_or(&mut beyond);
                let (taken, given) = stream.read(rest, room)?;
                hasher.update(room.get(..given).unwrap_or_default());
                filled = filled.saturating_add(given);
                rest = rest.get(taken..).unwrap_or_default();
                if stream.has_ended() || filled > output.len() {
                    return Ok(false);
                }
                if taken == 0 && given == 0 {
                    return Ok(true);
                }
            }
        })?;
        stream.finish(entry.compressed_size(), entry.declared_size())?;
        Ok(hasher.finalize())
    }

    /// Inflates the first `len` bytes of a member, or all of it if it is shorter.
    pub(super) fn inflate_prefix(&self, data: Range<u64>, len: u64) -> Result<Vec<u8>> {
        let mut prefix = vec![0; usize::try_from(len).unwrap_or(0)];
        let (mut stream, mut filled) = (InflateStream::new(), 0_usize);
        // The input that a short prefix needs is short, too.
        self.for_each_block(data, PREFIX_LEN, |block| {
            let mut rest = block;
            loop {
                let (taken, given) = stream.read(rest, prefix.get_mut(filled..).unwrap_or_default())?;
                filled = filled.saturating_add(given);
                rest = rest.get(taken..).unwrap_or_default();
                if filled == prefix.len() || stream.has_ended() {
                    return Ok(false);
                }
                if taken == 0 && given == 0 {
                    return Ok(true);
                }
            }
        })?;
        prefix.truncate(filled);
        Ok(prefix)
    }

    /// Hands a range of the source over, block by block, until `each` says no.
    pub(super) fn for_each_block(
        &self,
        range: Range<u64>,
        block_len: u64,
        mut each: impl FnMut(&[u8]) -> Result<bool>,
    ) -> Result<()> {
        let mut start = range.start;
        while start < range.end {
            let end = start.saturating_add(block_len).min(range.end);
            let go_on = match &self.source {
                Source::Memory(memory) => each(slice(memory.bytes(), &(start..end))?)?,
                source => each(&source.peek(start..end)?)?,
            };
            if !go_on {
                break;
            }
            start = end;
        }
        Ok(())
    }
}
