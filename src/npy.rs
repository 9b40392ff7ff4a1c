//! NPY: bytes become a [`Header`] and the range of the payload.
//!
//! Use this module when you have the bytes of an `.npy` file, or of one member of an archive, and want to
//! know what they are. Nothing here knows Arrow or reads files, and nothing is allocated beyond what the
//! header itself holds.
//!
//! ```text
//! \x93NUMPY | version | header_len | {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }␣␣␣\n | payload
//!     6     |  2      | 2 or 4     | header_len                                                       |
//! ```
//!
//! From high to low: [`Header::parse`] reads it all; [`Dtype`], [`Order`] and [`Shape`] are its three
//! values; [`Preamble`] is what stands before them. [`Header::to_bytes`] is the way back.
//!
//! # Limitations
//!
//! `descr` must be a type string (`'<f4'`) or a list of fields, as NumPy writes it. What `np.dtype` would
//! also take (`'float32'`, `'f4,i2'`, a dictionary) is refused, as are comments and computed literals.
//!
//! The format is that of [`numpy.lib.format`](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

// Every `+` and `*` here is on numbers from the file.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod canonical;
mod dtype;
mod header;
mod literal;
mod record;
mod shape;
mod unit;
mod version;
mod write;

pub use dtype::{ByteOrder, Dtype, Scalar};
pub use header::{Header, Order};
pub use record::{Field, Record, Subarray};
pub use shape::Shape;
pub use unit::{TimeUnit, Unit};
pub use version::{MAGIC_PREFIX, Preamble, Version};
