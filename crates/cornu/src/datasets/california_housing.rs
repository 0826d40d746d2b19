//! Prices of houses in California. Keras module: `keras.datasets.california_housing`.
use super::{TrainTest, housing};
use cornu_graph::{Error, Result};

/// Keras's published hash of `california_housing.npz`.
const SHA256: &str = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f";

/// 20,640 districts: 8 numbers each, `[n, 8]`, and the median price in dollars, `[n]`; a fifth for testing.
///
/// Source: R. K. Pace and R. Barry, *Sparse spatial autoregressions* (Statistics and Probability Letters 33, 1997).
///
/// # Errors
/// When the file is not there and cannot be downloaded, or is not what it should be.
pub fn load_data() -> Result<TrainTest> {
    load_data_split("large", housing::TEST_SPLIT, housing::SEED)
}

/// [`load_data`] with Keras's arguments: `"large"`, or `"small"` for the first 600 districts; the part of the samples for
/// testing; and the seed of their order.
///
/// # Errors
/// As [`load_data`]; when the word is another or the part not between 0 and 1.
pub fn load_data_split(version: &str, test_split: f64, seed: u32) -> Result<TrainTest> {
    let most = match version {
        "large" => usize::MAX,
        "small" => 600,
        _ => return Err(Error::unknown("version", version, ["small", "large"])),
    };
    housing::load("california_housing.npz", SHA256, most, test_split, seed)
}
