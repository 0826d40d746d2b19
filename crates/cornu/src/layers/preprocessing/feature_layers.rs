//! Layers that Keras makes for a `FeatureSpace`, and does not export.
use crate::layers::prelude::*;

/// Numbers of a column as they are. Models on a [`FeatureSpace`](crate::utils::FeatureSpace) have it.
#[layer("keras.src.layers.preprocessing.feature_space", order(name, dtype, trainable))]
pub struct TFDIdentity {}

impl Layer for TFDIdentity {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        Ok(x.clone())
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}

/// Features side by side. Models on a [`FeatureSpace`](crate::utils::FeatureSpace) have it.
#[layer("keras.src.layers.preprocessing.feature_space", order(name, axis, trainable, dtype))]
pub struct TFDConcat {
    /// The axis, counted from the end when negative.
    pub axis: i64,
}

impl Layer for TFDConcat {
    fn call_many(&self, _: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        if inputs.is_empty() {
            return Err(Error::argument("inputs", "takes at least one input, got none"));
        }
        Ok(vec![Value::concat(&inputs.iter().collect::<Vec<_>>(), self.axis)])
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}
