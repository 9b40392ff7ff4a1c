//! The central directory: a list of entries that overlap neither each other nor the directory
//! (APPNOTE 4.3.12).

use std::ops::Range;

use super::end::EndRecord;
use super::entry::{Entry, Method};
use super::fields::{Fields, Zip64, agree, problem, problem_at};
use super::local::LOCAL_SIGNATURE;
use super::names;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result, ZipProblem};

pub(super) const ENTRY_SIGNATURE: u32 = 0x0201_4b50;
const ENTRY_LEN: usize = 46;
/// The fixed part of a local header, the least that a member takes beside its name and its data.
pub(super) const LOCAL_LEN: u64 = 30;

/// The members of an archive, in the order of its directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    entries: Vec<Entry>,
    /// All names, one behind the other; each entry knows where its own ends.
    names: String,
}

impl Directory {
    /// Parses the directory, whose bytes the end record has located. Copies the names.
    ///
    /// Checks that there are as many entries as the end record says and nothing else; that no member claims
    /// bytes of another or of the directory; and that the declared sizes of all deflated members sum up to
    /// at most `max_uncompressed`. The bytes of the members are not looked at.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Zip`] if the archive is inconsistent, [`ErrorKind::LimitExceeded`] for the sum.
    pub fn parse(bytes: &[u8], end: &EndRecord, max_uncompressed: u64) -> Result<Self> {
        // Each entry takes 46 bytes at least, so that a false count cannot make this allocate too much.
        let plausible = bytes.len().checked_div(ENTRY_LEN).unwrap_or(0);
        let capacity = usize::try_from(end.entry_count).map_or(plausible, |count| count.min(plausible));
        let mut directory = Self {
            entries: Vec::with_capacity(capacity),
            names: String::with_capacity(capacity.saturating_mul(16)),
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = end.directory.end.saturating_sub(to_u64(rest.len()));
            rest = directory.parse_entry(rest, end, offset)?;
        }
        let count = to_u64(directory.entries.len());
        agree(end.directory.start, "number of entries in the directory", end.entry_count, count)?;
        directory.check_overlap(end)?;
        directory.check_quota(max_uncompressed)?;
        Ok(directory)
    }

    /// Parses one entry at the start of `bytes`; returns what is behind it.
    fn parse_entry<'a>(&mut self, bytes: &'a [u8], end: &EndRecord, offset: u64) -> Result<&'a [u8]> {
        let truncated = || {
            let (start, len) = (offset, to_u64(ENTRY_LEN));
            problem(ZipProblem::OutOfBounds { part: "directory entry", start, len, limit: end.directory.end })
        };
        let (fixed, variable) = bytes.split_at_checked(ENTRY_LEN).ok_or_else(truncated)?;
        let mut fields = fixed;
        let signature = fields.u32();
        if signature != ENTRY_SIGNATURE {
            let (record, expected) = ("directory entry", ENTRY_SIGNATURE);
            return Err(problem_at(offset, ZipProblem::Signature { record, expected, actual: signature }));
        }
        let _versions = fields.u32();
        let (flags, method) = (fields.u16(), fields.u16());
        let _modified = fields.u32();
        let crc32 = fields.u32();
        let (compressed, uncompressed) = (fields.u32(), fields.u32());
        let (name_len, extra_len, comment_len) = (fields.u16(), fields.u16(), fields.u16());
        let disk = fields.u16();
        let _attributes = (fields.u16(), fields.u32());
        let header_offset = fields.u32();

        let (raw_name, variable) = variable.split_at_checked(usize::from(name_len)).ok_or_else(truncated)?;
        let (extra, variable) = variable.split_at_checked(usize::from(extra_len)).ok_or_else(truncated)?;
        let (_, rest) = variable.split_at_checked(usize::from(comment_len)).ok_or_else(truncated)?;

        if !names::decode_into(&mut self.names, raw_name, flags) {
            let index = to_u64(self.entries.len());
            return Err(problem_at(offset, ZipProblem::NameEncoding { index }));
        }
        let name_end = self.names.len();
        let mut zip64 = Zip64::new(extra);
        let mut resolve = || {
            let uncompressed_size = zip64.resolve_32(uncompressed, "uncompressed size")?;
            let compressed_size = zip64.resolve_32(compressed, "compressed size")?;
            let header_offset = zip64.resolve_32(header_offset, "offset of the local header")?;
            let disk = zip64.resolve_disk(disk, "disk of the local header")?;
            Ok((uncompressed_size, compressed_size, header_offset, disk))
        };
        let entry_name = || self.names.get(self.last_name_end()..).unwrap_or_default();
        let (uncompressed_size, compressed_size, header_offset, disk) =
            resolve().map_err(|error: Error| error.at_offset(offset).in_entry(entry_name()))?;
        if disk != 0 {
            let field = "disk of the local header";
            let error = problem_at(offset, ZipProblem::MultiDisk { field, expected: 0, actual: disk });
            return Err(error.in_entry(entry_name()));
        }
        self.entries.push(Entry {
            method: Method(method),
            flags,
            crc32,
            compressed_size,
            uncompressed_size,
            header_offset: header_offset.saturating_add(end.prefix_len),
            limit: end.directory.start,
            name_end,
            raw_name_len: name_len,
        });
        Ok(rest)
    }

    fn last_name_end(&self) -> usize {
        self.entries.last().map_or(0, |entry| entry.name_end)
    }

    /// Finds for each member where the next one begins, and refuses members that reach beyond it.
    fn check_overlap(&mut self, end: &EndRecord) -> Result<()> {
        let offset_of = |index: usize| self.entries.get(index).map_or(0, |entry| entry.header_offset);
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        if !order.is_sorted_by_key(|&index| offset_of(index)) {
            order.sort_by_key(|&index| offset_of(index));
        }
        let mut limit = end.directory.start;
        let mut next: Option<usize> = None;
        for &index in order.iter().rev() {
            let Some(entry) = self.entries.get_mut(index) else { continue };
            // The least that the member takes; its local header says how much more.
            let len = LOCAL_LEN.saturating_add(entry.compressed_size);
            let start = entry.header_offset;
            if start.checked_add(len).is_none_or(|end| end > limit) {
                let first = self.name(index).unwrap_or_default().to_owned();
                return Err(match next {
                    Some(next) => {
                        let second = self.name(next).unwrap_or_default().to_owned();
                        problem(ZipProblem::Overlap { first, second, offset: limit })
                    }
                    None => problem(ZipProblem::OutOfBounds { part: "member", start, len, limit })
                        .in_entry(&first),
                });
            }
            entry.limit = limit;
            limit = start;
            next = Some(index);
        }
        Ok(())
    }

    fn check_quota(&self, limit: u64) -> Result<()> {
        let deflated = self.entries.iter().filter(|entry| entry.method == Method::DEFLATED);
        let value = deflated.fold(0_u64, |sum, entry| sum.saturating_add(entry.uncompressed_size));
        if value <= limit {
            return Ok(());
        }
        let what = "declared size of all deflated members";
        Err(Error::new(ErrorKind::LimitExceeded { what, value, limit }))
    }

    /// Returns the bytes of the first local header's signature if the offsets had to be shifted because
    /// something was put before the archive: they must be checked with
    /// [`check_first_header`](Self::check_first_header) before the shift can be believed, since a directory
    /// that hides its first entries looks the same.
    pub fn first_header_range(&self, end: &EndRecord) -> Option<Range<u64>> {
        let first = self.entries.iter().map(|entry| entry.header_offset).min()?;
        (end.prefix_len > 0).then(|| first..first.saturating_add(4))
    }

    /// Checks the bytes of [`first_header_range`](Self::first_header_range).
    pub fn check_first_header(&self, mut signature: &[u8], end: &EndRecord) -> Result<()> {
        let (expected, actual) = (LOCAL_SIGNATURE, signature.u32());
        if actual == expected {
            return Ok(());
        }
        let record = "first local file header behind the prefix";
        Err(problem_at(end.prefix_len, ZipProblem::Signature { record, expected, actual }))
    }

    /// Returns how many members there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there are no members.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns a member by its place.
    pub fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    /// Returns the name of a member as the directory gives it, with its `.npy`.
    pub fn name(&self, index: usize) -> Option<&str> {
        let end = self.entries.get(index)?.name_end;
        let start = match index.checked_sub(1) {
            Some(previous) => self.entries.get(previous)?.name_end,
            None => 0,
        };
        self.names.get(start..end)
    }

    /// Returns all names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.entries.len()).map(|index| self.name(index).unwrap_or_default())
    }

    /// Returns the bytes that hold a member's local header, and usually the beginning of its data: up to
    /// `ahead` bytes more, where the member has them.
    pub fn local_header_range(&self, index: usize, ahead: u64) -> Option<Range<u64>> {
        let entry = self.entries.get(index)?;
        let len = LOCAL_LEN.saturating_add(u64::from(entry.raw_name_len)).saturating_add(ahead);
        Some(entry.header_offset..entry.header_offset.saturating_add(len).min(entry.limit))
    }
}
