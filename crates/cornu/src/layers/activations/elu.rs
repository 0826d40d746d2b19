//! Exponential linear unit.
use crate::activations::elu;
use crate::layers::prelude::*;
use crate::ops::dtypes::float;

/// `x` where `x > 0`, `alpha * (e^x - 1)` elsewhere. Keras's `ELU`.
#[layer("keras.layers", order(name, alpha, trainable, dtype))]
pub struct ELU {
    /// Minus the value that large negative inputs approach.
    #[default(1.0)]
    pub alpha: f64,
}

impl Layer for ELU {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        Ok(elu(&float(x), self.alpha))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
