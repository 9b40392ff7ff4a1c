//! Which ranges of an object members need, and fetching these: waiting, or as futures.

use std::ops::Range;

use super::archive::NpzArchive;
use super::inflated::PREFIX_LEN;
use super::options::OpenOptions;
use crate::array::HEADER_GUESS;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::npy::Header;
use crate::source::Source;
use crate::source::remote::{Remote, Wanted, drive};
use crate::zip::Method;

/// Room for the extra fields of a local header: NumPy's have 20 bytes, aligned payloads up to 64 more.
const EXTRA_GUESS: u64 = 128;

impl NpzArchive {
    pub(super) fn fetch(&self, remote: &Remote, indices: &[usize], interrupt: &Interrupt) -> Result<()> {
        let fetched = remote.wait_for_members(&self.whole(indices), interrupt);
        fetched.map_err(|error| self.locate_error(error, only(indices)))
    }

    pub(super) fn fetch_headers(
        &self,
        remote: &Remote,
        indices: &[usize],
        interrupt: &Interrupt,
    ) -> Result<()> {
        let fetched = remote.wait_for_kept(&self.beginnings(indices), interrupt);
        fetched.map_err(|error| self.locate_error(error, only(indices)))
    }

    /// Forgets members that were fetched but not read.
    pub(super) fn forget_fetched(&self, indices: &[usize]) {
        if let Source::Remote(remote) = &self.source {
            for Wanted { range, .. } in self.whole(indices) {
                drop(remote.take(&range));
            }
        }
    }

    /// Opens an archive without waiting. From a source that does not wait, members must be
    /// [prepared](Self::prepare_async) before they are read.
    ///
    /// # Errors
    ///
    /// As [`with_options`](Self::with_options).
    pub async fn with_options_async(source: Source, options: &OpenOptions) -> Result<Self> {
        drive(&source, || Self::with_options(source.clone(), options)).await
    }

    /// As [`prepare`](Self::prepare), without waiting.
    pub async fn prepare_async(&self, indices: &[usize]) -> Result<()> {
        let Source::Remote(remote) = &self.source else { return Ok(()) };
        let fetched = remote.get_members(&self.whole(indices)).await;
        fetched.map_err(|error| self.locate_error(error, only(indices)))
    }

    /// Fetches and parses the headers of several members without waiting.
    pub async fn headers_async(&self, indices: &[usize]) -> Result<Vec<Header>> {
        if let Source::Remote(remote) = &self.source {
            let fetched = remote.get_all_kept(&self.beginnings(indices)).await;
            fetched.map_err(|error| self.locate_error(error, only(indices)))?;
        }
        let mut headers = Vec::with_capacity(indices.len());
        for &index in indices {
            headers.push(drive(&self.source, || self.header_at(index)).await?);
        }
        Ok(headers)
    }

    /// Where whole members lie with their local headers. Behind them the next one begins, which says where the
    /// payload does: that is to be aligned.
    fn whole(&self, indices: &[usize]) -> Vec<Wanted> {
        let wanted = indices.iter().filter_map(|&index| {
            let size = self.directory.entry(index)?.compressed_size();
            let range = self.directory.local_header_range(index, size.saturating_add(EXTRA_GUESS))?;
            let aligned = range.end.saturating_sub(size).max(range.start);
            Some(Wanted { range, aligned })
        });
        wanted.collect()
    }

    /// Where the headers of members lie, both the local ones and the arrays'.
    fn beginnings(&self, indices: &[usize]) -> Vec<Range<u64>> {
        let ranges = indices.iter().filter_map(|&index| {
            let is_deflated = self.directory.entry(index)?.method() == Method::DEFLATED;
            let stored = HEADER_GUESS.saturating_mul(2).saturating_sub(EXTRA_GUESS);
            let header = if is_deflated { PREFIX_LEN } else { stored };
            self.directory.local_header_range(index, EXTRA_GUESS.saturating_add(header))
        });
        ranges.collect()
    }
}

/// The member that an error is about, if it can only be one.
fn only(indices: &[usize]) -> Option<usize> {
    match indices {
        [index] => Some(*index),
        _ => None,
    }
}
