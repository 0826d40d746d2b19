//! A `.keras` file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cornu_fuzz::targets::keras(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    cornu_fuzz::change_archive(data, size, max_size, seed)
});
