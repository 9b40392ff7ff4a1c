//! A destination: a file, or an object of a store.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::PendingFile;
#[cfg(feature = "object-store")]
use super::PendingObject;
use crate::error::Result;

/// What appears at its path or URL when it is committed, and leaves nothing behind otherwise.
/// [`WriteOptions::create`](crate::npz::WriteOptions::create) makes one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Pending {
    /// A file.
    File(PendingFile),
    /// An object of a store.
    #[cfg(feature = "object-store")]
    Object(Box<PendingObject>),
}

impl Pending {
    /// Returns the path as it was given, or the URL without what may be secret.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(file) => file.path(),
            #[cfg(feature = "object-store")]
            Self::Object(object) => Path::new(object.name()),
        }
    }

    /// Returns where there is room for temporary files: beside the file, or where the system has them.
    pub fn folder(&self) -> PathBuf {
        match self {
            Self::File(file) => file.folder().to_owned(),
            #[cfg(feature = "object-store")]
            Self::Object(_) => std::env::temp_dir(),
        }
    }

    /// Makes what was written appear, in place of what was there. With `sync` the bytes of a file are on the disk
    /// before that; those of an object are safe in any case.
    pub fn commit(self, sync: bool) -> Result<()> {
        match self {
            Self::File(file) => file.commit(sync),
            #[cfg(feature = "object-store")]
            Self::Object(object) => object.commit(),
        }
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            #[cfg(feature = "object-store")]
            Self::Object(object) => object.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            #[cfg(feature = "object-store")]
            Self::Object(object) => object.flush(),
        }
    }
}
