//! NumPy arrays as Arrow arrays: a [`Header`](crate::npy::Header) and a payload become a field and an array
//! that share memory wherever that is possible.
//!
//! | NumPy | Arrow | shares memory |
//! |---|---|---|
//! | `i1` … `i8`, `u1` … `u8`, `f2` `f4` `f8` | the same | yes |
//! | `b1` | Boolean; with `bool8` `arrow.bool8` over Int8 | no; yes |
//! | `c8` `c16` | FixedSizeList\<f4 or f8, 2\>; [`DTYPE_KEY`] keeps `<c8` | yes |
//! | `M8[s/ms/us/ns]`, `m8[s/ms/us/ns]` | Timestamp, Duration of that unit | yes |
//! | `M8[Y/M/W/D]` | Date32 | no |
//! | `M8[h/m]` | Timestamp in seconds | no |
//! | `m8[W/D/h/m]` | Duration in seconds | no |
//! | `m8[Y/M]` | Int64 of months | `m8[M]` |
//! | multiples such as `M8[10ms]` | scaled | no |
//! | `M8`, `m8` without a unit or finer than ns | an error | – |
//! | `U` | Utf8; with `string_view` Utf8View | no |
//! | `S` | Binary; with `string_view` BinaryView | no; yes from 13 bytes on |
//! | `V` | FixedSizeBinary; Binary if empty | yes |
//! | structured | Struct; sub-arrays are nested FixedSizeLists, [`TITLE_KEY`] keeps titles | no |
//! | `O`, `f16` `c32` (long double) | an error | – |
//!
//! Foreign byte order and Fortran order (with two axes longer than 1) are copies. Everything shared must be
//! aligned to its elements, or it is copied. [`Plan::transfer`] tells what happened, and why.
//!
//! **Null** is only NaT: fields of `M8` and `m8` are nullable, all other columns are not. The items of lists
//! are called `item` and always nullable, as in pyarrow. The schema depends on the header and the options
//! alone, never on the payload. Any non-zero byte of `b1` is true. Where the Arrow type leaves the dtype
//! open, [`DTYPE_KEY`] keeps it: complex numbers, dates other than days, scaled units, `m8[Y/M]` (Arrow's
//! Interval(YearMonth) is refused by polars and pyarrow).
//!
//! **Rows** are the first axis; [`TensorLayout`] says what the others become, [`RowLayout`] makes a whole
//! array one row. A zero among the inner axes makes `List`s that are empty.
//!
//! From high to low: [`Plan`] decides and builds; [`schema_field`] needs no payload; [`repeat`] and
//! [`nest_tensors`] change finished columns; [`export`] is the way back. Nothing here reads the caller's files or knows
//! archives; columns of streams on their way back wait in temporary files.
//!
//! # Limitations
//!
//! `Utf8` and `Binary` columns reach to 2 GiB; views do not have that limit. One fixed-size list has at most
//! 2³¹ − 1 items. Rows and elements without a byte in the payload are limited to 2²⁴.

mod binary;
mod boolean;
mod elements;
pub mod export;
mod layout;
mod memory;
mod number;
mod options;
mod plan;
mod record;
mod repeat;
mod schema;
mod strided;
mod swap;
mod temporal;
mod tensor;
mod text;
mod transfer;
mod transpose;

#[cfg(test)]
mod tests;

pub use options::{ArrowOptions, CopyMode, RowLayout, TensorLayout};
pub use plan::Plan;
pub use repeat::repeat;
pub use schema::{DTYPE_KEY, TITLE_KEY, schema_field};
pub use tensor::{nest_tensors, tensor_shape_of};
pub use transfer::{CopyReason, Origin, Transfer};
pub(crate) use transpose::to_c_order;
