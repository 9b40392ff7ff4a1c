//! Bytes in memory, and whether anybody may still change them.

use arrow_buffer::Buffer;

/// Bytes that arrays may share. Cheap to clone: the owner is kept alive by counting.
#[derive(Debug, Clone)]
pub struct Memory {
    bytes: Buffer,
    mutable: bool,
}

impl Memory {
    /// Takes bytes that cannot change while anybody holds them, as is true of any `Buffer` that safe code
    /// makes.
    pub fn new(bytes: Buffer) -> Self {
        Self { bytes, mutable: false }
    }

    /// Takes bytes that others may write to, such as the memory of a Python `bytearray`.
    ///
    /// What is parsed is copied first, and Arrow arrays get copies; NumPy arrays may share.
    pub fn mutable(bytes: Buffer) -> Self {
        Self { bytes, mutable: true }
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
