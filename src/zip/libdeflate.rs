//! libdeflate, by way of the one of its functions that tells how much input it took, and of the one that deflates.
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
    libdeflate_alloc_compressor, libdeflate_alloc_decompressor, libdeflate_compressor,
    libdeflate_decompressor, libdeflate_deflate_compress, libdeflate_deflate_compress_bound,
    libdeflate_deflate_decompress_ex, libdeflate_free_compressor, libdeflate_free_decompressor,
    libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE, libdeflate_result_LIBDEFLATE_SUCCESS,
};

thread_local! {
    /// Allocating one takes as long as inflating a small member.
    static DECOMPRESSOR: RefCell<Option<Decompressor>> = const { RefCell::new(None) };
    /// The last one that was used on this thread, and its level.
    static COMPRESSOR: RefCell<Option<(u8, Compressor)>> = const { RefCell::new(None) };
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

/// Deflates a slice in one call; appends to `output`, in room that is reserved first. False if there is no memory.
pub(super) fn deflate(input: &[u8], level: u8, output: &mut Vec<u8>) -> bool {
    COMPRESSOR.with_borrow_mut(|compressor| {
        if compressor.as_ref().is_none_or(|(known, _)| *known != level) {
            *compressor = Compressor::new(level).map(|made| (level, made));
        }
        compressor.as_mut().is_some_and(|(_, compressor)| compressor.deflate(input, output))
    })
}

/// An owned `libdeflate_compressor`. Not `Send`: it lives and dies on its thread.
struct Compressor(NonNull<libdeflate_compressor>);

impl Compressor {
    fn new(level: u8) -> Option<Self> {
        // SAFETY: the function takes a number and returns a new object, or null for a level that does not exist.
        let pointer = unsafe { libdeflate_alloc_compressor(level.into()) };
        NonNull::new(pointer).map(Self)
    }

    fn deflate(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        // SAFETY: the compressor is alive and exclusively borrowed; the function computes a number.
        let bound = unsafe { libdeflate_deflate_compress_bound(self.0.as_ptr(), input.len()) };
        let before = output.len();
        if output.try_reserve_exact(bound).is_err() {
            return false;
        }
        output.resize(before.saturating_add(bound), 0);
        let room = output.get_mut(before..).unwrap_or_default();
        // SAFETY: the compressor is alive and exclusively borrowed; the two slices are valid for reads and for
        // writes of their lengths, and do not overlap since one of them is exclusive. libdeflate writes at most
        // `room.len()` bytes and keeps no pointer.
        let len = unsafe {
            libdeflate_deflate_compress(
                self.0.as_ptr(),
                input.as_ptr().cast(),
                input.len(),
                room.as_mut_ptr().cast(),
                room.len(),
            )
        };
        output.truncate(before.saturating_add(len));
        // Nothing is no DEFLATE stream; it would mean that there was not enough room.
        len > 0
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // SAFETY: the pointer came from libdeflate_alloc_compressor and is freed only here.
        unsafe { libdeflate_free_compressor(self.0.as_ptr()) }
    }
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
