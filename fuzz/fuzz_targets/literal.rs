//! See `npzarrow_fuzz::literal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| npzarrow_fuzz::literal::run(data));
