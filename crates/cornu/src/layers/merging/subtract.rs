//! Difference of two inputs.
use super::{any_mask, merge};
use crate::layers::prelude::*;

/// The first input minus the second. Shapes broadcast. Keras's `Subtract`.
#[layer("keras.layers")]
pub struct Subtract {}

impl Layer for Subtract {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        super::build_config(inputs)
    }

    fn call_many(&self, _: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        if inputs.len() != 2 {
            return Err(Error::argument("inputs", format!("takes exactly two inputs, got {}", inputs.len())));
        }
        merge(inputs, |a, b| a - b)
    }

    fn compute_mask(&self, cx: &Call, _: &[Value], _: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(any_mask(cx))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
