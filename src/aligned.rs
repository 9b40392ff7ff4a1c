//! Memory for payloads: aligned to 64 bytes, allocated with an error instead of an abort, and in huge pages
//! where that pays.

use std::collections::TryReserveError;

use arrow_buffer::Buffer;

use crate::checksum::copy_with_crc32;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::BLOCK_LEN;
#[cfg(feature = "mmap")]
use crate::limits::HUGE_PAGE_MIN;

/// What Arrow recommends for the address of a buffer.
const ALIGNMENT: usize = 64;

/// Owned bytes that begin at a multiple of 64.
///
/// From 4 MiB on they lie in a map of their own, which the kernel is advised to back with huge pages (Linux):
/// that makes touching them for the first time four times faster. Below, the allocator is faster, since
/// it hands out memory that was touched before.
#[derive(Debug)]
pub struct AlignedBuf(Storage);

#[derive(Debug)]
enum Storage {
    /// The bytes begin at `start`, the first aligned address.
    Heap { bytes: Vec<u8>, start: usize },
    #[cfg(feature = "mmap")]
    Map { map: memmap2::MmapMut, len: usize },
}

impl AlignedBuf {
    /// Allocates bytes that are to be overwritten.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Allocation`].
    pub fn zeroed(len: usize) -> Result<Self> {
        #[cfg(feature = "mmap")]
        if let Some(storage) = map(len)? {
            return Ok(Self(storage));
        }
        let (mut bytes, start) = reserve(len)?;
        bytes.resize(start.saturating_add(len), 0);
        Ok(Self(Storage::Heap { bytes, start }))
    }

    /// Copies bytes, and returns the CRC-32 of them if `verify` asks for it, in the same pass.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Allocation`].
    pub fn copy_of(from: &[u8], verify: bool, threads: usize) -> Result<(Self, u32)> {
        #[cfg(feature = "mmap")]
        if let Some(storage) = map(from.len())? {
            let mut to = Self(storage);
            let crc32 = copy_with_crc32(from, to.as_mut_slice(), threads);
            return Ok((to, crc32));
        }
        if from.len() >= threads.saturating_mul(BLOCK_LEN).saturating_mul(64) {
            let mut to = Self::zeroed(from.len())?;
            let crc32 = copy_with_crc32(from, to.as_mut_slice(), threads);
            return Ok((to, crc32));
        }
        // Appending leaves out the pass that would zero the memory first.
        let (mut bytes, start) = reserve(from.len())?;
        bytes.resize(start, 0);
        let mut hasher = crc32fast::Hasher::new();
        for block in from.chunks(BLOCK_LEN) {
            bytes.extend_from_slice(block);
            if verify {
                hasher.update(bytes.get(bytes.len().saturating_sub(block.len())..).unwrap_or_default());
            }
        }
        Ok((Self(Storage::Heap { bytes, start }), hasher.finalize()))
    }

    /// Returns the bytes.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Storage::Heap { bytes, start } => bytes.get(*start..).unwrap_or_default(),
            #[cfg(feature = "mmap")]
            Storage::Map { map, len } => map.get(..*len).unwrap_or_default(),
        }
    }

    /// Returns the bytes to write to.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Storage::Heap { bytes, start } => bytes.get_mut(*start..).unwrap_or_default(),
            #[cfg(feature = "mmap")]
            Storage::Map { map, len } => map.get_mut(..*len).unwrap_or_default(),
        }
    }

    /// Makes the bytes immutable and shared. Copies nothing.
    pub fn into_buffer(self) -> Buffer {
        match self.0 {
            Storage::Heap { bytes, start } => {
                let len = bytes.len().saturating_sub(start);
                Buffer::from_vec(bytes).slice_with_length(start, len)
            }
            #[cfg(feature = "mmap")]
            Storage::Map { map, len } => {
                Buffer::from(bytes::Bytes::from_owner(map)).slice_with_length(0, len)
            }
        }
    }
}

/// An empty vector with room for `len` bytes behind the first aligned one, which is returned, too.
fn reserve(len: usize) -> Result<(Vec<u8>, usize)> {
    let failed = |_: TryReserveError| Error::new(ErrorKind::Allocation { len: to_u64(len) });
    let mut bytes: Vec<u8> = Vec::new();
    bytes.try_reserve_exact(len.saturating_add(ALIGNMENT)).map_err(failed)?;
    let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    Ok((bytes, start))
}

#[cfg(feature = "mmap")]
fn map(len: usize) -> Result<Option<Storage>> {
    if len < HUGE_PAGE_MIN {
        return Ok(None);
    }
    let failed = |_| Error::new(ErrorKind::Allocation { len: to_u64(len) });
    // Rounded up, so that the last bytes get a huge page, too.
    let mapped = len.checked_next_multiple_of(2 << 20).unwrap_or(len);
    let map = memmap2::MmapMut::map_anon(mapped).map_err(failed)?;
    #[cfg(target_os = "linux")]
    {
        // A kernel without huge pages refuses, which costs speed only.
        let _unsupported = map.advise(memmap2::Advice::HugePage);
    }
    Ok(Some(Storage::Map { map, len }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_at_every_size() {
        for len in [0, 1, 63, 64, 65, 4095, 100_000, (4 << 20) - 1, 4 << 20, (4 << 20) + 1] {
            let mut zeroed = AlignedBuf::zeroed(len).unwrap();
            assert_eq!(zeroed.as_slice().as_ptr().align_offset(ALIGNMENT), 0, "{len}");
            assert!(zeroed.as_slice() == vec![0; len], "{len}");
            zeroed.as_mut_slice().fill(7);
            for threads in [1, 3] {
                let (copy, crc32) = AlignedBuf::copy_of(zeroed.as_slice(), true, threads).unwrap();
                assert_eq!(crc32, crc32fast::hash(&vec![7; len]));
                assert_eq!(copy.as_slice().as_ptr().align_offset(ALIGNMENT), 0, "{len}");
                let address = copy.as_slice().as_ptr();
                let buffer = copy.into_buffer();
                assert_eq!((buffer.as_ptr(), buffer.len()), (address, len));
                assert!(buffer.as_slice() == vec![7; len]);
            }
        }
        let text = AlignedBuf::zeroed(usize::MAX / 2).unwrap_err().to_string();
        assert_eq!(text, format!("cannot allocate {} bytes", usize::MAX / 2));
    }
}
