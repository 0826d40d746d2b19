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
        let plain = self.negative_slope == 0.0 && self.max_value.is_none();
        let x = if plain { x.clone() } else { float(x) };
        Ok(relu(&x, self.negative_slope, self.max_value, self.threshold))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
