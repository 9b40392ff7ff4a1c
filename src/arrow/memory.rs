//! Where copies go: fresh memory aligned to 64 bytes, in huge pages where it is large.

use arrow_buffer::{ArrowNativeType, Buffer, ScalarBuffer};

use crate::aligned::AlignedBuf;
pub(super) use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};

/// Makes a buffer of `len` bytes and has `write` fill it. The bytes are zero before.
pub(super) fn fill(len: usize, write: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Buffer> {
    let mut buffer = AlignedBuf::zeroed(len)?;
    write(buffer.as_mut_slice())?;
    Ok(buffer.into_buffer())
}

/// Fails if there is no memory for `len` more bytes; arrow's own buffers would end the process.
pub(super) fn reserve_check(len: usize) -> Result<()> {
    let reserved = Vec::<u8>::new().try_reserve_exact(len);
    reserved.map_err(|_| Error::new(ErrorKind::Allocation { len: to_u64(len) }))
}

/// Copies bytes into fresh memory.
pub(super) fn copied(bytes: &[u8]) -> Result<Buffer> {
    Ok(AlignedBuf::copy_of(bytes, false, 1)?.0.into_buffer())
}

/// Shares bytes as numbers, or copies them if they are misaligned, for which arrow would panic.
pub(super) fn numbers<T: ArrowNativeType>(bytes: &Buffer) -> Result<ScalarBuffer<T>> {
    let is_aligned = bytes.as_ptr().align_offset(align_of::<T>()) == 0;
    Ok(ScalarBuffer::from(if is_aligned { bytes.clone() } else { copied(bytes)? }))
}

/// Returns a length as arrow-rs and Rust want it; what exceeds the address space has no memory.
pub(super) fn to_usize(len: u64) -> Result<usize> {
    usize::try_from(len).map_err(|_| Error::new(ErrorKind::Allocation { len }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_and_full() {
        for len in [0, 1, 63, 4096, (4 << 20) - 1, 4 << 20, (4 << 20) + 5] {
            let buffer = fill(len, |out| {
                out.fill(7);
                Ok(())
            })
            .unwrap();
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr().align_offset(64), 0, "{len}");
            assert!(buffer.iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn too_much_is_an_error() {
        let error = fill(usize::MAX >> 2, |_| Ok(())).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Allocation { .. }), "{error}");
    }

    #[test]
    fn shared_if_aligned() {
        let buffer = copied(&[1; 24]).unwrap();
        assert_eq!(numbers::<u64>(&buffer).unwrap().as_ptr().cast(), buffer.as_ptr());
        let behind = buffer.slice_with_length(3, 16);
        let numbers = numbers::<u64>(&behind).unwrap();
        assert_ne!(numbers.as_ptr().cast(), behind.as_ptr());
        assert_eq!(&numbers[..], [0x0101_0101_0101_0101; 2]);
    }
}
