//! A penalty on activations.
use crate::layers::prelude::*;
use crate::regularizers::L1L2;

/// The input as it is; its sum of absolute values and of squares, per sample, adds to the loss. Keras's
/// `ActivityRegularization`.
#[layer("keras.layers")]
pub struct ActivityRegularization {
    /// Factor of the absolute values.
    #[default(0.0)]
    pub l1: f64,
    /// Factor of the squares.
    #[default(0.0)]
    pub l2: f64,
}

impl Layer for ActivityRegularization {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        Ok(x.clone())
    }

    fn output_penalty(&self) -> Option<Regularizer> {
        Some(L1L2::new().l1(self.l1).l2(self.l2).into())
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
