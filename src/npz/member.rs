//! One member: found, checked, and shared, read or inflated.

use std::ops::Range;
use std::sync::atomic::Ordering;

use arrow_buffer::Buffer;

use super::archive::{NpzArchive, strip_suffix};
use super::options::ReadOptions;
use crate::array::{Column, HEADER_GUESS, NpyArray, OwnedPayload, Payload, read_header};
use crate::arrow::{Origin, Plan};
use crate::checksum::{combine_crc32, crc32};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::limits::{BLOCK_LEN, STREAM_INFLATE_MIN};
use crate::npy::{Header, MAGIC_PREFIX, Preamble};
use crate::source::{AlignedBuf, LocalFile, Memory, Source, slice, to_u64};
use crate::zip::{Entry, InflateStream, Method, inflate_into};

impl NpzArchive {
    /// Finds the data of a member and compares its local header with the directory.
    pub(super) fn locate(&self, index: usize) -> Result<(&Entry, Range<u64>)> {
        let range = self.directory.local_header_range(index, 0).zip(self.directory.entry(index));
        let (range, entry) =
            range.ok_or_else(|| Error::new(ErrorKind::EntryNotFound { name: index.to_string() }))?;
        if let Source::Memory(memory) = &self.source
            && !memory.is_mutable()
        {
            let header = slice(memory.bytes(), &(range.start..to_u64(memory.bytes().len())))?;
            return Ok((entry, self.directory.data_range(index, header)?));
        }
        let mut ahead = HEADER_GUESS;
        loop {
            let range = self.directory.local_header_range(index, ahead).unwrap_or_default();
            let header = self.source.peek(range)?;
            match self.directory.data_range(index, &header) {
                // Only extra fields of unusual length need a second look.
                Err(error)
                    if ahead == HEADER_GUESS && matches!(error.kind(), ErrorKind::Truncated { .. }) =>
                {
                    ahead = u64::from(u16::MAX).saturating_mul(2);
                }
                result => return Ok((entry, result?)),
            }
        }
    }

    /// Reads the NPY header of a member, and inflates no more than that.
    pub(super) fn read_member_header(&self, index: usize) -> Result<Header> {
        let (entry, data) = self.locate(index)?;
        if entry.method() == Method::STORED {
            return read_header(&self.source, data);
        }
        let mut prefix = self.inflate_prefix(data.clone(), HEADER_GUESS)?;
        let header_end = to_u64(Preamble::parse(&prefix)?.header_end);
        if header_end > to_u64(prefix.len()) {
            prefix = self.inflate_prefix(data, header_end)?;
        }
        Header::parse(&prefix)
    }

    /// True if a member is an array: by its suffix, else by its first bytes.
    pub fn is_array(&self, index: usize) -> bool {
        let name = self.directory.name(index).unwrap_or_default();
        if strip_suffix(name) != name || name.ends_with('/') {
            return strip_suffix(name) != name;
        }
        let first_bytes = || {
            let (entry, data) = self.locate(index)?;
            if entry.method() == Method::STORED {
                let end = data.end.min(data.start.saturating_add(to_u64(MAGIC_PREFIX.len())));
                return Ok(self.source.peek(data.start..end)?.into_owned());
            }
            self.inflate_prefix(data, to_u64(MAGIC_PREFIX.len()))
        };
        first_bytes().is_ok_and(|bytes: Vec<u8>| bytes == MAGIC_PREFIX)
    }

    /// Inflates the first `len` bytes of a member, or all of it if it is shorter.
    fn inflate_prefix(&self, data: Range<u64>, len: u64) -> Result<Vec<u8>> {
        let mut prefix = vec![0; usize::try_from(len).unwrap_or(0)];
        let (mut stream, mut filled) = (InflateStream::new(), 0_usize);
        // The input that a short prefix needs is short, too.
        self.for_each_block(data, 4096, |block| {
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
    fn for_each_block(
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
                Source::File(_) => each(&self.source.peek(start..end)?)?,
            };
            if !go_on {
                break;
            }
            start = end;
        }
        Ok(())
    }

    /// Reads a whole member as an array.
    pub(super) fn read_array(&self, index: usize, threads: usize, interrupt: &Interrupt) -> Result<NpyArray> {
        let (entry, data) = self.locate(index)?;
        if entry.method() == Method::DEFLATED {
            return self.inflate_array(entry, data, interrupt);
        }
        let header = read_header(&self.source, data.clone())?;
        let payload = header.payload_range(data.end.saturating_sub(data.start))?;
        match &self.source {
            Source::Memory(memory) => {
                let member = memory.slice_checked(&data)?;
                if self.must_verify(index) {
                    self.check(index, entry, crc32(member.bytes(), threads))?;
                }
                Ok(NpyArray::from_parts(header, Payload::Shared(member.slice(payload))))
            }
            Source::File(file) => {
                let read = ReadMember {
                    file,
                    entry,
                    data,
                    payload,
                    verify: self.options.verify,
                    threads,
                    interrupt,
                };
                Ok(NpyArray::from_parts(header, Payload::Owned(read.payload()?)))
            }
        }
    }

    /// Reads a whole member as a column. Where a stored member must be copied, it is verified in the same
    /// pass.
    pub(super) fn read_column(&self, index: usize, threads: usize, options: &ReadOptions) -> Result<Column> {
        let name = self.name(index).unwrap_or_default();
        if let Source::Memory(memory) = &self.source {
            let (entry, data) = self.locate(index)?;
            if entry.method() == Method::STORED {
                let header = read_header(&self.source, data.clone())?;
                let range = header.payload_range(data.end.saturating_sub(data.start))?;
                let member = memory.slice_checked(&data)?;
                let payload = member.slice(range.clone());
                let origin = if memory.is_mutable() { Origin::Mutable } else { Origin::Immutable };
                let address = payload.bytes().as_ptr().addr();
                let plan = Plan::try_new(name, &header, &options.arrow, origin, address)?;
                let buffer = if plan.needs_copy() {
                    self.copy_verified(index, entry, &member, range, threads)?
                } else {
                    if self.must_verify(index) {
                        self.check(index, entry, crc32(member.bytes(), threads))?;
                    }
                    payload.bytes().clone()
                };
                return Column::build(&plan, &header, buffer);
            }
        }
        self.read_array(index, threads, &options.interrupt)?.into_column(name, &options.arrow)
    }

    /// Copies the payload of a stored member and verifies the whole member on the way.
    fn copy_verified(
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

    fn must_verify(&self, index: usize) -> bool {
        self.verified.get(index).is_none_or(|verified| !verified.load(Ordering::Relaxed))
    }

    /// Compares a checksum, and remembers that it is right.
    fn check(&self, index: usize, entry: &Entry, actual: u32) -> Result<()> {
        check_crc32(entry, actual)?;
        if let Some(verified) = self.verified.get(index) {
            verified.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Inflates a whole member: header and payload into one buffer.
    fn inflate_array(&self, entry: &Entry, data: Range<u64>, interrupt: &Interrupt) -> Result<NpyArray> {
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
                Source::File(_) => inflate_into(&self.source.peek(data)?, buffer.as_mut_slice())?,
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
}

/// Reads a stored member of a file: its payload into a buffer, the rest only for the checksum.
struct ReadMember<'a> {
    file: &'a LocalFile,
    entry: &'a Entry,
    data: Range<u64>,
    payload: Range<usize>,
    verify: bool,
    threads: usize,
    interrupt: &'a Interrupt,
}

impl ReadMember<'_> {
    fn payload(self) -> Result<OwnedPayload> {
        let len = self.payload.len();
        let mut buffer = AlignedBuf::zeroed(len)?;
        let start = self.data.start.saturating_add(to_u64(self.payload.start));
        let checksum = self.file.read_with_crc32(
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
            self.file.read_exact_at(start, block)?;
            hasher.update(block);
            start = start.saturating_add(to_u64(len));
        }
        Ok(hasher.finalize())
    }
}

fn check_crc32(entry: &Entry, actual: u32) -> Result<()> {
    let expected = entry.crc32();
    if expected == actual {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::ChecksumMismatch { expected, actual }))
    }
}
