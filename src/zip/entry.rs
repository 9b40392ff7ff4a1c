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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(method: Method, flags: u16, compressed_size: u64, uncompressed_size: u64) -> Entry {
        let (crc32, header_offset, limit, name_end, raw_name_len) = (0, 0, 0, 0, 0);
        Entry {
            method,
            flags,
            crc32,
            compressed_size,
            uncompressed_size,
            header_offset,
            limit,
            name_end,
            raw_name_len,
        }
    }

    #[test]
    fn what_can_be_read() {
        for bit in 0..16 {
            let encrypted = [0, 6, 13].contains(&bit);
            let flags = 1 << bit;
            for (directory, local) in [(flags, 0), (0, flags)] {
                let result = entry(Method::STORED, directory, 5, 5).check_readable(local);
                assert_eq!(result.is_err(), encrypted, "bit {bit}: {result:?}");
            }
        }
        for (method, compressed, text) in [
            (Method::STORED, 4, "inflates to 4 bytes, but the directory says 5"),
            (
                Method(12),
                5,
                "compression method 12 (bzip2) is not supported, only stored (0) and deflated (8)",
            ),
        ] {
            assert_eq!(entry(method, 0, compressed, 5).check_readable(0).unwrap_err().to_string(), text);
        }
        assert!(entry(Method::DEFLATED, 0, 4, 5).check_readable(0).is_ok());
    }

    #[test]
    fn what_deflate_can_hold() {
        for (compressed, declared, plausible) in [
            (0, 64, true),
            (0, 65, false),
            (100, 103_264, true),
            (100, 103_265, false),
            (u64::MAX, u64::MAX, true),
            (1 << 62, u64::MAX, true),
        ] {
            let result = entry(Method::DEFLATED, 0, compressed, declared).check_ratio();
            assert_eq!(result.is_ok(), plausible, "{declared} of {compressed}");
        }
    }
}
