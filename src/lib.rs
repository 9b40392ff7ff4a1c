//! NumPy's NPY and NPZ files as Apache Arrow arrays, sharing memory wherever that is possible.
//!
//! ```no_run
//! use npzarrow::NpzArchive;
//! use npzarrow::npz::ReadOptions;
//!
//! let archive = NpzArchive::open("train-0003.npz")?;
//! let batch = archive.record_batch(&ReadOptions::default())?;
//! println!("{} rows of {}", batch.num_rows(), batch.schema());
//! # Ok::<(), npzarrow::Error>(())
//! ```
//!
//! Data flows one way through the modules, and each may use only those before it:
//!
//! ```text
//! error limits checksum ─► npy ──┐
//!                       ─► zip ──┼───────────► npz ─► write, cli
//!                          source ─► array ────┘
//!                          arrow ──────┘
//! ```
//!
//! * [`npy`] turns bytes into a header and the range of a payload,
//! * [`zip`] turns bytes into a validated list of members,
//! * [`source`] says where bytes come from,
//! * [`arrow`] turns a header and a buffer into an Arrow array, and has the table of types,
//! * [`NpyArray`] is one array, [`NpzArchive`] many,
//! * [`mod@write`] makes files of arrays and batches, [`npz::NpzWriter`] archives at any output, [`npz::align_file`]
//!   archives that can be mapped.
//!
//! The crate does without `unsafe` but for mapping files and for the call into libdeflate.
//!
//! # Features
//!
//! * `cli`: the program `npzarrow`, as [`cli::run`].
//! * `datafusion`: shards as tables of DataFusion, with one call that registers them on a session; `table-provider` is the
//!   same without the engine, and `datafusion-proto` sends plans to other processes. See the module `datafusion`.
//! * `mmap` (default): map files instead of reading them, and back large buffers with huge pages on Linux.
//! * `object-store`: fetch what is needed of objects in S3, Google Cloud Storage, Azure and behind HTTP, waiting or not.

mod aligned;
mod array;
pub mod arrow;
pub mod checksum;
#[cfg(feature = "cli")]
pub mod cli;
mod convert;
#[cfg(feature = "table-provider")]
pub mod datafusion;
pub mod dataset;
pub mod error;
mod interrupt;
pub mod limits;
pub mod npy;
pub mod npz;
mod panic;
mod parallel;
mod rows;
pub mod sink;
pub mod source;
mod spool;
pub mod write;
pub mod zip;

pub use aligned::AlignedBuf;
pub use array::{Column, NpyArray, OwnedPayload, Payload};
pub use dataset::NpzDataset;
pub use error::{Error, ErrorKind, Result};
pub use interrupt::Interrupt;
pub use npz::NpzArchive;
pub use parallel::default_threads;

/// The examples of the README run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
