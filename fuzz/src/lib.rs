//! Properties of `npzarrow` that must hold for any bytes, one module for each fuzz target.
//!
//! Each module's `run` panics if its property does not hold. The binaries of `fuzz_targets/` hand it what
//! libFuzzer makes up; the tests of this crate hand it the seeds and mutations of them, on any toolchain.
#![expect(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is how a target says that a property does not hold"
)]

pub mod archive;
pub mod differential;
pub mod header;
pub mod inflate;
pub mod literal;
mod memory;
mod model;
pub mod ranges;
pub mod writer;
