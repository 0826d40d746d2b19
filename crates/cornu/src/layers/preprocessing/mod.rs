//! Layers that bring data into shape.
mod numbers;
mod rescaling;

pub use numbers::Numbers;
pub use rescaling::Rescaling;
