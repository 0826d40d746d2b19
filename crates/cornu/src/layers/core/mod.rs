//! Core layers.
mod input_layer;

pub use input_layer::{Input, InputLayer};
