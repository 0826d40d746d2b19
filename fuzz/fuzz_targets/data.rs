//! A picture, a sound, an archive or a table.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cornu_fuzz::targets::data(data));
