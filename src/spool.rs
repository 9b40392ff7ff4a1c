//! Bytes that wait until their number is known: in memory while they are few, then in a file without a name.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use arrow_buffer::Buffer;
use crc32fast::Hasher;

use crate::checksum::crc32;
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result};

/// Collects bytes.
#[derive(Debug)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    len: u64,
    hasher: Hasher,
    /// How many bytes stay in memory.
    limit: usize,
    folder: PathBuf,
}

impl Spool {
    /// Begins with nothing. Beyond `limit` bytes, a file is made in the folder.
    pub(crate) fn new(limit: usize, folder: &Path) -> Self {
        Self {
            memory: Vec::new(),
            file: None,
            len: 0,
            hasher: Hasher::new(),
            limit,
            folder: folder.to_owned(),
        }
    }

    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.len = self.len.saturating_add(to_u64(bytes.len()));
        if self.file.is_none() && self.len > to_u64(self.limit) {
            let create = || {
                let mut file = tempfile::tempfile_in(&self.folder)?;
                file.write_all(&self.memory)?;
                Ok(file)
            };
            self.file = Some(create().map_err(|error: io::Error| Error::from(error).in_path(&self.folder))?);
            self.memory = Vec::new();
        }
        if let Some(file) = &mut self.file {
            return file.write_all(bytes).map_err(|error| Error::from(error).in_path(&self.folder));
        }
        let failed = |_| Error::new(ErrorKind::Allocation { len: to_u64(bytes.len()) });
        self.memory.try_reserve(bytes.len()).map_err(failed)?;
        self.memory.extend_from_slice(bytes);
        Ok(())
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Ends the collection.
    pub(crate) fn finish(self) -> Content<'static> {
        match self.file {
            Some(file) => Content::File { file, len: self.len, crc32: self.hasher.finalize() },
            None => Content::Owned(Buffer::from_vec(self.memory)),
        }
    }
}

/// Bytes that can be read again and again, from any place on.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// The caller's.
    Borrowed(&'a [u8]),
    /// Shared with an Arrow array, or our own.
    Owned(Buffer),
    /// In a temporary file that nobody else can open.
    File { file: File, len: u64, crc32: u32 },
}

impl Content<'_> {
    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Borrowed(bytes) => to_u64(bytes.len()),
            Self::Owned(bytes) => to_u64(bytes.len()),
            Self::File { len, .. } => *len,
        }
    }

    /// The CRC-32 of all bytes, which is known already if they are in a file.
    pub(crate) fn crc32(&self, threads: usize) -> u32 {
        match self {
            Self::Borrowed(bytes) => crc32(bytes, threads),
            Self::Owned(bytes) => crc32(bytes, threads),
            Self::File { crc32, .. } => *crc32,
        }
    }

    /// Returns at most `len` bytes from `start` on: borrowed, or read from the file.
    pub(crate) fn get(&self, start: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        let within = |bytes| -> &[u8] {
            let rest = <[u8]>::get(bytes, to_usize(start)..).unwrap_or_default();
            rest.get(..len).unwrap_or(rest)
        };
        match self {
            Self::Borrowed(bytes) => Ok(Cow::Borrowed(within(bytes))),
            Self::Owned(bytes) => Ok(Cow::Borrowed(within(bytes))),
            Self::File { file, len: file_len, .. } => {
                let len = len.min(to_usize(file_len.saturating_sub(start)));
                let mut bytes = Vec::new();
                let failed = |_| Error::new(ErrorKind::Allocation { len: to_u64(len) });
                bytes.try_reserve_exact(len).map_err(failed)?;
                bytes.resize(len, 0);
                read_exact_at(file, start, &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, position: u64, bytes: &mut [u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    file.read_exact_at(bytes, position)
}

#[cfg(windows)]
fn read_exact_at(file: &File, position: u64, bytes: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.seek_read(rest, position.saturating_add(to_u64(done)))? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            read => done += read,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_file_are_the_same() {
        let folder = tempfile::TempDir::new().unwrap();
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for limit in [0, 1, 5000, 10_000, 20_000] {
            let mut spool = Spool::new(limit, folder.path());
            for piece in bytes.chunks(999) {
                spool.push(piece).unwrap();
            }
            assert_eq!(spool.len(), 10_000);
            let content = spool.finish();
            assert_eq!(matches!(content, Content::File { .. }), limit < 10_000);
            assert_eq!((content.len(), content.crc32(1)), (10_000, crc32fast::hash(&bytes)));
            assert!(*content.get(0, 20_000).unwrap() == bytes);
            assert_eq!(*content.get(9_990, 5).unwrap(), bytes[9_990..9_995]);
            assert!(content.get(10_000, 5).unwrap().is_empty());
            assert_eq!(folder.path().read_dir().unwrap().count(), 0, "files without names");
        }
        let error = Spool::new(0, Path::new("no/such/folder")).push(b"x").unwrap_err();
        assert!(error.to_string().starts_with("no/such/folder: "), "{error}");
    }
}
