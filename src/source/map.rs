//! Mapped files: the one place where the contents of a file become a slice.
#![expect(unsafe_code, reason = "nothing but unsafe code can map a file")]

use std::fs::File;
use std::io;
use std::path::Path;

use arrow_buffer::Buffer;
use bytes::Bytes;
use memmap2::Mmap;

use super::memory::Memory;
use crate::error::{Error, Result};

impl Memory {
    /// Maps a file read-only; arrays then share the pages of the file, which are read when touched.
    ///
    /// If the file is truncated while it is mapped, touching what is gone ends the process with SIGBUS, and
    /// if it is written to, arrays may change: map only files that stay as they are. Reading is the default
    /// everywhere for this reason.
    pub fn map(path: &Path) -> Result<Self> {
        let map = || {
            let file = File::open(path)?;
            if file.metadata()?.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            // SAFETY: the map is read-only and lives as long as its `Bytes`. That nobody truncates or writes
            // the file meanwhile is what the caller promises by asking for a map: the documentation above
            // and that of every option leading here say so.
            unsafe { Mmap::map(&file) }
        };
        let map = map().map_err(|error| Error::from(error).in_path(path))?;
        Ok(Self::new(Buffer::from(Bytes::from_owner(map))).with_path(path))
    }
}
