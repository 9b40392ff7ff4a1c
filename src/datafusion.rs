//! Tables of NPZ shards for [DataFusion](https://datafusion.apache.org): SQL, `COPY`, plans that can be sent elsewhere.
//!
//! Use this module when shards are to be queried. With the feature `datafusion`, one call makes a session know them:
//!
#![cfg_attr(feature = "datafusion", doc = "```no_run")]
#![cfg_attr(not(feature = "datafusion"), doc = "```ignore")]
//! use datafusion::prelude::SessionContext;
//!
//! # async fn run() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! npzarrow::datafusion::register(&context);
//! context.sql("CREATE EXTERNAL TABLE train STORED AS NPZ LOCATION 's3://bucket/train/'").await?;
//! context.sql("SELECT split, avg(label) FROM train GROUP BY split").await?.show().await?;
//! # Ok(())
//! # }
//! ```
//!
//! From high to low: [`NpzTable`] is the table, [`NpzTableFactory`] makes one of `CREATE EXTERNAL TABLE`;
//! [`ExportedTable`] and [`ExportedTableFactory`] are these two for an engine in another library; [`NpzFormat`] is the
//! file format by which `COPY … TO` writes; [`NpzSource`] and [`NpzOpener`] read. Nothing is parsed here: what a shard
//! says is what [`dataset`](crate::dataset) says of it.
//!
//! # What reads how much
//!
//! * The headers of all shards are read when a table is made and kept in the session's cache of metadata, as long as
//!   size, time and version of a shard stay the same. `COUNT(*)` needs no more than these.
//! * The directory is listed for every query, so that a shard added later is seen.
//! * Only the members of selected columns are touched, with a limit only their first rows if they are stored.
//! * Filters on partition columns choose shards. Filters on narrow columns are evaluated before wide columns (tensors,
//!   text) are read.
//!
//! # Limitations
//!
//! All locations of one table are in one object store. A row range of a shard is not verified, whole members are.

#[cfg(feature = "datafusion-proto")]
mod codec;
mod exported;
mod factory;
mod failure;
mod files;
mod filter;
mod format;
mod groups;
mod late;
mod listing;
mod location;
mod opener;
mod options;
mod partitions;
mod ranges;
#[cfg(feature = "datafusion")]
mod register;
mod sink;
mod source;
mod statistics;
mod store;
mod table;
mod wide;

#[cfg(feature = "datafusion-proto")]
pub use codec::{NpzLogicalCodec, NpzPhysicalCodec};
pub use exported::{ExportedTable, ExportedTableFactory};
pub use factory::NpzTableFactory;
pub use format::{NpzFormat, NpzFormatFactory};
pub use opener::NpzOpener;
pub use options::NpzOptions;
#[cfg(feature = "datafusion")]
pub use register::register;
pub use sink::NpzSink;
pub use source::NpzSource;
pub use table::NpzTable;
