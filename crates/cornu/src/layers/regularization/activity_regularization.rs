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
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let penalty = Regularizer::from(L1L2::new().l1(self.l1).l2(self.l2)).call(x)?;
        let samples = if x.rank() > 0 { x.dim(0).max(1) } else { 1 };
        cx.add_loss(&(penalty / samples));
        Ok(x.clone())
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
