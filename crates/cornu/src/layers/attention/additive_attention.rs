//! Attention by sums.
use super::attention::{PARAMETERS, apply_scores, check_count, output_masks};
use crate::layers::prelude::*;
use crate::layers::regularization::SEED;
use cornu_graph::ops::ReduceKind;

/// Each query's sum of values, weighted by a sum over tanh of query and key. Keras's `AdditiveAttention` (Bahdanau et al.,
/// 2015). Applied as [`Attention`](crate::layers::Attention).
///
/// ```
/// use cornu::prelude::*;
/// let (query, value) = (Input::new([4, 8]).tensor(), Input::new([6, 8]).tensor());
/// assert_eq!(AdditiveAttention::new().apply([&query, &value]).shape().to_string(), "(None, 4, 8)");
/// ```
#[layer("keras.layers")]
pub struct AdditiveAttention {
    /// Whether trained numbers scale the parts of the scores.
    #[default(true)]
    pub use_scale: bool,
    /// The share of weights to drop while training.
    #[default(0.0)]
    pub dropout: f64,
    /// The same seed drops the same weights.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for AdditiveAttention {
    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
        check_count(inputs)?;
        if self.use_scale {
            weights.add("scale", [inputs[0].last()?], &"glorot_uniform".into());
        }
        if self.dropout > 0.0 {
            weights.add_seed(SEED, self.seed);
        }
        Ok(())
    }

    fn takes_floats(&self) -> bool {
        true
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        check_count(inputs)?;
        let (query, key) = (&inputs[0], inputs.get(2).unwrap_or(&inputs[1]));
        let mut parts = (query.expand_dims(-2) + key.expand_dims(-3)).tanh();
        if self.use_scale {
            parts = cx.weight("scale")? * parts;
        }
        apply_scores(cx, inputs, parts.reduce(ReduceKind::Sum, &[-1], false), self.dropout)
    }

    fn compute_mask(&self, cx: &Call, _: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(output_masks(cx, outputs))
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        Some(serde_json::json!({"input_shape": inputs}))
    }
}
