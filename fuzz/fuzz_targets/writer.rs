//! See `npzarrow_fuzz::writer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| npzarrow_fuzz::writer::run(data));
