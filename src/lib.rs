//! NumPy's NPY and NPZ files as Apache Arrow arrays.

pub mod checksum;
pub mod error;
mod interrupt;
pub mod limits;
pub mod npy;
mod parallel;
pub mod source;
pub mod zip;
pub use interrupt::Interrupt;

pub use error::{Error, ErrorKind, Result};
