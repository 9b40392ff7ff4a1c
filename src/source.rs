//! Where bytes come from: memory, a local file, or an object store.
//!
//! Use this module to say what a [`NpzArchive`](crate::NpzArchive) or an [`NpyArray`](crate::NpyArray) is to
//! be read from. The format modules never read: they name the ranges that they need, and a [`Source`] gets
//! them: borrowed where the memory cannot change, copied where it can, read where there is a file, fetched where
//! there is a URL.

mod file;
#[cfg(feature = "mmap")]
mod map;
mod memory;
#[cfg(feature = "object-store")]
pub mod remote;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_buffer::Buffer;

pub use file::LocalFile;
pub use memory::Memory;
#[cfg(feature = "object-store")]
use remote::Wanted;
#[cfg(feature = "object-store")]
pub use remote::{Object, Remote, RemoteOptions};

use crate::aligned::AlignedBuf;
use crate::checksum::crc32;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result, ZipProblem};
use crate::interrupt::Interrupt;
use crate::limits::BLOCK_LEN;
#[cfg(feature = "object-store")]
use crate::limits::FETCH_REQUEST_LEN;

/// Bytes that an array or an archive is read from. Cheap to clone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Source {
    /// Bytes in memory, which arrays may share.
    Memory(Memory),
    /// A local file, read at positions; each member goes straight into a buffer of its own.
    File(Arc<LocalFile>),
    /// An object in a store, of which what is needed is fetched.
    #[cfg(feature = "object-store")]
    Remote(Arc<Remote>),
}

impl Source {
    /// Opens a local file that is to be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::File(Arc::new(LocalFile::open(path.as_ref())?)))
    }

    /// Maps a local file, so that arrays share its pages. See [`Memory::map`] for what can go wrong.
    #[cfg(feature = "mmap")]
    pub fn map(path: impl AsRef<Path>) -> Result<Self> {
        Memory::map(path.as_ref()).map(Self::Memory)
    }

    /// Returns how many bytes there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(memory) => to_u64(memory.bytes().len()),
            Self::File(file) => file.len(),
            #[cfg(feature = "object-store")]
            Self::Remote(remote) => remote.len(),
        }
    }

    /// True if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the file or URL that the bytes are from, if it is known.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Memory(memory) => memory.path(),
            Self::File(file) => Some(file.path()),
            #[cfg(feature = "object-store")]
            Self::Remote(remote) => Some(Path::new(remote.name())),
        }
    }

    /// Adds the path to an error, if it is known.
    pub(crate) fn name_in(&self, error: Error) -> Error {
        match self.path() {
            Some(path) => error.in_path(path),
            None => error,
        }
    }

    /// Returns a small range that is to be parsed: borrowed from memory that cannot change, otherwise a
    /// private copy, so that what is validated is what is used.
    pub(crate) fn peek(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Memory(memory) => {
                let bytes = slice(memory.bytes(), &range)?;
                Ok(if memory.is_mutable() { Cow::Owned(bytes.to_vec()) } else { Cow::Borrowed(bytes) })
            }
            Self::File(file) => {
                let len = range_len(&range, file.len())?;
                let mut bytes = Vec::new();
                let reserved = bytes.try_reserve_exact(len);
                reserved.map_err(|_| Error::new(ErrorKind::Allocation { len: to_u64(len) }))?;
                bytes.resize(len, 0);
                file.read_exact_at(range.start, &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
            #[cfg(feature = "object-store")]
            Self::Remote(remote) => remote.peek(&range).map(Cow::Owned),
        }
    }

    /// Fills a buffer from a position on and returns the CRC-32 of what was read if `verify` asks for it.
    pub(crate) fn read_with_crc32(
        &self,
        position: u64,
        buffer: &mut [u8],
        verify: bool,
        threads: usize,
        interrupt: &Interrupt,
    ) -> Result<u32> {
        match self {
            Self::Memory(memory) => {
                let end = position.saturating_add(to_u64(buffer.len()));
                buffer.copy_from_slice(slice(memory.bytes(), &(position..end))?);
                Ok(if verify { crc32(buffer, threads) } else { 0 })
            }
            Self::File(file) => file.read_with_crc32(position, buffer, verify, threads, interrupt),
            #[cfg(feature = "object-store")]
            Self::Remote(remote) => remote.read_with_crc32(position, buffer, verify, interrupt),
        }
    }

    /// Returns the version of an object (its etag), if its store has told.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Memory(_) | Self::File(_) => None,
            #[cfg(feature = "object-store")]
            Self::Remote(remote) => remote.etag(),
        }
    }

    /// False if a server has sent all of an object where a part was asked for.
    pub(crate) fn has_ranges(&self) -> bool {
        match self {
            Self::Memory(_) | Self::File(_) => true,
            #[cfg(feature = "object-store")]
            Self::Remote(remote) => remote.has_ranges(),
        }
    }

    /// How much is read at a time of what is used block by block.
    pub(crate) fn block_len(&self) -> u64 {
        match self {
            Self::Memory(_) | Self::File(_) => to_u64(BLOCK_LEN),
            #[cfg(feature = "object-store")]
            Self::Remote(_) => FETCH_REQUEST_LEN,
        }
    }

    /// Fetches ranges that are going to be read, close ones by one request; nothing where they are at hand.
    #[cfg_attr(
        not(feature = "object-store"),
        expect(clippy::unnecessary_wraps, reason = "fetching can fail")
    )]
    pub(crate) fn fetch_ahead(&self, ranges: &[Range<u64>], interrupt: &Interrupt) -> Result<()> {
        match self {
            Self::Memory(_) | Self::File(_) => {
                let _ = (ranges, interrupt);
                Ok(())
            }
            #[cfg(feature = "object-store")]
            Self::Remote(remote) => {
                let wanted = ranges.iter().map(|range| Wanted { range: range.clone(), aligned: range.start });
                let mut wanted: Vec<_> = wanted.collect();
                // Columns of one record share their range.
                wanted.sort_by_key(|wanted| wanted.range.start);
                wanted.dedup_by_key(|wanted| wanted.range.start);
                remote.wait_for_members(&wanted, interrupt)
            }
        }
    }

    /// Takes memory that was read ahead and that nobody else has, if a range lies within: the memory, and where
    /// in it the range begins.
    pub(crate) fn take(&self, range: &Range<u64>) -> Option<(AlignedBuf, usize)> {
        match self {
            Self::Memory(_) | Self::File(_) => {
                let _ = range;
                None
            }
            #[cfg(feature = "object-store")]
            Self::Remote(remote) => remote.take(range),
        }
    }
}

impl From<Buffer> for Source {
    fn from(bytes: Buffer) -> Self {
        Self::Memory(Memory::new(bytes))
    }
}

impl From<Memory> for Source {
    fn from(memory: Memory) -> Self {
        Self::Memory(memory)
    }
}

/// A range of a slice; an error if it does not lie within.
pub(crate) fn slice<'a>(bytes: &'a [u8], range: &Range<u64>) -> Result<&'a [u8]> {
    let found = || bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
    found().ok_or_else(|| out_of_bounds(range, to_u64(bytes.len())))
}

/// The length of a range within `limit` bytes.
pub(crate) fn range_len(range: &Range<u64>, limit: u64) -> Result<usize> {
    let len = range.end.checked_sub(range.start).filter(|_| range.end <= limit);
    len.and_then(|len| usize::try_from(len).ok()).ok_or_else(|| out_of_bounds(range, limit))
}

#[cold]
fn out_of_bounds(range: &Range<u64>, limit: u64) -> Error {
    let (start, len) = (range.start, range.end.saturating_sub(range.start));
    Error::new(ErrorKind::Zip(ZipProblem::OutOfBounds { part: "range", start, len, limit }))
}
