//! Product of inputs.
use super::{any_mask, same_rank, spread};
use crate::layers::prelude::*;

/// The product of its inputs, in which masked elements count as 1. Shapes broadcast. Keras's `Multiply`.
#[layer("keras.layers")]
pub struct Multiply {}

impl Layer for Multiply {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        super::build_config(inputs)
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let inputs = same_rank(inputs)?;
        let masks: Vec<Option<Value>> =
            inputs.iter().zip(cx.masks()).map(|(x, mask)| mask.as_ref().map(|m| spread(m, x))).collect();
        let present = |(x, mask): (&Value, &Option<Value>)| match mask {
            Some(mask) => mask.select(x, &x.scalar(1.0)),
            None => x.clone(),
        };
        let factors = inputs.iter().zip(&masks).map(present);
        let product = factors.reduce(|a, b| a * b).unwrap_or_else(|| inputs[0].clone());
        // What no input has is 0.
        let masks: Option<Vec<Value>> = masks.into_iter().collect();
        let any = masks.and_then(|masks| masks.into_iter().reduce(|a, b| a.or(&b)));
        Ok(vec![any.map_or(product.clone(), |any| any.select(&product, &product.scalar(0.0)))])
    }

    fn compute_mask(&self, cx: &Call, _: &[Value], _: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(any_mask(cx))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
