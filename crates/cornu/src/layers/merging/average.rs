//! Mean of inputs.
use super::{any_mask, merge};
use crate::layers::prelude::*;

/// The mean of its inputs. Shapes broadcast. Keras's `Average`.
#[layer("keras.layers")]
pub struct Average {}

impl Layer for Average {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        super::build_config(inputs)
    }

    fn call_many(&self, _: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let sum = merge(inputs, |a, b| a + b)?.remove(0);
        let sum = if sum.dtype().is_float() { sum } else { sum.cast(DType::F32) };
        Ok(vec![sum / inputs.len()])
    }

    fn compute_mask(&self, cx: &Call, _: &[Value], _: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(any_mask(cx))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
