//! Smallest of inputs.
use super::{any_mask, merge_masked};
use crate::layers::prelude::*;

/// The smallest of its inputs, element by element, of those that the masks keep. Shapes broadcast. Keras's `Minimum`.
#[layer("keras.layers")]
pub struct Minimum {}

impl Layer for Minimum {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        super::build_config(inputs)
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        merge_masked(cx, inputs, Value::minimum)
    }

    fn compute_mask(&self, cx: &Call, _: &[Value], _: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(any_mask(cx))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
