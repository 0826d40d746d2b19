//! Keras's `utils`: seeds and names.
pub(crate) mod allowance;
mod arrays;
pub(crate) mod atomic;
pub(crate) mod naming;
pub(crate) mod numerical;
mod seed;

pub use crate::object::get_registered_object;
pub use arrays::{normalize, pad_sequences, to_categorical};
pub use naming::clear_session;
pub(crate) use seed::next_seed;
pub use seed::set_random_seed;
