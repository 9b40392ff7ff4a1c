//! See `npzarrow_fuzz::differential`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| npzarrow_fuzz::differential::run(data));
