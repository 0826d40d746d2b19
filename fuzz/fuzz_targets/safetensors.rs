//! Weights in `.safetensors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cornu_fuzz::targets::safetensors(data));
