//! See `npzarrow_fuzz::header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| npzarrow_fuzz::header::run(data));
