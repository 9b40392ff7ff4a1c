//! What can be wrong with an archive as a whole, or with the record of one member.

use std::fmt;

/// An inconsistency of a ZIP archive; the texts of the first two are SPDL's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZipProblem {
    /// The data is too short for an archive, or begins like no archive and has no end record.
    #[error("The data is not a valid zip file.")]
    NotZip,
    /// No end record reaches the end of the data.
    #[error("Failed to locate the end of the central directory.")]
    NoEndRecord,
    /// Two end records fit, so that readers would disagree about what the archive holds.
    #[error("two end records fit the file, at byte {first} and at byte {second}")]
    TwoEndRecords {
        /// Where the first begins.
        first: u64,
        /// Where the second begins.
        second: u64,
    },
    /// The archive is one disk of several.
    #[error("archive spans several disks: {field} is {actual}, expected {expected}")]
    MultiDisk {
        /// The field of the record.
        field: &'static str,
        /// What a single-disk archive has there.
        expected: u64,
        /// What is there.
        actual: u64,
    },
    /// Two records that say the same thing do not agree.
    #[error("{field} is {actual}, expected {expected}")]
    Disagreement {
        /// The field.
        field: &'static str,
        /// What the other record, or the layout of the file, says.
        expected: u64,
        /// What the field says.
        actual: u64,
    },
    /// A record does not begin with its signature.
    #[error("{record} begins with {actual:08x}, not with {expected:08x}")]
    Signature {
        /// The record.
        record: &'static str,
        /// Its signature.
        expected: u32,
        /// What is there.
        actual: u32,
    },
    /// A size or offset is to be found in the zip64 extra field, which does not have it.
    #[error("{field} is to be found in the zip64 extra field, which does not have it")]
    MissingZip64 {
        /// The field.
        field: &'static str,
    },
    /// A size or offset is to be found in the zip64 extra field, and readers would disagree about which.
    #[error("{field} is to be found in the zip64 extra field, of which there are two")]
    TwoZip64 {
        /// The field.
        field: &'static str,
    },
    /// A range does not lie within the file, or before the directory.
    #[error("{part} at byte {start} of {len} bytes does not end before byte {limit}")]
    OutOfBounds {
        /// The part.
        part: &'static str,
        /// Its first byte.
        start: u64,
        /// Its length.
        len: u64,
        /// Where the room for it ends.
        limit: u64,
    },
    /// Two members claim the same bytes.
    #[error("{first:?} and {second:?} overlap at byte {offset}")]
    Overlap {
        /// The member that begins first.
        first: String,
        /// The member that begins inside it.
        second: String,
        /// Where the second begins.
        offset: u64,
    },
    /// The local header names another member than the directory.
    #[error("local header says {found:?}, not {expected:?}")]
    LocalName {
        /// The name in the directory.
        expected: String,
        /// The name in the local header.
        found: String,
    },
    /// The name of a member is not UTF-8 although it is flagged so.
    #[error("name of member {index} is not valid UTF-8")]
    NameEncoding {
        /// The member's place in the directory.
        index: u64,
    },
    /// The compressed data is no DEFLATE stream.
    #[error("invalid deflate data")]
    Deflate,
    /// The DEFLATE stream ends before the member's data does.
    #[error("deflate stream ends after {consumed} of {compressed} bytes")]
    DeflateTail {
        /// The bytes it takes.
        consumed: u64,
        /// The bytes the member has.
        compressed: u64,
    },
}

/// The name that APPNOTE 4.4.5 gives a compression method.
pub(super) fn method_name(method: u16) -> impl fmt::Display {
    match method {
        0 => "stored",
        1 => "shrunk",
        6 => "imploded",
        8 => "deflated",
        9 => "deflate64",
        12 => "bzip2",
        14 => "lzma",
        20 | 93 => "zstandard",
        95 => "xz",
        98 => "ppmd",
        99 => "AES encryption",
        _ => "unknown",
    }
}
