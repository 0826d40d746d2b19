//! A layer that does nothing.
use crate::layers::prelude::*;

/// The input as it is. Keras's `Identity`.
#[layer("keras.layers")]
pub struct Identity {}

impl Layer for Identity {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        Ok(x.clone())
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
