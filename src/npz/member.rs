//! One member: found, checked, and shared, read or inflated.

use std::ops::Range;

use super::archive::{NpzArchive, strip_suffix};
use super::options::ReadOptions;
use super::place::Reading;
use super::stored::ReadMember;
use crate::array::{Column, HEADER_GUESS, NpyArray, Payload, read_header};
use crate::arrow::{Origin, Plan};
use crate::checksum::crc32;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::npy::{Header, MAGIC_PREFIX, Preamble};
use crate::rows::RowReader;
use crate::source::{Source, slice};
use crate::zip::{Entry, Method};

impl NpzArchive {
    /// Finds the data of a member and compares its local header with the directory.
    pub(crate) fn locate(&self, index: usize) -> Result<(&Entry, Range<u64>)> {
        // All that lies before the next member; nothing of it is read yet.
        let range = self.directory.local_header_range(index, u64::MAX).zip(self.directory.entry(index));
        let (range, entry) =
            range.ok_or_else(|| Error::new(ErrorKind::EntryNotFound { name: index.to_string() }))?;
        if let Source::Memory(memory) = &self.source
            && !memory.is_mutable()
        {
            let header = slice(memory.bytes(), &range)?;
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

    /// Reads rows of a stored member: only their bytes, which therefore cannot be verified. A deflated
    /// member is inflated and verified whole.
    pub fn rows_at(&self, index: usize, rows: Range<u64>, interrupt: &Interrupt) -> Result<NpyArray> {
        self.read_rows(index, rows, interrupt).map_err(|error| self.locate_error(error, Some(index)))
    }

    fn read_rows(&self, index: usize, rows: Range<u64>, interrupt: &Interrupt) -> Result<NpyArray> {
        let (header, place) = self.survey(index)?;
        let threads = self.options.threads;
        if !place.is_deflated() {
            let payload = place.payload(&header);
            let reader = RowReader { source: &self.source, header: &header, payload, threads, interrupt };
            return reader.read(rows);
        }
        let reading = Reading { source: &self.source, verify: self.options.verify, threads, interrupt };
        let bytes = place.read(&header, reading)?.into_parts().1.into_buffer();
        let payload = 0..to_u64(bytes.len());
        let source = Source::from(bytes);
        RowReader { source: &source, header: &header, payload, threads, interrupt }.read(rows)
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
            source => {
                let read = ReadMember {
                    source,
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
                let plan = match Plan::try_new(name, &header, &options.arrow, origin, address) {
                    Ok(plan) => plan,
                    Err(error) => {
                        // A header that is corrupt must not pass for one of an unsupported dtype.
                        self.verify_stored(index, &options.interrupt)?;
                        return Err(error);
                    }
                };
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
}
