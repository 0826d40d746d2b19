//! Inputs side by side.
use super::spread;
use crate::layers::prelude::*;

/// Its inputs one after the other along `axis`. Keras's `Concatenate`.
///
/// ```
/// use cornu::prelude::*;
/// let (a, b) = (Input::new([4]).tensor(), Input::new([3]).tensor());
/// assert_eq!(Concatenate::new().apply([&a, &b]).shape().to_string(), "(None, 7)");
/// ```
#[layer("keras.layers")]
pub struct Concatenate {
    /// The axis, counted from the end when negative; the last by default.
    #[default(-1)]
    pub axis: i64,
}

impl Layer for Concatenate {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        super::build_config(inputs)
    }

    fn call_many(&self, _: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        if inputs.is_empty() {
            return Err(Error::argument("inputs", "takes at least one input, got none"));
        }
        Ok(vec![Value::concat(&inputs.iter().collect::<Vec<_>>(), self.axis)])
    }

    fn compute_mask(&self, cx: &Call, inputs: &[Value], _: &[Value]) -> Result<Vec<Option<Value>>> {
        if cx.masks().iter().all(Option::is_none) {
            return Ok(vec![None]);
        }
        let whole = |(x, mask): (&Value, &Option<Value>)| match mask {
            Some(mask) if mask.rank() < x.rank() => spread(mask, x),
            Some(mask) => mask.clone(),
            None => x.builder().constant(Tensor::scalar(true)).broadcast_to(x.shape()),
        };
        let masks: Vec<Value> = inputs.iter().zip(cx.masks()).map(whole).collect();
        Ok(vec![Some(Value::concat(&masks.iter().collect::<Vec<_>>(), self.axis).any([-1]))])
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
