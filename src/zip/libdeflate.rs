//! libdeflate, by way of the one of its functions that tells how much input it took.
//!
//! The safe wrapper `libdeflater` does not offer it, and without it bytes behind the end of a stream, still
//! inside the member, would go unnoticed.
#![expect(
    unsafe_code,
    reason = "libdeflate is a C library; the safe wrapper lacks libdeflate_deflate_decompress_ex"
)]

use std::cell::RefCell;
use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_deflate_decompress_ex,
    libdeflate_free_decompressor, libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE,
    libdeflate_result_LIBDEFLATE_SUCCESS,
};

thread_local! {
    /// Allocating one takes as long as inflating a small member.
    static DECOMPRESSOR: RefCell<Option<Decompressor>> = const { RefCell::new(None) };
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It took and gave so many bytes.
    Done { consumed: usize, produced: usize },
    /// There is more output than room.
    OutputFull,
    /// It is no DEFLATE stream, or ends too soon.
    Invalid,
    /// There is no memory for the decompressor's tables.
    OutOfMemory,
}

/// Inflates one stream into a slice in one call.
pub(super) fn inflate(input: &[u8], output: &mut [u8]) -> Outcome {
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        if decompressor.is_none() {
            *decompressor = Decompressor::new();
        }
        decompressor.as_mut().map_or(Outcome::OutOfMemory, |decompressor| decompressor.inflate(input, output))
    })
}

/// An owned `libdeflate_decompressor`. Not `Send`: it lives and dies on its thread.
struct Decompressor(NonNull<libdeflate_decompressor>);

impl Decompressor {
    fn new() -> Option<Self> {
        // SAFETY: the function takes nothing and returns a new object or null.
        let pointer = unsafe { libdeflate_alloc_decompressor() };
        NonNull::new(pointer).map(Self)
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Outcome {
        let (mut consumed, mut produced) = (0, 0);
        // SAFETY: the decompressor is alive and exclusively borrowed; the two slices are valid for reads and
        // for writes of their lengths, and do not overlap since one of them is exclusive; the two counters
        // are valid for writes. libdeflate writes at most `output.len()` bytes and keeps no pointer.
        let result = unsafe {
            libdeflate_deflate_decompress_ex(
                self.0.as_ptr(),
                input.as_ptr().cast(),
                input.len(),
                output.as_mut_ptr().cast(),
                output.len(),
                &raw mut consumed,
                &raw mut produced,
            )
        };
        #[expect(non_upper_case_globals, reason = "the names of the C library")]
        match result {
            libdeflate_result_LIBDEFLATE_SUCCESS => Outcome::Done { consumed, produced },
            libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Outcome::OutputFull,
            _ => Outcome::Invalid,
        }
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: the pointer came from libdeflate_alloc_decompressor and is freed only here.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}
