//! Sum of inputs.
use super::{any_mask, merge};
use crate::layers::prelude::*;

/// The sum of its inputs. Shapes broadcast. Keras's `Add`.
#[layer("keras.layers")]
pub struct Add {}

impl Layer for Add {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        super::build_config(inputs)
    }

    fn call_many(&self, _: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        merge(inputs, |a, b| a + b)
    }

    fn compute_mask(&self, cx: &Call, _: &[Value], _: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(any_mask(cx))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
