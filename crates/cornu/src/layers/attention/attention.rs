//! Attention without projections.
use crate::layers::prelude::*;
use crate::layers::regularization::{SEED, drop_out};

/// Each query's sum of values, weighted by how its products with their keys compare. Keras's `Attention` (Luong et al., 2015).
///
/// It is applied to `[query, value]` or `[query, value, key]`, each `(batch, time, features)`; arguments of Keras's `call`:
/// `return_attention_scores`, `use_causal_mask`.
///
/// ```
/// use cornu::prelude::*;
/// let (query, value) = (Input::new([4, 8]).tensor(), Input::new([6, 8]).tensor());
/// assert_eq!(Attention::new().apply([&query, &value]).shape().to_string(), "(None, 4, 8)");
/// ```
#[layer("keras.layers")]
pub struct Attention {
    /// Whether a trained number scales the scores.
    #[default(false)]
    pub use_scale: bool,
    /// `"dot"`: the products; `"concat"`: the sum of tanh of query and key.
    #[default("dot")]
    pub score_mode: String,
    /// The share of weights to drop while training.
    #[default(0.0)]
    pub dropout: f64,
    /// The same seed drops the same weights.
    #[default(None)]
    pub seed: Option<u64>,
}

/// Parameters of Keras's `call`, in order.
pub(super) const PARAMETERS: &[&str] =
    &["inputs", "mask", "training", "return_attention_scores", "use_causal_mask"];

/// Fails unless these are a query, a value and perhaps a key.
pub(super) fn check_count<T>(inputs: &[T]) -> Result<()> {
    match inputs.len() {
        2 | 3 => Ok(()),
        n => Err(Error::argument(
            "inputs",
            format!("takes [query, value] or [query, value, key], got {n} inputs"),
        )),
    }
}

/// Sums of values weighted by softmax of the scores, after masks; the weights too if they are asked for.
pub(super) fn apply_scores(cx: &Call, inputs: &[Value], scores: Value, dropout: f64) -> Result<Vec<Value>> {
    let flag = |name: &str| cx.option(name).and_then(serde_json::Value::as_bool).unwrap_or(false);
    let mask_of = |i: usize| cx.masks().get(i).cloned().flatten();
    let rank = scores.rank();
    let mut mask = mask_of(1);
    if flag("use_causal_mask") {
        let mut shape = vec![1; rank];
        shape[rank - 2..].copy_from_slice(&scores.shape()[rank - 2..]);
        let place = |axis: usize| cx.builder().iota(DType::I32, shape.clone(), axis);
        let causal = place(rank - 2).ge(&place(rank - 1));
        mask = Some(match mask {
            Some(mask) => mask.expand_dims(-2).and(&causal),
            None => causal,
        });
    }
    let scores = match mask {
        Some(mask) => {
            let mask = if mask.rank() == 2 { mask.expand_dims(-2) } else { mask };
            let large = if scores.dtype() == DType::F16 { 65504.0 } else { 1e9 };
            mask.broadcast_to(scores.shape()).select(&scores, &(&scores - large))
        }
        None => scores,
    };
    let mut weights = scores.softmax(-1);
    if cx.training() && dropout > 0.0 {
        let shape = weights.shape().to_vec();
        weights = drop_out(cx, &weights, dropout, &shape)?;
    }
    let mut output = weights.matmul(&inputs[1]);
    if let Some(mask) = mask_of(0) {
        let mask = mask.expand_dims(-1).broadcast_to(output.shape());
        output = mask.select(&output, &output.full_like(0.0));
    }
    Ok(if flag("return_attention_scores") { vec![output, weights] } else { vec![output] })
}

/// The query's mask is that of the output.
pub(super) fn output_masks(cx: &Call, outputs: &[Value]) -> Vec<Option<Value>> {
    let mut masks = vec![None; outputs.len()];
    masks[0] = cx.mask().cloned();
    masks
}

impl Layer for Attention {
    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
        check_count(inputs)?;
        if !["dot", "concat"].contains(&self.score_mode.as_str()) {
            return Err(Error::unknown("score_mode", &self.score_mode, ["dot", "concat"]));
        }
        let ones = Initializer::from("ones");
        if self.use_scale {
            weights.add("scale", [], &ones);
        }
        if self.score_mode == "concat" {
            weights.add("concat_score_weight", [], &ones);
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
        let scale = self.use_scale.then(|| cx.weight("scale")).transpose()?;
        let scores = if self.score_mode == "dot" {
            let scores = query.matmul(&key.swap_axes(-2, -1));
            scale.map_or_else(|| scores.clone(), |scale| &scores * scale)
        } else {
            let sum = query.expand_dims(-2) + key.expand_dims(-3);
            let sum = scale.map_or_else(|| sum.clone(), |scale| &sum * scale);
            let reduced = sum.tanh().reduce(cornu_graph::ops::ReduceKind::Sum, &[-1], false);
            cx.weight("concat_score_weight")? * reduced
        };
        apply_scores(cx, inputs, scores, self.dropout)
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
