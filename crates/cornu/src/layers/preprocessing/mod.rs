//! Layers that bring data into shape.
mod adapt;
mod normalization;
mod numbers;
mod rescaling;

pub use adapt::Adapt;
pub use normalization::Normalization;
pub use numbers::Numbers;
pub use rescaling::Rescaling;
