//! Rectified linear unit.
use crate::activations::relu;
use crate::layers::checks::not_negative;
use crate::layers::prelude::*;
use crate::ops::dtypes::float;

/// Rectified linear unit, in its general form: `min(x, max_value)` above `threshold`, `negative_slope * (x - threshold)`
/// below. Keras's `ReLU`.
#[layer("keras.layers")]
pub struct ReLU {
    /// The largest output; null for none.
    #[default(None)]
    pub max_value: Option<f64>,
    /// Slope below the threshold.
    #[default(0.0)]
    pub negative_slope: f64,
    /// Where the unit opens.
    #[default(0.0)]
    pub threshold: f64,
}

impl Layer for ReLU {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        not_negative("ReLU.max_value", self.max_value.unwrap_or(0.0))?;
        not_negative("ReLU.negative_slope", self.negative_slope)?;
        not_negative("ReLU.threshold", self.threshold)?;
        let (slope, max, threshold) = (self.negative_slope, self.max_value, self.threshold);
        // Keras has another way for 6, which gives floats.
        if x.dtype().is_float() || slope != 0.0 || (threshold == 0.0 && max == Some(6.0)) {
            return Ok(relu(&float(x), slope, max, threshold));
        }
        // Whole numbers stay what they are, and make the limits whole; what a bool is compared with becomes a bool.
        let (x, threshold) = match x.dtype() {
            DType::Bool => (x.cast(DType::I32), f64::from(threshold != 0.0)),
            _ => (x.clone(), threshold.trunc()),
        };
        let y = relu(&x, 0.0, None, threshold);
        Ok(match max {
            Some(max) => y.minimum(&y.scalar(max.trunc())),
            None => y,
        })
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
