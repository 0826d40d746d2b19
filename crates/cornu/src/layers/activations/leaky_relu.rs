//! Leaky rectified linear unit.
use crate::activations::leaky_relu;
use crate::layers::checks::not_negative;
use crate::layers::prelude::*;
use crate::ops::dtypes::float;

/// `x` where `x >= 0`, `negative_slope * x` elsewhere. Keras's `LeakyReLU`.
#[layer("keras.layers")]
pub struct LeakyReLU {
    /// Slope below 0.
    #[default(0.3)]
    pub negative_slope: f64,
}

impl Layer for LeakyReLU {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        not_negative("LeakyReLU.negative_slope", self.negative_slope)?;
        Ok(leaky_relu(&float(x), self.negative_slope))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
