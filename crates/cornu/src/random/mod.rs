//! Random tensors on the host. Keras's `keras.random`.
//!
//! Seeds are numbers or [`SeedGenerator`]s. Without one, it is drawn from what
//! [`set_random_seed`](crate::utils::set_random_seed) set. The same seed gives the same numbers on every machine; they are not
//! those of Keras, which differ between its backends too. Floats are float32 unless a dtype is given.
//!
//! Within layers, [`Call::random`](crate::layers::Call::random) draws by the same methods of
//! [`Value`](cornu_graph::Value): `random_normal`, `random_gamma`, ...
mod distributions;
mod order;
mod seed_generator;

pub use distributions::{beta, binomial, categorical, gamma, normal, randint, truncated_normal, uniform};
pub use order::{dropout, shuffle};
pub use seed_generator::{Seed, SeedGenerator};
