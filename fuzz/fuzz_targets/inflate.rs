//! See `npzarrow_fuzz::inflate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| npzarrow_fuzz::inflate::run(data));
