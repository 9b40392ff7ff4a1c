//! The kinds of failure, and their texts.

use std::fmt::{self, Display};
use std::io;

use arrow_schema::{ArrowError, DataType};

use super::export::ExportProblem;
use super::zip::{self, ZipProblem};

/// What is wrong with the key of an NPY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyProblem {
    /// The key is not there.
    Missing,
    /// The key is there more than once.
    Duplicate,
    /// NPY has no such key.
    Unknown,
    /// Its value is of the wrong type.
    WrongType,
}

impl Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Duplicate => "is given twice",
            Self::Unknown => "is not one of descr, fortran_order and shape",
            Self::WrongType => "has a value of the wrong type",
        })
    }
}

/// The kinds of failure. Two sizes come as expected and actual, a limit as value and limit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// An object is not the one that was opened or listed any more.
    #[error("object has changed: its {field} was {expected}, is {actual}")]
    ObjectChanged {
        /// What has changed.
        field: &'static str,
        /// What it was.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// Bytes of an object that was opened without waiting were read before they were prepared.
    #[error("bytes {start} to {end} were not fetched: prepare the member before it is read")]
    RangeMissing {
        /// The first byte.
        start: u64,
        /// The byte behind the last.
        end: u64,
    },
    /// The work was given up because the caller asked for it.
    #[error("interrupted")]
    Interrupted,
    /// The crate has a bug, which did not get any further than this.
    #[error("a bug of npzarrow, please report it: panicked: {}", message.escape_debug())]
    Panicked {
        /// What the panic said.
        message: String,
    },

    // npy ----------------------------------------------------------------------------------------------
    /// The data does not begin with NPY's magic.
    #[error("not NPY data: begins with {}, not with \"\\x93NUMPY\"", Quoted(found))]
    BadMagic {
        /// The bytes found instead, at most six.
        found: Vec<u8>,
    },
    /// The data ends before the part that is named.
    #[error("data ends inside the {part}: {expected} bytes expected, {actual} present")]
    Truncated {
        /// The part of the format that was being read.
        part: &'static str,
        /// How many bytes the part needs.
        expected: u64,
        /// How many there are.
        actual: u64,
    },
    /// NPY has versions 1.0, 2.0 and 3.0.
    #[error("NPY version {major}.{minor} is not one of 1.0, 2.0 and 3.0")]
    UnsupportedVersion {
        /// The first version byte.
        major: u8,
        /// The second version byte.
        minor: u8,
    },
    /// The header is longer than [`MAX_HEADER_LEN`](crate::limits::MAX_HEADER_LEN).
    #[error("header length {len} exceeds the limit of {limit}")]
    HeaderTooLarge {
        /// The length it declares.
        len: u64,
        /// The limit.
        limit: u64,
    },
    /// The header is no Python literal of the kind that NPY uses.
    #[error("header: {expected} expected, found {}", FoundChar(*found))]
    HeaderSyntax {
        /// What may stand here.
        expected: &'static str,
        /// What stands here; `None` at the end.
        found: Option<char>,
    },
    /// A key of the header is missing, given twice, unknown, or has a value of the wrong type.
    #[error("header: key {key:?} {problem}")]
    HeaderKey {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: KeyProblem,
    },
    /// A dtype that cannot be read, or not into what was asked for.
    #[error("dtype {descr} {reason}")]
    UnsupportedDtype {
        /// The dtype as the header spells it.
        descr: String,
        /// Why it cannot be read.
        reason: &'static str,
    },
    /// A dtype with pickled objects.
    #[error("dtype {descr} holds pickled Python objects, which are never loaded")]
    ObjectDtype {
        /// The dtype as the header spells it.
        descr: String,
    },
    /// An array of this shape cannot exist in memory.
    #[error("shape {} with {item_size} bytes per element overflows", ShapeDisplay(shape))]
    ShapeOverflow {
        /// The shape.
        shape: Vec<u64>,
        /// The bytes of one element.
        item_size: u64,
    },
    /// The payload is shorter than the shape and the dtype ask for.
    #[error("payload has {actual} bytes, but shape {} of {descr} needs {expected}", ShapeDisplay(shape))]
    PayloadSize {
        /// The shape.
        shape: Vec<u64>,
        /// The dtype as the header spells it.
        descr: String,
        /// The bytes they need.
        expected: u64,
        /// The bytes present.
        actual: u64,
    },

    // zip ----------------------------------------------------------------------------------------------
    /// The archive as a whole, or the record of one member, is inconsistent.
    #[error("{0}")]
    Zip(ZipProblem),
    /// There is no array of this name.
    #[error("{name} is not a file in the archive")]
    EntryNotFound {
        /// The name that was asked for.
        name: String,
    },
    /// The archive has several members of this name.
    #[error("{name} names {count} members of the archive, so it names none")]
    DuplicateEntry {
        /// The name that was asked for.
        name: String,
        /// How many members have it.
        count: usize,
    },
    /// The member is encrypted.
    #[error("member is encrypted")]
    Encrypted,
    /// The member is neither stored nor deflated.
    #[error("compression method {method} ({}) is not supported, only stored (0) and deflated (8)", zip::method_name(*method))]
    UnsupportedCompression {
        /// The method's number in APPNOTE 4.4.5.
        method: u16,
    },
    /// The member's bytes are not those that were written.
    #[error("checksum is {actual:08x}, but the directory says {expected:08x}")]
    ChecksumMismatch {
        /// The CRC-32 of the directory.
        expected: u32,
        /// The CRC-32 of the bytes.
        actual: u32,
    },
    /// The member inflates to another size than it declares.
    #[error("inflates to {actual} bytes, but the directory says {expected}")]
    EntrySize {
        /// The size of the directory.
        expected: u64,
        /// The size that came out; one more than expected stands for any larger one.
        actual: u64,
    },
    /// A number is larger than the caller or this crate allows.
    #[error("{what} {value} exceeds the limit of {limit}")]
    LimitExceeded {
        /// What the number counts.
        what: &'static str,
        /// The number.
        value: u64,
        /// The largest one allowed.
        limit: u64,
    },
    /// There is not enough memory for a buffer that the input can justify.
    #[error("cannot allocate {len} bytes")]
    Allocation {
        /// The size of the buffer.
        len: u64,
    },

    /// A name that no member can have.
    #[error("name {name:?} {problem}")]
    Name {
        /// The name, or its beginning.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An option has a value that it does not take.
    #[error("{option} is {value}, expected {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it takes.
        expected: &'static str,
    },

    // arrow --------------------------------------------------------------------------------------------
    /// The members of one archive do not have the same number of rows.
    #[error(
        "members differ in rows: {}; name members of equal length with columns=, or read each archive as one row with rows=\"archive\"",
        RowCounts(members)
    )]
    RowCountMismatch {
        /// Each member with its rows.
        members: Vec<(String, u64)>,
    },
    /// Sharing was required but is impossible.
    #[error("cannot share memory with the input: {reason}")]
    CopyRequired {
        /// Why a copy is needed.
        reason: String,
    },
    /// Two of the columns that are asked for are the same, or have the same name.
    #[error("column {name:?} is asked for twice")]
    RepeatedColumn {
        /// The name.
        name: String,
    },
    /// A column has another type than the schema says.
    #[error("column {field:?} is {actual}, but the schema says {expected}")]
    SchemaMismatch {
        /// The column.
        field: String,
        /// The type in the schema.
        expected: Box<DataType>,
        /// The type found.
        actual: Box<DataType>,
    },
    /// Two shards of a dataset differ in the type of a column.
    #[error("column is {actual}, but {expected} in {expected_in}")]
    ShardMismatch {
        /// The type in the other shard.
        expected: String,
        /// The other shard.
        expected_in: String,
        /// The type in this shard.
        actual: String,
    },
    /// A shard is not what it was when the dataset was planned.
    #[error("shard has changed since it was planned: its {field} is {actual}, was {expected}")]
    ShardChanged {
        /// What has changed.
        field: &'static str,
        /// What it was.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// A column that is added to the members has the name of one of them.
    #[error("column {name:?} is there twice: rename the one that is added")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// A scan that reads on threads was continued in a forked process, where these do not exist.
    #[error("a scan cannot be continued in a forked process: start another one there")]
    ForkedScan,
    /// A value has no counterpart in the Arrow type of its column.
    #[error("element {index}: {reason}")]
    Value {
        /// The element's index in C order.
        index: u64,
        /// Why it cannot be converted.
        reason: &'static str,
    },
    /// A column has no counterpart in NumPy.
    #[error("column {column:?}: {problem}")]
    Export {
        /// The column.
        column: String,
        /// What it has that NumPy has not.
        problem: ExportProblem,
    },
    /// Arrow refused what was built.
    #[error("{0}")]
    Arrow(#[source] ArrowError),
}

/// Bytes as a quoted string with escapes.
struct Quoted<'a>(&'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// A character, or that there is none.
struct FoundChar(Option<char>);

impl Display for FoundChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(found) => write!(f, "{found:?}"),
            None => f.write_str("the end"),
        }
    }
}

/// A shape as Python writes it.
pub(crate) struct ShapeDisplay<'a>(pub(crate) &'a [u64]);

impl Display for ShapeDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

/// Members with their rows; the first twenty are enough to see the mistake.
struct RowCounts<'a>(&'a [(String, u64)]);

impl Display for RowCounts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        for (index, (name, rows)) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{name} has {rows}", if index == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}
