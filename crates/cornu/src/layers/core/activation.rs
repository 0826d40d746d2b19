//! An activation as a layer.
use crate::activations;
use crate::layers::prelude::*;

/// Applies an activation function. Keras's `Activation`.
#[layer("keras.layers")]
pub struct Activation {
    /// The function, by name or as [`activations::Activation::custom`].
    pub activation: activations::Activation,
}

impl Layer for Activation {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        Ok(self.activation.call(x))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
