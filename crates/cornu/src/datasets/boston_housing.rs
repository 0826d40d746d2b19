//! Prices of houses around Boston. Keras module: `keras.datasets.boston_housing`.
use super::{TrainTest, housing};
use cornu_graph::Result;

/// Keras's published hash of `boston_housing.npz`.
const SHA256: &str = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5";

/// 506 districts: 13 numbers each, `float64` `[n, 13]`, and the median price in thousands of dollars, `float64` `[n]`; a fifth
/// for testing.
///
/// Source: D. Harrison and D. Rubinfeld, *Hedonic prices and the demand for clean air* (Journal of Environmental Economics and
/// Management 5, 1978). One column counts people by race: a data set to learn from its faults, too.
///
/// # Errors
/// When the file is not there and cannot be downloaded, or is not what it should be.
pub fn load_data() -> Result<TrainTest> {
    load_data_split(housing::TEST_SPLIT, housing::SEED)
}

/// [`load_data`] with Keras's arguments: the part of the samples for testing, and the seed of their order.
///
/// # Errors
/// As [`load_data`]; when the part is not between 0 and 1.
pub fn load_data_split(test_split: f64, seed: u32) -> Result<TrainTest> {
    housing::load("boston_housing.npz", SHA256, usize::MAX, test_split, seed)
}
