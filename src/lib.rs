//! NumPy's NPY and NPZ files as Apache Arrow arrays.

pub mod arrow;
pub mod error;
pub mod limits;
pub mod npy;

pub use error::{Error, ErrorKind, Result};
