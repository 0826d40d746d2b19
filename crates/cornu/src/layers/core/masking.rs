//! Steps to leave out.
use crate::layers::prelude::*;

/// Masks each step whose features all equal `mask_value`, and sets it to 0. Keras's `Masking`.
#[layer("keras.layers")]
pub struct Masking {
    /// The value of steps to leave out.
    #[default(0.0)]
    pub mask_value: f64,
}

impl Masking {
    fn present(&self, x: &Value) -> Value {
        x.not_equal(&x.scalar(self.mask_value)).any([-1])
    }
}

impl Layer for Masking {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        Ok(self.present(x).expand_dims(-1).select(x, &x.scalar(0.0)))
    }

    fn compute_mask(&self, _: &Call, inputs: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(vec![inputs.first().map(|x| self.present(x)); outputs.len()])
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
