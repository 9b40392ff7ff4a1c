//! One member as the central directory describes it.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{INFLATE_SLACK, MAX_INFLATE_RATIO};

/// A compression method of APPNOTE 4.4.5; any number, of which two can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(pub u16);

impl Method {
    /// Not compressed: the member's bytes are the file's.
    pub const STORED: Self = Self(0);
    /// DEFLATE, RFC 1951.
    pub const DEFLATED: Self = Self(8);
}

/// One member. Its sizes were checked against the file, its bytes were not looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) method: Method,
    pub(super) flags: u16,
    pub(super) crc32: u32,
    pub(super) compressed_size: u64,
    pub(super) uncompressed_size: u64,
    pub(super) header_offset: u64,
    /// Where the next member or the directory begins.
    pub(super) limit: u64,
    pub(super) name_end: usize,
    pub(super) raw_name_len: u16,
}

impl Entry {
    const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

    /// Returns the compression method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Returns the CRC-32 of the uncompressed bytes.
    pub fn crc32(&self) -> u32 {
        self.crc32
    }

    /// Returns the bytes that the member takes in the file.
    pub fn compressed_size(&self) -> u64 {
        self.compressed_size
    }

    /// Returns the bytes that the member says it has; nothing has confirmed it.
    pub fn declared_size(&self) -> u64 {
        self.uncompressed_size
    }

    /// Returns where the local header begins in the file.
    pub fn header_offset(&self) -> u64 {
        self.header_offset
    }

    /// Refuses what cannot be read: encryption, unknown methods, and stored members of two sizes.
    pub(super) fn check_readable(&self, local_flags: u16) -> Result<()> {
        if (self.flags | local_flags) & Self::ENCRYPTED != 0 {
            return Err(Error::new(ErrorKind::Encrypted));
        }
        match self.method {
            Method::STORED if self.compressed_size != self.uncompressed_size => {
                let (expected, actual) = (self.uncompressed_size, self.compressed_size);
                Err(Error::new(ErrorKind::EntrySize { expected, actual }))
            }
            Method::STORED | Method::DEFLATED => Ok(()),
            Method(method) => Err(Error::new(ErrorKind::UnsupportedCompression { method })),
        }
    }

    /// Refuses a declared size that no DEFLATE stream of the compressed size could have; to be called
    /// before a buffer is allocated.
    pub fn check_ratio(&self) -> Result<()> {
        let limit = self.compressed_size.saturating_mul(MAX_INFLATE_RATIO).saturating_add(INFLATE_SLACK);
        if self.uncompressed_size <= limit {
            return Ok(());
        }
        let (what, value) = ("declared size", self.uncompressed_size);
        Err(Error::new(ErrorKind::LimitExceeded { what, value, limit }))
    }
}
