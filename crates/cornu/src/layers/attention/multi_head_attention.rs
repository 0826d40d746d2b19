//! Attention with several heads.
use super::dot_product::{
    DROPOUT, Inputs, PARAMETERS, Products, Projections, build_config, build_dropout, build_softmax,
};
use crate::layers::prelude::*;

/// Axes, of which one may be given by itself.
pub type AttentionAxes = Vec<i64>;

/// Each target's sum of projected values, weighted by how its projected query fits their keys, in several heads at once,
/// projected back. Keras's `MultiHeadAttention` (Vaswani et al., 2017).
///
/// It is applied to a query and a value, each `(batch, time, features)`, and perhaps a key; further arguments are those of
/// Keras's `call`: `attention_mask`, `use_causal_mask`, `return_attention_scores`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([10, 16]).tensor();
/// let attention = MultiHeadAttention::new(2, 8);
/// assert_eq!(attention.apply([&x, &x]).shape().to_string(), "(None, 10, 16)");
/// let causal = Given::in_order().option("use_causal_mask", true);
/// assert_eq!(attention.apply_given([&x, &x], causal)[0].shape().to_string(), "(None, 10, 16)");
/// ```
#[layer("keras.layers")]
pub struct MultiHeadAttention {
    /// Number of heads.
    pub num_heads: usize,
    /// Size of query and key in each head.
    pub key_dim: usize,
    /// Size of the value in each head; that of the key unless given.
    #[default(None)]
    pub value_dim: Option<usize>,
    /// The share of weights to drop while training.
    #[default(0.0)]
    pub dropout: f64,
    /// Whether the projections have biases.
    #[default(true)]
    pub use_bias: bool,
    /// Whether a sigmoid of the query scales the sums.
    #[default(false)]
    pub use_gate: bool,
    /// Sizes of the output's last axes; that of the query unless given.
    #[default(None)]
    pub output_shape: Option<Vec<usize>>,
    /// The axes of targets and sources; all but the first and the last unless given.
    #[default(None)]
    pub attention_axes: Option<AttentionAxes>,
    /// Sees only sources nearer than this.
    #[default(None)]
    pub sliding_window: Option<usize>,
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

impl MultiHeadAttention {
    /// The axes of targets and sources in projections of this rank.
    fn axes(&self, rank: usize) -> Result<Vec<usize>> {
        match &self.attention_axes {
            None => Ok((1..rank - 2).collect()),
            Some(axes) => {
                axes.iter().map(|&a| cornu_graph::normalize_axis("attention_axes", a, rank - 1)).collect()
            }
        }
    }
}

impl Layer for MultiHeadAttention {
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
        for (what, size) in [("num_heads", self.num_heads), ("key_dim", self.key_dim)] {
            if size == 0 {
                return Err(Error::argument(what, "must be positive, got 0"));
            }
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
        let (heads, size) = (self.num_heads, self.key_dim);
        let value_size = self.value_dim.unwrap_or(size);
        let mut project = |path: &str, name: &str, input: &Shape, size: usize, activation: &str| {
            let layer = projections.layer(name, input.rank(), 1, &[heads, size], activation);
            weights.add_layer(path, &layer, std::slice::from_ref(input))
        };
        project("query_dense", "query", query, size, "linear")?;
        project("key_dense", "key", key, size, "linear")?;
        if self.use_gate {
            project("_gate_dense", "gate", query, value_size, "sigmoid")?;
        }
        project("value_dense", "value", value, value_size, "linear")?;

        let mut sums = query.clone();
        sums.0.pop();
        sums.0.extend([Some(heads), Some(value_size)]);
        let output = match &self.output_shape {
            Some(sizes) => sizes.clone(),
            None => vec![query.last()?],
        };
        let layer = projections.layer("attention_output", sums.rank(), 2, &output, "linear");
        weights.add_layer("output_dense", &layer, &[sums])?;
        build_softmax(weights, &self.base.dtype, value)?;
        build_dropout(weights, self.dropout, self.seed, &self.base.dtype, value)
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let given = Inputs::new(cx, inputs)?;
        let mask = given.mask(self.sliding_window);
        let project = |path: &str, x: &Value| {
            Ok::<_, Error>(cx.apply(cx.child(path)?, std::slice::from_ref(x))?.remove(0))
        };
        let query = project("query_dense", given.query)?;
        let key = project("key_dense", given.key)?;
        let value = project("value_dense", given.value)?;
        let products = Products {
            axes: &self.axes(query.rank())?,
            scale: 1.0 / (self.key_dim as f64).sqrt(),
            fused: self.dropout == 0.0 && !given.return_scores && query.rank() == 4,
        };
        let drop = |weights: &Value| match self.dropout > 0.0 {
            true => project(DROPOUT, weights),
            false => Ok(weights.clone()),
        };
        let (mut sums, scores) = products.call([&query, &key, &value], None, mask.as_ref(), drop)?;
        if self.use_gate {
            sums = sums * project("_gate_dense", given.query)?;
        }
        let output = project("output_dense", &sums)?;
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

    fn settle(&self, config: &mut serde_json::Value, inputs: Option<&[Shape]>) {
        if config["value_dim"].is_null() {
            config["value_dim"] = config["key_dim"].clone();
        }
        // By default over all axes between those of the batch and of the features.
        if let (true, Some([query, ..])) = (config["attention_axes"].is_null(), inputs) {
            config["attention_axes"] = (1..query.rank().saturating_sub(1)).collect();
        }
    }

    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        build_config(inputs)
    }
}
