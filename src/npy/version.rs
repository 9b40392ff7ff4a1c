//! What stands before the header: the magic, the version, and the header's length.

use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_HEADER_LEN;

/// The first six bytes of every NPY file.
pub const MAGIC_PREFIX: [u8; 6] = *b"\x93NUMPY";

/// A version of the format; NumPy writes the lowest that can hold the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1.0: two bytes of header length, Latin-1.
    V1,
    /// 2.0: four bytes of header length, Latin-1.
    V2,
    /// 3.0: four bytes of header length, UTF-8.
    V3,
}

impl Version {
    /// Returns the two version bytes.
    pub const fn bytes(self) -> [u8; 2] {
        match self {
            Self::V1 => [1, 0],
            Self::V2 => [2, 0],
            Self::V3 => [3, 0],
        }
    }
}

/// The fixed part of an NPY file: its version and where its header lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preamble {
    /// The version.
    pub version: Version,
    /// The header's first byte.
    pub header_start: usize,
    /// The byte after the header, where the payload begins.
    pub header_end: usize,
}

impl Preamble {
    /// The most bytes that a preamble takes.
    pub const MAX_LEN: usize = 12;

    /// Parses the first bytes of an NPY file; twelve always suffice. Copies nothing.
    ///
    /// ```
    /// use npzarrow::npy::{Preamble, Version};
    ///
    /// let preamble = Preamble::parse(b"\x93NUMPY\x01\x00\x76\x00")?;
    /// assert_eq!(preamble.version, Version::V1);
    /// assert_eq!(preamble.header_end, 128);
    /// # Ok::<(), npzarrow::Error>(())
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Some((magic, rest)) = bytes.split_first_chunk::<6>() else {
            return Err(not_magic(bytes));
        };
        if *magic != MAGIC_PREFIX {
            return Err(not_magic(magic));
        }
        let Some((&[major, minor], rest)) = rest.split_first_chunk::<2>() else {
            return Err(truncated("version", 8, bytes.len()));
        };
        let (version, header_start, header_len) = match (major, minor) {
            (1, 0) => match rest.first_chunk() {
                Some(&len) => (Version::V1, 10, u64::from(u16::from_le_bytes(len))),
                None => return Err(truncated("header length", 10, bytes.len())),
            },
            (2 | 3, 0) => match rest.first_chunk() {
                Some(&len) => {
                    let version = if major == 2 { Version::V2 } else { Version::V3 };
                    (version, 12, u64::from(u32::from_le_bytes(len)))
                }
                None => return Err(truncated("header length", 12, bytes.len())),
            },
            _ => return Err(Error::at(6, ErrorKind::UnsupportedVersion { major, minor })),
        };
        if header_len > MAX_HEADER_LEN {
            return Err(Error::at(8, ErrorKind::HeaderTooLarge { len: header_len, limit: MAX_HEADER_LEN }));
        }
        // At most MAX_HEADER_LEN + 12, which fits any usize.
        let header_end = usize::try_from(header_len).unwrap_or(usize::MAX).saturating_add(header_start);
        Ok(Self { version, header_start, header_end })
    }
}

#[cold]
fn not_magic(found: &[u8]) -> Error {
    Error::new(ErrorKind::BadMagic { found: found.to_vec() })
}

#[cold]
pub(super) fn truncated(part: &'static str, expected: usize, actual: usize) -> Error {
    Error::new(ErrorKind::Truncated { part, expected: to_u64(expected), actual: to_u64(actual) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_lengths() {
        for (bytes, version, start, end) in [
            (&b"\x93NUMPY\x01\x00\x76\x00"[..], Version::V1, 10, 128),
            (&b"\x93NUMPY\x01\x00\xff\xff"[..], Version::V1, 10, 65_545),
            (&b"\x93NUMPY\x02\x00\x74\x00\x00\x00"[..], Version::V2, 12, 128),
            (&b"\x93NUMPY\x03\x00\x00\x00\x10\x00"[..], Version::V3, 12, (1 << 20) + 12),
        ] {
            assert_eq!(
                Preamble::parse(bytes).unwrap(),
                Preamble { version, header_start: start, header_end: end }
            );
        }
    }

    #[test]
    fn what_is_no_preamble() {
        for (bytes, text) in [
            (&b""[..], r#"not NPY data: begins with "", not with "\x93NUMPY""#),
            (b"\x93NUM", r#"not NPY data: begins with "\x93NUM", not with "\x93NUMPY""#),
            (b"\x1f\x8b\x08 gzip", r#"not NPY data: begins with "\x1f\x8b\x08 gz", not with "\x93NUMPY""#),
            (b"\x93NUMPY\x01", "data ends inside the version: 8 bytes expected, 7 present"),
            (b"\x93NUMPY\x01\x00\x76", "data ends inside the header length: 10 bytes expected, 9 present"),
            (
                b"\x93NUMPY\x02\x00\x76\x00",
                "data ends inside the header length: 12 bytes expected, 10 present",
            ),
            (b"\x93NUMPY\x01\x01\x76\x00", "byte 6: NPY version 1.1 is not one of 1.0, 2.0 and 3.0"),
            (b"\x93NUMPY\x04\x00\x76\x00", "byte 6: NPY version 4.0 is not one of 1.0, 2.0 and 3.0"),
            (
                b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
                "byte 8: header length 4294967295 exceeds the limit of 1048576",
            ),
        ] {
            assert_eq!(Preamble::parse(bytes).unwrap_err().to_string(), text);
        }
    }
}
