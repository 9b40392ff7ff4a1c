//! The end of central directory record, with its zip64 extension (APPNOTE 4.3.14 to 4.3.16).
//!
//! ```text
//! … | directory | [zip64 end record | zip64 locator] | end record | comment
//!               ^ directory ends here                             ^ reaches the end of the file
//! ```

use std::ops::Range;

use super::fields::{Fields, SENTINEL_16, SENTINEL_32, agree, problem, problem_at};
use crate::convert::{to_u64, to_usize};
use crate::error::{Result, ZipProblem};

pub(super) const END_SIGNATURE: u32 = 0x0605_4b50;
const END_LEN: usize = 22;
pub(super) const LOCATOR_SIGNATURE: u32 = 0x0706_4b50;
const LOCATOR_LEN: usize = 20;
pub(super) const ZIP64_SIGNATURE: u32 = 0x0606_4b50;
pub(super) const ZIP64_LEN: usize = 56;
/// The zip64 record's own size field does not count its signature and itself.
pub(super) const ZIP64_UNCOUNTED: u64 = 12;

/// The longest comment, the records before it, and room for zip64 records with data behind them.
const MAX_TAIL: u64 = 65_535 + 22 + 20 + 56 + 403;

/// Returns how many bytes from the end of a file are sure to hold its end records: at most 64.5 KiB.
pub fn tail_len(file_len: u64) -> u64 {
    file_len.min(MAX_TAIL)
}

/// What the end of an archive says about its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRecord {
    pub(super) directory: Range<u64>,
    pub(super) entry_count: u64,
    /// How many bytes were put before the archive without its offsets being adjusted.
    pub(super) prefix_len: u64,
}

impl EndRecord {
    /// Finds the one end record that fits. `tail` is the end of the file, from byte `tail_offset` on, and
    /// has at least [`tail_len`] bytes. Copies nothing.
    ///
    /// A record fits if its comment reaches the end of the file, and the directory, whose size it gives,
    /// lies right before it and begins with an entry. Signatures within comments and payloads are therefore
    /// no trouble. If two records fit, the archive is refused, since readers would disagree about it.
    pub fn locate(tail: &[u8], tail_offset: u64) -> Result<Self> {
        if tail.len() < END_LEN {
            return Err(problem(ZipProblem::NotZip));
        }
        let mut found: Option<(u64, Self)> = None;
        let mut refused = None;
        for position in candidates(tail) {
            let offset = tail_offset.saturating_add(to_u64(position));
            match (Self::parse(tail, tail_offset, position), &found) {
                (Ok(_), Some((second, _))) => {
                    let (first, second) = (offset, *second);
                    return Err(problem(ZipProblem::TwoEndRecords { first, second }));
                }
                (Ok(record), None) => found = Some((offset, record)),
                (Err(error), _) => refused = refused.or(Some(error)),
            }
        }
        match (found, refused) {
            (Some((_, record)), _) => Ok(record),
            (None, Some(error)) => Err(error),
            (None, None) => Err(problem(ZipProblem::NoEndRecord)),
        }
    }

    /// Parses the end record at a position of the tail, and the zip64 records before it.
    fn parse(tail: &[u8], tail_offset: u64, position: usize) -> Result<Self> {
        let offset = tail_offset.saturating_add(to_u64(position));
        let mut fields = tail.get(position..).unwrap_or_default();
        let _signature = fields.u32();
        let (disk, directory_disk) = (fields.u16(), fields.u16());
        let (disk_entries, entries) = (fields.u16(), fields.u16());
        let (size, start) = (fields.u32(), fields.u32());
        let plain = Totals {
            disk: u64::from(disk),
            directory_disk: u64::from(directory_disk),
            disk_entries: u64::from(disk_entries),
            entries: u64::from(entries),
            size: u64::from(size),
            start: u64::from(start),
        };
        let sentinels = [disk, directory_disk, disk_entries, entries].contains(&SENTINEL_16)
            || [size, start].contains(&SENTINEL_32);
        let (totals, directory_end) = match locate_zip64(tail, tail_offset, position, sentinels)? {
            None => (plain, offset),
            Some((zip64, zip64_offset, locator_target)) => {
                zip64.check_against(&plain, offset)?;
                let prefix = zip64.prefix_len(zip64_offset)?;
                let target = locator_target.saturating_add(prefix);
                agree(offset, "offset of the zip64 end record in its locator", zip64_offset, target)?;
                (zip64, zip64_offset)
            }
        };
        let single_disk = [("disk number", totals.disk), ("disk of the directory", totals.directory_disk)];
        for (field, actual) in single_disk {
            if actual != 0 {
                return Err(problem_at(offset, ZipProblem::MultiDisk { field, expected: 0, actual }));
            }
        }
        if totals.disk_entries != totals.entries {
            let (expected, actual) = (totals.entries, totals.disk_entries);
            let field = "number of entries on this disk";
            return Err(problem_at(offset, ZipProblem::MultiDisk { field, expected, actual }));
        }
        let prefix_len = totals.prefix_len(directory_end)?;
        if totals.entries == 0 {
            // An end record without a directory fits anywhere; only an archive that is nothing else is empty.
            agree(offset, "size of a directory without entries", 0, totals.size)?;
            agree(offset, "offset of a directory without entries", 0, directory_end)?;
        }
        let directory = directory_end.saturating_sub(totals.size)..directory_end;
        Ok(Self { directory, entry_count: totals.entries, prefix_len })
    }

    /// Returns where the directory lies in the file.
    pub fn directory_range(&self) -> Range<u64> {
        self.directory.clone()
    }

    /// Returns how many entries the directory must have.
    pub fn entry_count(&self) -> u64 {
        self.entry_count
    }
}

/// The fields that the plain and the zip64 record share.
#[derive(Debug)]
struct Totals {
    disk: u64,
    directory_disk: u64,
    disk_entries: u64,
    entries: u64,
    size: u64,
    start: u64,
}

impl Totals {
    /// How far the directory lies behind where it says, if it ends at `directory_end`.
    fn prefix_len(&self, directory_end: u64) -> Result<u64> {
        let end = self.start.checked_add(self.size);
        end.and_then(|end| directory_end.checked_sub(end)).ok_or_else(|| {
            let (start, len) = (self.start, self.size);
            problem(ZipProblem::OutOfBounds { part: "central directory", start, len, limit: directory_end })
        })
    }

    /// What the plain record says beside the zip64 one must be the same, or a sentinel.
    fn check_against(&self, plain: &Self, offset: u64) -> Result<()> {
        let (short, long) = (u64::from(SENTINEL_16), u64::from(SENTINEL_32));
        for (field, expected, actual, sentinel) in [
            ("disk number", self.disk, plain.disk, short),
            ("disk of the directory", self.directory_disk, plain.directory_disk, short),
            ("number of entries on this disk", self.disk_entries, plain.disk_entries, short),
            ("number of entries", self.entries, plain.entries, short),
            ("size of the directory", self.size, plain.size, long),
            ("offset of the directory", self.start, plain.start, long),
        ] {
            if actual != sentinel {
                agree(offset, field, expected, actual)?;
            }
        }
        Ok(())
    }
}

/// The positions, last first, where an end record's signature stands and its comment reaches the end.
fn candidates(tail: &[u8]) -> impl Iterator<Item = usize> {
    /// Two bytes of the signature are enough to rule out a whole stretch, and vectorise.
    const STRETCH: usize = 256;
    let last = tail.len().saturating_sub(END_LEN);
    let first = last.saturating_sub(usize::from(u16::MAX));
    let stretches = last.saturating_sub(first).checked_div(STRETCH).unwrap_or(0);
    (0..=stretches).rev().flat_map(move |stretch| {
        let start = first.saturating_add(stretch.saturating_mul(STRETCH));
        let end = start.saturating_add(STRETCH).min(last.saturating_add(1));
        let third = tail.get(start.saturating_add(2)..end.saturating_add(2)).unwrap_or_default();
        let fourth = tail.get(start.saturating_add(3)..end.saturating_add(3)).unwrap_or_default();
        let hit = third.iter().zip(fourth).fold(0_u8, |hit, (&a, &b)| hit | u8::from((a == 5) & (b == 6)));
        let range = if hit == 0 { 0..0 } else { start..end };
        range.rev().filter(move |&position| {
            let mut record = tail.get(position..).unwrap_or_default();
            let signature = record.u32();
            let comment_len = record.get(16..).map_or(0, |mut rest| rest.u16());
            signature == END_SIGNATURE && usize::from(comment_len) == last.saturating_sub(position)
        })
    })
}

/// Finds the zip64 end record that belongs to the end record at `position`: its totals, its offset, and
/// where the locator says it is.
fn locate_zip64(
    tail: &[u8],
    tail_offset: u64,
    position: usize,
    sentinels: bool,
) -> Result<Option<(Totals, u64, u64)>> {
    let Some(locator_position) = position.checked_sub(LOCATOR_LEN) else {
        return Ok(None);
    };
    let mut locator = tail.get(locator_position..).unwrap_or_default();
    if locator.u32() != LOCATOR_SIGNATURE {
        return Ok(None);
    }
    let locator_offset = tail_offset.saturating_add(to_u64(locator_position));
    let (disk, target, disks) = (locator.u32(), locator.u64(), locator.u32());
    // The record ends where its locator begins. Usually it has no data behind it; else the locator tells.
    let usual = locator_position.checked_sub(ZIP64_LEN);
    let pointed = target.checked_sub(tail_offset).map(to_usize);
    let record = [usual, pointed].into_iter().flatten().find_map(|start| {
        let mut fields = tail.get(start..locator_position).filter(|record| record.len() >= ZIP64_LEN)?;
        let found = fields.u32() == ZIP64_SIGNATURE
            && fields.u64().checked_add(ZIP64_UNCOUNTED)
                == Some(to_u64(locator_position.saturating_sub(start)));
        found.then_some((start, fields))
    });
    let Some((start, mut fields)) = record else {
        if sentinels {
            let actual = usual.and_then(|start| tail.get(start..)).map_or(0, |mut record| record.u32());
            let (record, expected) = ("zip64 end record", ZIP64_SIGNATURE);
            return Err(problem_at(locator_offset, ZipProblem::Signature { record, expected, actual }));
        }
        // Bytes that look like a locator, at the end of the directory's last comment.
        return Ok(None);
    };
    for (field, expected, actual) in
        [("disk of the zip64 end record", 0, disk), ("number of disks", 1, disks.max(1))]
    {
        if actual != expected {
            let (expected, actual) = (u64::from(expected), u64::from(actual));
            return Err(problem_at(locator_offset, ZipProblem::MultiDisk { field, expected, actual }));
        }
    }
    let _versions = fields.u32();
    let totals = Totals {
        disk: u64::from(fields.u32()),
        directory_disk: u64::from(fields.u32()),
        disk_entries: fields.u64(),
        entries: fields.u64(),
        size: fields.u64(),
        start: fields.u64(),
    };
    Ok(Some((totals, tail_offset.saturating_add(to_u64(start)), target)))
}

#[cfg(test)]
mod tests;
