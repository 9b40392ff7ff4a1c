//! How much memory a call takes at its peak, counted by the allocator.
#![expect(unsafe_code, reason = "an allocator is unsafe by its trait; this one only counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Bytes that this thread holds. It may free what another one allocated, hence the sign.
    static CURRENT: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: i64) {
    let current = CURRENT.get().saturating_add(bytes);
    CURRENT.set(current);
    if current > PEAK.get() {
        PEAK.set(current);
    }
}

fn size(layout: Layout) -> i64 {
    i64::try_from(layout.size()).unwrap_or(i64::MAX)
}

// SAFETY: everything is left to `System`, whose promises these are. Counting does not allocate: the cells are
// initialised by the compiler and have no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(size(layout).saturating_neg());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(i64::try_from(new_size).unwrap_or(i64::MAX).saturating_sub(size(layout)));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Runs a job on this thread; returns its result and how many bytes it held at its peak beyond those before.
pub(crate) fn peak_of<T>(job: impl FnOnce() -> T) -> (T, u64) {
    let before = CURRENT.get();
    PEAK.set(before);
    let result = job();
    (result, u64::try_from(PEAK.get().saturating_sub(before)).unwrap_or(0))
}

/// Runs a job that may hold at most so many bytes at its peak.
pub(crate) fn within<T>(limit: u64, what: &str, job: impl FnOnce() -> T) -> T {
    let (result, peak) = peak_of(job);
    assert!(peak <= limit, "{what} took {peak} bytes of memory; {limit} are justified");
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_peak() {
        let (len, peak) = peak_of(|| {
            drop(vec![1_u8; 5000]);
            vec![1_u8; 3000].len()
        });
        assert_eq!((len, peak), (3000, 5000));
    }

    #[test]
    #[should_panic(expected = "it took 5000 bytes of memory; 4999 are justified")]
    fn too_much() {
        within(4999, "it", || vec![1_u8; 5000]);
    }
}
