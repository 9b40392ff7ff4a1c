//! Objects in S3, Google Cloud Storage, Azure and behind HTTP, of which only the bytes that are needed are fetched; and
//! sending objects, which the module [`sink`](crate::sink) uses.
//!
//! Use this module for URLs. Reading works without I/O: [`Remote`] holds the bytes of an object that are known,
//! whoever parses asks for others, and one of two thin drivers gets them: on the calling thread, or as a future.
//!
//! ```no_run
//! use npzarrow::NpzArchive;
//! use npzarrow::npz::{OpenOptions, ReadOptions};
//! use npzarrow::source::{RemoteOptions, Source};
//!
//! let source = Source::open_url("s3://bucket/train-0003.npz", &RemoteOptions::default())?;
//! let archive = NpzArchive::with_options(source, &OpenOptions::default())?;
//! let batch = archive.record_batch(&ReadOptions::default().with_columns(["label"]))?;
//! # Ok::<(), npzarrow::Error>(())
//! ```
//!
//! Every range must be of the version of the object that was opened: it is asked for with `If-Match`, and etag and
//! size of each answer are compared.
//!
//! # Limitations
//!
//! A server that ignores ranges gives the whole object. HTTP has no listing.

pub(crate) mod failure;
mod list;
mod object;
mod open;
mod options;
mod runtime;
mod scatter;
mod segments;
mod store;
mod upload;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crc32fast::Hasher;

/// The crate of stores, for [`Object::new`].
pub use object_store;

pub use list::{Listed, list, list_async};
#[cfg(feature = "table-provider")]
pub(crate) use list::{is_shard, matching};
pub use object::Object;
pub(crate) use open::drive;
#[cfg(feature = "table-provider")]
pub(crate) use open::{Version, versions};
pub use options::RemoteOptions;
#[cfg(feature = "table-provider")]
pub(crate) use runtime::{blocking, entered, handle};
pub(crate) use store::shown;
pub use store::{is_url, local_path};
pub(crate) use upload::Upload;

use self::scatter::Part;
use self::segments::Segments;
use super::range_len;
use crate::aligned::AlignedBuf;
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::limits::BLOCK_LEN;

/// Small ranges are fetched with what is behind them: the header of an array follows that of its member.
const READ_AHEAD: u64 = 1 << 10;
/// Payloads begin at a multiple of this in memory.
const ALIGNMENT: u64 = 64;

/// An object that is open: its size and version, and the bytes of it that are known.
pub struct Remote {
    object: Object,
    len: u64,
    options: RemoteOptions,
    /// Whether bytes that are missing are fetched on the calling thread; otherwise they are an error.
    waits: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Headers, the directory, or all of a small object.
    kept: Segments,
    /// Members that were fetched whole, by where they begin, each until it is read.
    members: BTreeMap<u64, Member>,
    /// Ranges that a source that does not wait was asked to keep: fetched together with the next that is missing.
    announced: Vec<Range<u64>>,
}

/// A member in memory of its own, behind some bytes that align its payload.
#[derive(Debug)]
struct Member {
    buffer: AlignedBuf,
    lead: usize,
    len: usize,
}

/// A range that is to be fetched into memory of its own, and which position of it is to be aligned there.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) range: Range<u64>,
    pub(crate) aligned: u64,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("name", &self.name()).field("len", &self.len).finish_non_exhaustive()
    }
}

impl Remote {
    /// Returns the size of the object.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if the object is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the URL, without what may be secret.
    pub fn name(&self) -> &str {
        self.object.name()
    }

    /// False if its server has sent all where a part was asked for.
    pub(crate) fn has_ranges(&self) -> bool {
        self.object.has_ranges()
    }

    /// Returns the version of the object, if the store has told.
    pub fn etag(&self) -> Option<&str> {
        self.object.etag()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a small range that is to be parsed. It is kept, since it may be parsed again.
    pub(super) fn peek(&self, range: &Range<u64>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let len = range_len(range, self.len)?;
        let reserved = bytes.try_reserve_exact(len);
        reserved.map_err(|_| Error::new(ErrorKind::Allocation { len: to_u64(len) }))?;
        bytes.resize(len, 0);
        if self.copy_known(range, &mut bytes).is_empty() {
            return Ok(bytes);
        }
        let ahead = range.start..range.end.max(range.start.saturating_add(READ_AHEAD).min(self.len));
        let ahead = self.or_whole(ahead);
        self.or_missing(&ahead, &Interrupt::default(), self.fetch_kept(ahead.clone()))?;
        self.copy_known(range, &mut bytes);
        Ok(bytes)
    }

    /// Fills a buffer from a position on, without keeping the bytes, and returns the CRC-32 of them if `verify`
    /// asks for it.
    pub(super) fn read_with_crc32(
        &self,
        position: u64,
        buffer: &mut [u8],
        verify: bool,
        interrupt: &Interrupt,
    ) -> Result<u32> {
        let range = position..position.saturating_add(to_u64(buffer.len()));
        range_len(&range, self.len)?;
        let gaps = self.copy_known(&range, buffer);
        if !gaps.is_empty() && self.is_small() {
            let whole = self.or_whole(range.clone());
            self.or_missing(&whole, interrupt, self.fetch_kept(whole.clone()))?;
            self.copy_known(&range, buffer);
        } else if !gaps.is_empty() {
            let parts = split(buffer, position, &gaps);
            self.or_missing(&range, interrupt, self.object.fetch(parts, &self.options))?;
        }
        let mut hasher = Hasher::new();
        for block in buffer.chunks(BLOCK_LEN).filter(|_| verify) {
            interrupt.check()?;
            hasher.update(block);
        }
        Ok(hasher.finalize())
    }

    /// Takes a member that was fetched whole, if this range is all within one: its memory, and where in it the
    /// range begins.
    pub(crate) fn take(&self, range: &Range<u64>) -> Option<(AlignedBuf, usize)> {
        let mut known = self.known();
        let (&start, member) = known.members.range(..=range.start).next_back()?;
        if range.end > start.saturating_add(to_u64(member.len)) {
            return None;
        }
        let member = known.members.remove(&start)?;
        Some((member.buffer, member.lead.saturating_add(to_usize(range.start.saturating_sub(start)))))
    }

    /// Waits for what [`fetch_members`](Self::fetch_members) does, unless this source does not wait.
    pub(crate) fn wait_for_members(&self, wanted: &[Wanted], interrupt: &Interrupt) -> Result<()> {
        self.wait(self.fetch_members(wanted), interrupt).unwrap_or(Ok(()))
    }

    /// Waits for what [`fetch_all_kept`](Self::fetch_all_kept) does. If this source does not wait, the ranges are
    /// fetched together with the next that is missing.
    pub(crate) fn wait_for_kept(&self, ranges: &[Range<u64>], interrupt: &Interrupt) -> Result<()> {
        if let Some(waited) = self.wait(self.fetch_all_kept(ranges), interrupt) {
            return waited;
        }
        self.known().announced = ranges.to_vec();
        Ok(())
    }

    /// As [`fetch_members`](Self::fetch_members), on any executor.
    pub(crate) async fn get_members(&self, wanted: &[Wanted]) -> Result<()> {
        runtime::within(self.fetch_members(wanted)).await
    }

    /// As [`fetch_all_kept`](Self::fetch_all_kept), on any executor.
    pub(crate) async fn get_all_kept(&self, ranges: &[Range<u64>]) -> Result<()> {
        runtime::within(self.fetch_all_kept(ranges)).await
    }

    /// Fetches a range that is missing, and those that were announced.
    async fn get_kept(&self, range: Range<u64>) -> Result<()> {
        let mut ranges = std::mem::take(&mut self.known().announced);
        ranges.push(range);
        runtime::within(self.fetch_all_kept(&ranges)).await
    }

    /// Fetches ranges into memory of their own, where they stay until they are read. What is known is copied.
    async fn fetch_members(&self, wanted: &[Wanted]) -> Result<()> {
        if self.is_small() && !wanted.is_empty() {
            self.fetch_kept(0..self.len).await?;
        }
        let mut members = Vec::with_capacity(wanted.len());
        for Wanted { range, aligned } in wanted.iter().filter(|wanted| !self.has_member(&wanted.range)) {
            let len = range_len(range, self.len)?;
            let ahead = aligned.saturating_sub(range.start).checked_rem(ALIGNMENT).unwrap_or(0);
            let lead = to_usize(ALIGNMENT.saturating_sub(ahead).checked_rem(ALIGNMENT).unwrap_or(0));
            let mut buffer = AlignedBuf::zeroed(len.saturating_add(lead))?;
            let bytes = buffer.as_mut_slice().get_mut(lead..).unwrap_or_default();
            let gaps = self.copy_known(range, bytes);
            members.push((range.start, Member { buffer, lead, len }, gaps));
        }
        let mut parts = Vec::new();
        for (start, member, gaps) in &mut members {
            let bytes = member.buffer.as_mut_slice().get_mut(member.lead..).unwrap_or_default();
            parts.extend(split(bytes, *start, gaps));
        }
        self.object.fetch(parts, &self.options).await?;
        self.known().members.extend(members.into_iter().map(|(start, member, _)| (start, member)));
        Ok(())
    }

    /// True if the object is fetched whole when anything of it is needed.
    fn is_small(&self) -> bool {
        self.len <= self.options.whole_below
    }

    fn or_whole(&self, range: Range<u64>) -> Range<u64> {
        if self.is_small() { 0..self.len } else { range }
    }

    fn has_member(&self, range: &Range<u64>) -> bool {
        let len = to_usize(range.end.saturating_sub(range.start));
        self.known().members.get(&range.start).is_some_and(|member| member.len >= len)
    }

    async fn fetch_kept(&self, range: Range<u64>) -> Result<()> {
        self.fetch_all_kept(std::slice::from_ref(&range)).await
    }

    /// Fetches what is missing of some ranges, and keeps it.
    async fn fetch_all_kept(&self, ranges: &[Range<u64>]) -> Result<()> {
        let mut gaps: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            range_len(range, self.len)?;
            gaps.extend(self.gaps(range));
        }
        let gaps = merged(gaps);
        let mut memory = Vec::with_capacity(gaps.len());
        for gap in &gaps {
            memory.push(AlignedBuf::zeroed(range_len(gap, self.len)?)?);
        }
        let slots = memory.iter_mut().zip(&gaps);
        let parts = slots.map(|(bytes, gap)| Part { start: gap.start, bytes: bytes.as_mut_slice() });
        self.object.fetch(parts.collect(), &self.options).await?;
        let mut known = self.known();
        for (bytes, gap) in memory.into_iter().zip(gaps) {
            known.kept.insert(gap.start, &bytes.into_buffer());
        }
        Ok(())
    }

    /// Copies what is known of a range, and returns what is not.
    fn copy_known(&self, range: &Range<u64>, to: &mut [u8]) -> Vec<Range<u64>> {
        let known = self.known();
        if let Some((start, member)) = known.members.range(..=range.start).next_back() {
            let from = member.lead.saturating_add(to_usize(range.start.saturating_sub(*start)));
            let end = start.saturating_add(to_u64(member.len));
            let bytes = member.buffer.as_slice().get(from..from.saturating_add(to.len()));
            if let Some(bytes) = bytes.filter(|_| range.end <= end) {
                to.copy_from_slice(bytes);
                return Vec::new();
            }
        }
        known.kept.copy_to(range.start, to);
        known.kept.gaps(range)
    }

    fn gaps(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        self.known().kept.gaps(range)
    }

    /// Waits for a future, or says that the range is missing if this source does not wait.
    fn or_missing(
        &self,
        range: &Range<u64>,
        interrupt: &Interrupt,
        future: impl Future<Output = Result<()>> + Send,
    ) -> Result<()> {
        let missing = || Err(Error::new(ErrorKind::RangeMissing { start: range.start, end: range.end }));
        self.wait(future, interrupt).unwrap_or_else(missing)
    }

    fn wait(
        &self,
        future: impl Future<Output = Result<()>> + Send,
        interrupt: &Interrupt,
    ) -> Option<Result<()>> {
        self.waits.then(|| runtime::block_on(future, [interrupt, &self.options.interrupt]))
    }
}

/// Ranges in order, those that overlap as one.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// The parts of a buffer that are to be fetched.
fn split<'a>(mut buffer: &'a mut [u8], start: u64, gaps: &[Range<u64>]) -> Vec<Part<'a>> {
    let mut parts = Vec::with_capacity(gaps.len());
    let mut position = start;
    for gap in gaps {
        let skip = to_usize(gap.start.saturating_sub(position)).min(buffer.len());
        let (_, rest) = buffer.split_at_mut(skip);
        let len = to_usize(gap.end.saturating_sub(gap.start)).min(rest.len());
        let (bytes, rest) = rest.split_at_mut(len);
        parts.push(Part { start: gap.start, bytes });
        (buffer, position) = (rest, gap.end);
    }
    parts
}
