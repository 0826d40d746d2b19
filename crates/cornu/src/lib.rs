//! Keras for Rust.
// Macros name this crate `::cornu`, inside of it too.
extern crate self as cornu;

pub mod activations;
pub mod constraints;
pub mod data;
pub mod datasets;
pub mod initializers;
pub mod object;
pub mod regularizers;

pub use cornu_derive::{config, layer};
pub use cornu_graph::{Error, Result};
pub use object::KerasObject;

/// What `#[config]` and `#[layer]` write calls.
#[doc(hidden)]
pub mod __private {
    pub use crate::object::Fields;
    pub use serde;
}
