//! Many shards as one table: found, described by their headers, planned, and read as a stream of batches.
//!
//! Use this module when you have a directory of `.npz` files. From high to low: [`NpzDataset`] is the table;
//! [`NpzDataset::plan`] cuts it into [`Task`]s that can be sent to other machines; [`NpzDataset::read`] reads
//! one; [`NpzDataset::scan`] reads all, in order, on several threads.
//!
//! Nothing is read when a dataset is made. The schema, the number of rows and the plan come from headers
//! alone; payloads are read when a batch is asked for, and only those of the columns that are wanted.
//!
//! # Limitations
//!
//! The schema is that of all shards together, so that asking for it reads the headers of each. Deflated shards
//! are not split by rows.

mod assemble;
mod columns;
mod discover;
mod gather;
mod hive;
mod inner;
mod job;
mod members;
mod merge;
mod opened;
mod options;
mod origin;
mod plan;
mod queue;
#[cfg(feature = "table-provider")]
mod refresh;
mod scan;
mod shard;
mod table;

#[cfg(any(feature = "cli", feature = "table-provider"))]
pub(crate) use discover::Found;
#[cfg(feature = "cli")]
pub(crate) use discover::discover;
#[cfg(feature = "table-provider")]
pub(crate) use hive::KeyType;
#[cfg(any(feature = "cli", feature = "table-provider"))]
pub(crate) use hive::parse as parse_hive;
#[cfg(feature = "table-provider")]
pub(crate) use merge::merge;
#[cfg(feature = "cli")]
pub(crate) use merge::{Merged, survey};
#[cfg(feature = "table-provider")]
pub(crate) use opened::unchanged;
#[cfg(feature = "table-provider")]
pub(crate) use options::Conversion;
#[cfg(feature = "cli")]
pub(crate) use options::Lengths;
pub use options::{DatasetOptions, OnError};
pub use origin::Columns;
pub use plan::{Task, TaskShard};
#[cfg(feature = "table-provider")]
pub(crate) use scan::NumberedShard;
pub use scan::{ScanReader, Waited};
pub use shard::{ColumnInfo, ShardInfo};
pub use table::NpzDataset;
#[cfg(feature = "cli")]
pub(crate) use {members::is_npy, opened::Opened};
