//! Lengths between Rust, which counts in `usize`, and formats and errors, which count in `u64`.

/// Returns a length as formats and errors want it.
pub(crate) fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Returns an offset as an index: `usize::MAX`, which no slice reaches, if the address space ends before it.
pub(crate) fn to_usize(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
