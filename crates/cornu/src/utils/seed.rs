//! The seed that all unseeded randomness starts from.
use cornu_graph::philox::Generator;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    static SEEDS: RefCell<Generator> = RefCell::new(Generator::new(from_clock()));
}

fn from_clock() -> u64 {
    // Only has to differ from run to run.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(32)
}

/// Makes everything random that this thread starts from now on (initial weights, shuffling, dropout) repeat, bit for
/// bit, on any number of threads. Keras's `keras.utils.set_random_seed`.
pub fn set_random_seed(seed: u64) {
    SEEDS.with_borrow_mut(|seeds| *seeds = Generator::new(seed));
}

/// A fresh seed for one layer, initializer or shuffle.
pub(crate) fn next_seed() -> u64 {
    SEEDS.with_borrow_mut(Generator::next_u64)
}
