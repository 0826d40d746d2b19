//! The config of a model as JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cornu_fuzz::targets::config(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    cornu_fuzz::change_config(data, size, max_size, seed)
});
