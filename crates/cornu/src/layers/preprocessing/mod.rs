//! Layers that bring data into shape.
mod adapt;
mod category_encoding;
mod discretization;
mod encoding;
mod image;
mod integer_lookup;
mod mel_spectrogram;
mod normalization;
mod numbers;
mod pipeline;
mod quantiles;
mod rescaling;
mod stft_spectrogram;

pub use adapt::Adapt;
pub use category_encoding::CategoryEncoding;
pub use discretization::Discretization;
pub use encoding::OutputMode;
pub use image::*;
pub use integer_lookup::IntegerLookup;
pub use mel_spectrogram::MelSpectrogram;
pub use normalization::Normalization;
pub use numbers::Numbers;
pub use pipeline::Pipeline;
pub use rescaling::Rescaling;
pub use stft_spectrogram::{STFTSpectrogram, SpectrogramMode};
