//! Attention in which several heads of the query share one of key and value.
use super::dot_product::{
    DROPOUT, Inputs, PARAMETERS, Products, Projections, build_config, build_dropout, build_softmax,
};
use crate::layers::prelude::*;

/// [`MultiHeadAttention`](crate::layers::MultiHeadAttention) with fewer heads for key and value than for the query. Keras's
/// `GroupQueryAttention` (Ainslie et al., 2023).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([10, 16]).tensor();
/// assert_eq!(GroupQueryAttention::new(8, 4, 2).apply([&x, &x]).shape().to_string(), "(None, 10, 16)");
/// ```
#[layer("keras.layers")]
pub struct GroupQueryAttention {
    /// Size of each head.
    pub head_dim: usize,
    /// Heads of the query; a multiple of those of key and value.
    pub num_query_heads: usize,
    /// Heads of key and value.
    pub num_key_value_heads: usize,
    /// Whether the projections have biases.
    #[default(true)]
    pub use_bias: bool,
    /// Whether a sigmoid of the query scales the sums.
    #[default(false)]
    pub use_gate: bool,
    /// Sees only sources nearer than this.
    #[default(None)]
    pub sliding_window: Option<usize>,
    /// The share of weights to drop while training.
    #[default(0.0)]
    pub dropout: f64,
    /// How the kernels start.
    #[default("glorot_uniform")]
    pub kernel_initializer: Initializer,
    /// How the biases start.
    #[default("zeros")]
    pub bias_initializer: Initializer,
    /// Adds to the loss for the kernels.
    #[default(None)]
    pub kernel_regularizer: Option<Regularizer>,
    /// Adds to the loss for the biases.
    #[default(None)]
    pub bias_regularizer: Option<Regularizer>,
    /// Adds to the loss for the outputs of the projections.
    #[default(None)]
    pub activity_regularizer: Option<Regularizer>,
    /// What the kernels must be like.
    #[default(None)]
    pub kernel_constraint: Option<Constraint>,
    /// What the biases must be like.
    #[default(None)]
    pub bias_constraint: Option<Constraint>,
    /// The same seed drops the same weights.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for GroupQueryAttention {
    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
        let [query, value, rest @ ..] = inputs else {
            return Err(Error::argument(
                "inputs",
                format!("takes a query and a value, got {}", inputs.len()),
            ));
        };
        let key = rest.first().unwrap_or(value);
        let (heads, groups, size) = (self.num_query_heads, self.num_key_value_heads, self.head_dim);
        if groups == 0 || size == 0 || !heads.is_multiple_of(groups) {
            let message = format!("must be a multiple of num_key_value_heads = {groups}, got {heads}");
            return Err(Error::argument("num_query_heads", message));
        }
        let projections = Projections {
            use_bias: self.use_bias,
            dtype: &self.base.dtype,
            kernel_initializer: &self.kernel_initializer,
            bias_initializer: &self.bias_initializer,
            kernel_regularizer: &self.kernel_regularizer,
            bias_regularizer: &self.bias_regularizer,
            activity_regularizer: &self.activity_regularizer,
            kernel_constraint: &self.kernel_constraint,
            bias_constraint: &self.bias_constraint,
        };
        let mut project = |path: &str, name: &str, input: &Shape, heads: usize, activation: &str| {
            let layer = projections.layer(name, input.rank(), 1, &[heads, size], activation);
            weights.add_layer(path, &layer, std::slice::from_ref(input))
        };
        project("_query_dense", "query", query, heads, "linear")?;
        project("_key_dense", "key", key, groups, "linear")?;
        if self.use_gate {
            project("_gate_dense", "gate", query, heads, "sigmoid")?;
        }
        project("_value_dense", "value", value, groups, "linear")?;
        let sums = Shape(vec![None, None, Some(heads), Some(size)]);
        let layer = projections.layer("attention_output", 4, 2, &[query.last()?], "linear");
        weights.add_layer("_output_dense", &layer, &[sums])?;
        build_softmax(weights, &self.base.dtype, value)?;
        build_dropout(weights, self.dropout, self.seed, &self.base.dtype, value)
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let given = Inputs::new(cx, inputs)?;
        let mask = given.mask(self.sliding_window);
        let project = |path: &str, x: &Value| {
            Ok::<_, Error>(cx.apply(cx.child(path)?, std::slice::from_ref(x))?.remove(0))
        };
        let repeats = self.num_query_heads / self.num_key_value_heads.max(1);
        let query = project("_query_dense", given.query)?;
        let key = project("_key_dense", given.key)?.repeat(repeats, 2);
        let value = project("_value_dense", given.value)?.repeat(repeats, 2);
        let products = Products {
            axes: &[1],
            scale: 1.0 / (self.head_dim as f64).sqrt(),
            fused: self.dropout == 0.0 && !given.return_scores,
        };
        let drop = |weights: &Value| match self.dropout > 0.0 {
            true => project(DROPOUT, weights),
            false => Ok(weights.clone()),
        };
        let (mut sums, scores) = products.call([&query, &key, &value], None, mask.as_ref(), drop)?;
        if self.use_gate {
            sums = sums * project("_gate_dense", given.query)?;
        }
        let output = project("_output_dense", &sums)?;
        Ok(if given.return_scores { vec![output, scores] } else { vec![output] })
    }

    fn compute_mask(&self, cx: &Call, inputs: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
        let mut masks = vec![None; outputs.len()];
        masks[0] = cx.given_mask(inputs, "query").cloned();
        Ok(masks)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        build_config(inputs)
    }
}
