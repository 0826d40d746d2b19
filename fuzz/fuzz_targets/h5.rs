//! A whole model, or weights, in `.h5`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cornu_fuzz::targets::h5(data));
