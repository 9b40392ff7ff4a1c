//! Stored members: verified where they lie, in one pass with a copy, or while they are read from a file.

use std::ops::Range;
use std::sync::atomic::Ordering;

use arrow_buffer::Buffer;

use super::archive::NpzArchive;
use crate::aligned::AlignedBuf;
use crate::array::OwnedPayload;
use crate::arrow::Origin;
use crate::checksum::{combine_crc32, crc32};
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::limits::BLOCK_LEN;
use crate::source::{Memory, Source};
use crate::zip::{Entry, Method};

impl NpzArchive {
    /// Copies the payload of a stored member and verifies the whole member on the way.
    pub(super) fn copy_verified(
        &self,
        index: usize,
        entry: &Entry,
        member: &Memory,
        payload: Range<usize>,
        threads: usize,
    ) -> Result<Buffer> {
        let bytes = member.bytes().as_slice();
        let verify = self.must_verify(index);
        let (before, rest) = bytes.split_at_checked(payload.start).unwrap_or_default();
        let (payload, after) = rest.split_at_checked(payload.len()).unwrap_or_default();
        let (copy, checksum) = AlignedBuf::copy_of(payload, verify, threads)?;
        if verify {
            let checksum = combine_crc32(crc32(before, 1), checksum, to_u64(payload.len()));
            let checksum = combine_crc32(checksum, crc32(after, threads), to_u64(after.len()));
            self.check(index, entry, checksum)?;
        }
        Ok(copy.into_buffer())
    }

    /// Verifies a stored member that is not going to be read; deflated ones are verified before they are
    /// parsed.
    pub(super) fn verify_stored(&self, index: usize, interrupt: &Interrupt) -> Result<()> {
        let (entry, data) = self.locate(index)?;
        if entry.method() != Method::STORED || !self.must_verify(index) {
            return Ok(());
        }
        let mut hasher = crc32fast::Hasher::new();
        self.for_each_block(data, to_u64(BLOCK_LEN), |block| {
            interrupt.check()?;
            hasher.update(block);
            Ok(true)
        })?;
        self.check(index, entry, hasher.finalize())
    }

    pub(super) fn must_verify(&self, index: usize) -> bool {
        self.verified.get(index).is_none_or(|verified| !verified.load(Ordering::Relaxed))
    }

    /// Compares a checksum, and remembers that it is right.
    pub(super) fn check(&self, index: usize, entry: &Entry, actual: u32) -> Result<()> {
        check_crc32(entry, actual)?;
        if let Some(verified) = self.verified.get(index) {
            verified.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Reads a stored member of a file or an object: its payload into a buffer, the rest only for the checksum.
pub(super) struct ReadMember<'a> {
    pub(super) source: &'a Source,
    pub(super) entry: &'a Entry,
    pub(super) data: Range<u64>,
    pub(super) payload: Range<usize>,
    pub(super) verify: bool,
    pub(super) threads: usize,
    pub(super) interrupt: &'a Interrupt,
}

impl ReadMember<'_> {
    pub(super) fn payload(self) -> Result<OwnedPayload> {
        let len = self.payload.len();
        if let Some((buffer, start)) = self.source.take(&self.data) {
            return self.taken(buffer, start);
        }
        let mut buffer = AlignedBuf::zeroed(len)?;
        let start = self.data.start.saturating_add(to_u64(self.payload.start));
        let checksum = self.source.read_with_crc32(
            start,
            buffer.as_mut_slice(),
            self.verify,
            self.threads,
            self.interrupt,
        )?;
        if self.verify {
            let before = self.checksum_of(self.data.start..start)?;
            let end = start.saturating_add(to_u64(len));
            let after = self.checksum_of(end..self.data.end)?;
            let checksum = combine_crc32(before, checksum, to_u64(len));
            check_crc32(self.entry, combine_crc32(checksum, after, self.data.end.saturating_sub(end)))?;
        }
        Ok(OwnedPayload::new(buffer, 0..len, Origin::Read))
    }

    /// The payload of a member that was read ahead, with `data` at a place of the buffer.
    fn taken(self, buffer: AlignedBuf, start: usize) -> Result<OwnedPayload> {
        let payload = start.saturating_add(self.payload.start)..start.saturating_add(self.payload.end);
        if self.verify {
            let len = to_usize(self.data.end.saturating_sub(self.data.start));
            let member = buffer.as_slice().get(start..start.saturating_add(len)).unwrap_or_default();
            check_crc32(self.entry, crc32(member, self.threads))?;
        }
        Ok(OwnedPayload::new(buffer, payload, Origin::Read))
    }

    /// The checksum of bytes that are not kept, with one block of memory.
    fn checksum_of(&self, range: Range<u64>) -> Result<u32> {
        let mut hasher = crc32fast::Hasher::new();
        let mut start = range.start;
        let longest = usize::try_from(range.end.saturating_sub(start)).unwrap_or(BLOCK_LEN).min(BLOCK_LEN);
        let mut block = vec![0; longest];
        while start < range.end {
            self.interrupt.check()?;
            let len = usize::try_from(range.end.saturating_sub(start)).unwrap_or(BLOCK_LEN).min(longest);
            let block = block.get_mut(..len).unwrap_or_default();
            self.source.read_with_crc32(start, block, false, 1, self.interrupt)?;
            hasher.update(block);
            start = start.saturating_add(to_u64(len));
        }
        Ok(hasher.finalize())
    }
}

pub(super) fn check_crc32(entry: &Entry, actual: u32) -> Result<()> {
    let expected = entry.crc32();
    if expected == actual {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::ChecksumMismatch { expected, actual }))
    }
}
