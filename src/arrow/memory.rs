//! Where copies go: fresh memory aligned to 64 bytes, in huge pages where it is large.

use arrow_buffer::{ArrowNativeType, Buffer, MutableBuffer, ScalarBuffer};
#[cfg(feature = "mmap")]
use bytes::Bytes;
#[cfg(all(feature = "mmap", target_os = "linux"))]
use memmap2::Advice;
#[cfg(feature = "mmap")]
use memmap2::MmapMut;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::HUGE_PAGE_MIN;

/// Makes a buffer of `len` bytes and has `write` fill it. The bytes are zero before.
///
/// Large memory comes fresh from the system, which has zeroed it: 4 KiB pages would cost four times what
/// writing them does.
pub(super) fn fill(len: usize, write: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Buffer> {
    #[cfg(feature = "mmap")]
    if len >= HUGE_PAGE_MIN {
        let mut map = MmapMut::map_anon(len).map_err(|_| no_memory(len))?;
        #[cfg(target_os = "linux")]
        // Without huge pages it only takes longer.
        map.advise(Advice::HugePage).ok();
        write(&mut map)?;
        return Ok(Buffer::from(Bytes::from_owner(map)));
    }
    reserve_check(len)?;
    let mut buffer = MutableBuffer::from_len_zeroed(len);
    write(buffer.as_slice_mut())?;
    Ok(buffer.into())
}

/// Fails if there is no memory for `len` more bytes; arrow's own buffers would end the process.
pub(super) fn reserve_check(len: usize) -> Result<()> {
    let mut probe = Vec::<u8>::new();
    if len < HUGE_PAGE_MIN || probe.try_reserve_exact(len).is_ok() { Ok(()) } else { Err(no_memory(len)) }
}

/// Copies bytes into fresh memory.
pub(super) fn copied(bytes: &[u8]) -> Result<Buffer> {
    fill(bytes.len(), |out| {
        out.copy_from_slice(bytes);
        Ok(())
    })
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

/// Returns a length as errors want it.
pub(super) fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cold]
fn no_memory(len: usize) -> Error {
    Error::new(ErrorKind::Allocation { len: to_u64(len) })
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
