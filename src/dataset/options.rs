//! What a caller may choose about a dataset.

use crate::arrow::ArrowOptions;
use crate::npz::{OpenOptions, Unsupported};
#[cfg(feature = "object-store")]
use crate::source::RemoteOptions;

/// What happens to a shard that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// It is an error that names it.
    #[default]
    Raise,
    /// It is left out and counted.
    Skip,
}

/// What the arrays of a shard must have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// Their length: they are columns.
    Equal,
    /// Nothing: one is read without the others, or none.
    Any,
}

/// How shards become a table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatasetOptions {
    /// The members that are columns, in this order; default: every array.
    pub columns: Option<Vec<String>>,
    /// Rows, tensors, strings.
    pub arrow: ArrowOptions,
    /// How each shard is opened; the quota on deflated members counts per member that is held in memory.
    pub open: OpenOptions,
    /// How shards in object stores are fetched.
    #[cfg(feature = "object-store")]
    pub remote: RemoteOptions,
    /// Map files instead of reading them; see [`Memory::map`](crate::source::Memory) for what can go wrong.
    ///
    /// Does nothing without the feature `mmap`.
    pub mmap: bool,
    /// The most rows of a batch; default: as many as [`batch_bytes`](Self::batch_bytes) allow.
    pub batch_rows: Option<usize>,
    /// The size that batches aim at, in bytes.
    pub batch_bytes: u64,
    /// Whether directories named `key=value` become columns.
    pub hive: bool,
    /// The name of a column with the path of each row's shard.
    pub include_file_paths: Option<String>,
    /// The name of a column that counts rows over all shards, before any filter.
    pub row_index: Option<String>,
    /// What happens to shards that cannot be read.
    pub on_error: OnError,
    /// What happens to members whose dtype Arrow cannot hold.
    pub unsupported: Unsupported,
    /// Whether integers and floats of different widths are widened to one type, rather than being an error.
    pub widen: bool,
    /// What happens to arrays of another type than the schema's.
    pub(crate) conversion: Conversion,
    /// Whether the arrays of a shard may differ in length.
    pub(crate) lengths: Lengths,
}

/// What happens to arrays of another type than the schema's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// They are an error, unless they were to be widened.
    #[default]
    None,
    /// They are cast: the schema was declared, rather than found.
    #[cfg(feature = "table-provider")]
    Cast,
}

impl Conversion {
    /// True if arrays are cast.
    pub(crate) fn is_cast(self) -> bool {
        self != Self::None
    }
}

impl DatasetOptions {
    /// The largest [`batch_bytes`](Self::batch_bytes): text in Arrow reaches to 2 GiB.
    pub const MAX_BATCH_BYTES: u64 = 1 << 30;
}

impl Default for DatasetOptions {
    fn default() -> Self {
        Self {
            columns: None,
            arrow: ArrowOptions::default(),
            open: OpenOptions::default(),
            #[cfg(feature = "object-store")]
            remote: RemoteOptions::default(),
            mmap: false,
            batch_rows: None,
            batch_bytes: 32 << 20,
            hive: true,
            include_file_paths: None,
            row_index: None,
            on_error: OnError::Raise,
            unsupported: Unsupported::Raise,
            widen: false,
            conversion: Conversion::None,
            lengths: Lengths::Equal,
        }
    }
}
