//! NPZ: an archive of NPY members becomes arrays, columns, or one `RecordBatch`.
//!
//! Use this module when you have an `.npz` file or its bytes. This is the only place where ZIP meets NPY.
//! [`NpzWriter`] writes archives, [`align_file`] rewrites them so that they can be mapped.
//!
//! From high to low: [`NpzArchive::record_batch`] makes one batch of an archive;
//! [`NpzArchive::columns`] also says what was shared; [`NpzArchive::array`] gives one member;
//! [`NpzArchive::header`] reads no payload.
//!
//! # Limitations
//!
//! Members are NPY, stored or deflated. Pickled objects are never loaded. Other entries are listed, but are
//! no columns.

mod align;
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
mod write;

pub use align::{align, align_file};
pub use archive::NpzArchive;
pub use collate::{Sample, collate};
pub use info::MemberInfo;
pub use options::{OpenOptions, ReadOptions, Unsupported};
pub use write::{Compression, NpzWriter, WriteOptions};
pub(crate) use write::{check_payload, put as put_content};
