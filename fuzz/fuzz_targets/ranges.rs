//! See `npzarrow_fuzz::ranges`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| npzarrow_fuzz::ranges::run(data));
