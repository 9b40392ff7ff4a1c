//! NPZ: an archive of NPY members becomes arrays, columns, or one `RecordBatch`.
//!
//! Use this module when you have an `.npz` file or its bytes. This is the only place where ZIP meets NPY.
//! From high to low: [`NpzArchive::record_batch`] makes one batch of an archive;
//! [`NpzArchive::columns`] also says what was shared; [`NpzArchive::array`] gives one member;
//! [`NpzArchive::header`] reads no payload.
//!
//! # Limitations
//!
//! Members are NPY, stored or deflated. Pickled objects are never loaded. Other entries are listed, but are
//! no columns.

mod archive;
mod batch;
mod collate;
#[cfg(feature = "object-store")]
mod fetch;
mod inflated;
mod info;
mod member;
mod names;
mod options;
pub(crate) mod place;
mod prepare;
mod stored;
pub(crate) mod stream;

pub use archive::NpzArchive;
pub use collate::{Sample, collate};
pub use info::MemberInfo;
pub use options::{OpenOptions, ReadOptions, Unsupported};
