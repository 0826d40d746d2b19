//! Where probabilities become decisions.
use cornu_graph::{DType, Error, Result, Spec, Value, memory};
use serde::{Deserialize, Serialize};

/// One threshold or several, each from 0 to 1. With several, a metric gives one number for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or a list of them")]
pub enum Thresholds {
    /// One.
    One(f64),
    /// Several.
    Several(Vec<f64>),
}

impl Thresholds {
    /// All of them.
    pub fn as_slice(&self) -> &[f64] {
        match self {
            Thresholds::One(threshold) => std::slice::from_ref(threshold),
            Thresholds::Several(thresholds) => thresholds,
        }
    }
}

impl From<f64> for Thresholds {
    fn from(threshold: f64) -> Self {
        Thresholds::One(threshold)
    }
}

impl From<Vec<f64>> for Thresholds {
    fn from(thresholds: Vec<f64>) -> Self {
        Thresholds::Several(thresholds)
    }
}

impl<const N: usize> From<[f64; N]> for Thresholds {
    fn from(thresholds: [f64; N]) -> Self {
        Thresholds::Several(thresholds.to_vec())
    }
}

/// The thresholds given, or the default.
///
/// # Errors
/// When one is not between 0 and 1.
pub(super) fn thresholds(given: &Option<Thresholds>, default: f64) -> Result<Vec<f64>> {
    let Some(given) = given else { return Ok(vec![default]) };
    in_range(given.as_slice())?;
    Ok(given.as_slice().to_vec())
}

/// # Errors
/// When one is not between 0 and 1, or there is none.
pub(super) fn in_range(thresholds: &[f64]) -> Result<()> {
    if thresholds.is_empty() || !thresholds.iter().all(|t| (0.0..=1.0).contains(t)) {
        return Err(Error::argument("thresholds", format!("must be in [0, 1], got {thresholds:?}")));
    }
    Ok(())
}

/// `count` thresholds from 0 to 1, or 1/2 alone.
///
/// # Errors
/// When there is no memory for so many.
pub(super) fn even(count: usize) -> Result<Vec<f64>> {
    memory::room(&Spec::new(DType::F64, [count]))?;
    Ok(if count == 1 { vec![0.5] } else { (0..count).map(|i| i as f64 / (count - 1) as f64).collect() })
}

/// The number for one threshold, or the numbers for several.
pub(super) fn single(values: &Value) -> Value {
    if values.shape() == [1] { values.squeeze(0) } else { values.clone() }
}
