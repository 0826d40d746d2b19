//! Keras for Rust.
pub mod data;
pub mod datasets;
