//! What layers share that change images while training.
use super::geometry::ImageAxes;
use crate::arguments::{DataFormat, Padding};
use crate::layers::Call;
use crate::layers::convolutional::{channels_last, convolve, restore_channels};
use cornu_graph::{Error, Result, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name that Keras saves the state of a layer's random generator under.
pub(super) const SEED: &str = "generator/seed_generator_state";

/// The least and the largest of the values that a layer draws from, both within `LOW..=HIGH`. A single number `x` stands
/// for `-x..=x`, as far as that is within.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "RawFactor", into = "(End, f64)")]
pub struct Factor<const LOW: i64, const HIGH: i64>([f64; 2]);

/// Keras's bound below is a whole number.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
enum End {
    Bound(i64),
    Given(f64),
}

impl<const LOW: i64, const HIGH: i64> From<Factor<LOW, HIGH>> for (End, f64) {
    fn from(factor: Factor<LOW, HIGH>) -> (End, f64) {
        let [a, b] = factor.0;
        (if a == LOW as f64 { End::Bound(LOW) } else { End::Given(a) }, b)
    }
}

/// A number or the ends of a range, as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or two")]
pub enum RawFactor {
    /// A number, for a range around 0.
    One(f64),
    /// The ends.
    Ends([f64; 2]),
}

impl From<f64> for RawFactor {
    fn from(x: f64) -> RawFactor {
        RawFactor::One(x)
    }
}

impl From<(f64, f64)> for RawFactor {
    fn from((a, b): (f64, f64)) -> RawFactor {
        RawFactor::Ends([a, b])
    }
}

impl fmt::Display for RawFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RawFactor::One(x) => write!(f, "{x}"),
            RawFactor::Ends([a, b]) => write!(f, "({a}, {b})"),
        }
    }
}

impl RawFactor {
    /// The ends, which must be within `low..=high`.
    pub(super) fn within(&self, what: &str, low: f64, high: f64) -> Result<[f64; 2]> {
        let [a, b] = match *self {
            RawFactor::One(x) => [-x.abs(), x.abs()],
            // A NaN is no smaller and no larger: it must not vanish here.
            RawFactor::Ends([a, b]) if a > b => [b, a],
            RawFactor::Ends(ends) => ends,
        };
        if a >= low && b <= high {
            return Ok([a, b]);
        }
        Err(Error::argument(what, format!("must be within {low} and {high}, got {self}")))
    }
}

impl<const LOW: i64, const HIGH: i64> Factor<LOW, HIGH> {
    /// The ends, which must be within the bounds.
    pub(super) fn ends(&self, what: &str) -> Result<[f64; 2]> {
        RawFactor::Ends(self.0).within(what, LOW as f64, HIGH as f64)
    }
}

impl<const LOW: i64, const HIGH: i64> From<RawFactor> for Factor<LOW, HIGH> {
    fn from(raw: RawFactor) -> Self {
        match raw {
            // Zero is never minus zero here.
            RawFactor::One(x) => Factor([(-x.abs()).max(LOW as f64) + 0.0, x.abs()]),
            RawFactor::Ends([a, b]) if a > b => Factor([b, a]),
            RawFactor::Ends(ends) => Factor(ends),
        }
    }
}

impl<const LOW: i64, const HIGH: i64> From<f64> for Factor<LOW, HIGH> {
    fn from(x: f64) -> Self {
        RawFactor::One(x).into()
    }
}

impl<const LOW: i64, const HIGH: i64> From<(f64, f64)> for Factor<LOW, HIGH> {
    fn from(ends: (f64, f64)) -> Self {
        RawFactor::from(ends).into()
    }
}

impl<const LOW: i64, const HIGH: i64> From<Factor<LOW, HIGH>> for [f64; 2] {
    fn from(factor: Factor<LOW, HIGH>) -> [f64; 2] {
        factor.0
    }
}

/// A batch of images that a layer changes, in its dtype.
pub(super) struct Images<'a> {
    pub cx: &'a Call<'a>,
    pub x: Value,
    pub axes: ImageAxes,
}

impl Images<'_> {
    /// The number of images.
    pub fn count(&self) -> usize {
        self.x.dim(0)
    }

    /// Numbers from one end to the other, of any shape.
    pub fn uniform(&self, [low, high]: [f64; 2], shape: &[usize]) -> Result<Value> {
        let drawn = self.cx.random(|state| state.random_uniform(shape))?;
        Ok((drawn * (high - low) + low).cast(self.cx.dtype()))
    }

    /// A number for each image, `(batch, 1, 1, 1)`.
    pub fn each(&self, ends: [f64; 2]) -> Result<Value> {
        self.uniform(ends, &[self.count(), 1, 1, 1])
    }

    /// Each channel seen through a window of weights (`(rows, columns)`), with zeros around the image.
    pub fn filter(&self, kernel: &Value, format: &DataFormat) -> Result<Value> {
        let x = channels_last(&self.x, format)?;
        let channels = x.dim(-1);
        let kernel = kernel.expand_dims(-1).expand_dims(-1);
        let kernel = kernel.broadcast_to(&[kernel.dim(0), kernel.dim(1), 1, channels]);
        let y = convolve(&x, &kernel, &[1, 1], &Padding::Same, &[1, 1], channels)?;
        Ok(restore_channels(&y, format))
    }

    /// For each image, whether something happens whose probability is itself drawn.
    pub fn chosen(&self, probability: [f64; 2]) -> Result<Value> {
        let probability = self.each(probability)?;
        Ok(self.each([0.0, 1.0])?.lt(&probability))
    }
}

/// In training, what `change` makes of the images; else the images. Both in the dtype of the layer.
pub(super) fn augment(
    cx: &Call,
    x: &Value,
    format: &DataFormat,
    change: impl FnOnce(&Images) -> Result<Value>,
) -> Result<Value> {
    ImageAxes::of(x, format)?;
    let x = x.cast(cx.dtype());
    if !cx.training() {
        return Ok(x);
    }
    let is_batch = x.rank() == 4;
    let batch = if is_batch { x } else { x.expand_dims(0) };
    let axes = ImageAxes::of(&batch, format)?;
    let y = change(&Images { cx, x: batch, axes })?.cast(cx.dtype());
    Ok(if is_batch { y } else { y.squeeze(0) })
}

/// `x` from one range of numbers to another.
pub(super) fn rescale(x: &Value, from: [f64; 2], to: [f64; 2]) -> Value {
    if from == to {
        return x.clone();
    }
    let scale = (to[1] - to[0]) / (from[1] - from[0]);
    (x - from[0]) * scale + to[0]
}

/// Fails unless the range of pixel values rises.
pub(super) fn rising(value_range: [f64; 2]) -> Result<[f64; 2]> {
    if value_range[0] < value_range[1] {
        return Ok(value_range);
    }
    Err(Error::argument("value_range", format!("must rise, got {value_range:?}")))
}

/// Why a layer cannot train.
pub(super) fn only_inference(cx: &Call, class: &str, why: &str) -> Result<()> {
    if !cx.training() {
        return Ok(());
    }
    let error = Error::State(format!("{class} cannot be used in training here: {why}"));
    Err(error.help("it is the identity in `predict` and `evaluate`; augment the data before `fit`"))
}
