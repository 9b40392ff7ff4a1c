//! Bytes in memory, and whether anybody may still change them.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_buffer::Buffer;

use super::slice;
use crate::convert::to_u64;
use crate::error::Result;

/// Bytes that arrays may share. Cheap to clone: the owner is kept alive by counting.
#[derive(Debug, Clone)]
pub struct Memory {
    bytes: Buffer,
    mutable: bool,
    path: Option<Arc<Path>>,
}

impl Memory {
    /// Takes bytes that cannot change while anybody holds them, as is true of any `Buffer` that safe code
    /// makes.
    pub fn new(bytes: Buffer) -> Self {
        Self { bytes, mutable: false, path: None }
    }

    /// Takes bytes that others may write to, such as the memory of a Python `bytearray`.
    ///
    /// What is parsed is copied first, and Arrow arrays get copies; NumPy arrays may share.
    pub fn mutable(bytes: Buffer) -> Self {
        Self { bytes, mutable: true, path: None }
    }

    /// Sets the file that the bytes are from, for errors to name.
    #[must_use]
    pub fn with_path(self, path: &Path) -> Self {
        Self { path: Some(Arc::from(path)), ..self }
    }

    /// Returns the file that the bytes are from, if it is known.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns a part that is known to lie within; nothing if it does not.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.bytes.len());
        let start = range.start.min(end);
        Self { bytes: self.bytes.slice_with_length(start, end.saturating_sub(start)), ..self.clone() }
    }

    /// Returns a part, or an error if it does not lie within.
    pub(crate) fn slice_checked(&self, range: &Range<u64>) -> Result<Self> {
        let len = slice(&self.bytes, range)?.len();
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        debug_assert!(to_u64(start) == range.start, "a range within a slice");
        Ok(self.slice(start..start.saturating_add(len)))
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &Buffer {
        &self.bytes
    }

    /// True if others may write to the bytes.
    pub fn is_mutable(&self) -> bool {
        self.mutable
    }
}
