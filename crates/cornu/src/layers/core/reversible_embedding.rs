//! A table of vectors, and the way back.
use crate::dtype_policy::DTypePolicy;
use crate::layers::checks::{no_quantization, positive};
use crate::layers::prelude::*;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json;

/// A dtype that Keras saves as it was given, by its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
struct ByName(Option<DTypePolicy>);

impl Serialize for ByName {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.as_ref().map(DTypePolicy::name).serialize(serializer)
    }
}

impl From<Option<DTypePolicy>> for ByName {
    fn from(policy: Option<DTypePolicy>) -> ByName {
        ByName(policy)
    }
}

impl From<ByName> for Option<DTypePolicy> {
    fn from(name: ByName) -> Option<DTypePolicy> {
        name.0
    }
}

/// The row of a learned table for each integer; called with `reverse=True`, the product of vectors with the table: one
/// logit for each row. Keras's `ReversibleEmbedding` (Press and Wolf, 2016).
///
/// ```
/// use cornu::layers::Given;
/// use cornu::prelude::*;
/// let words = Input::new([20]).dtype("int32").tensor();
/// let embedding = ReversibleEmbedding::new(1000, 64);
/// let vectors = embedding.apply(&words);
/// let logits = embedding.apply_given(&vectors, Given::in_order().option("reverse", true));
/// assert_eq!(logits[0].shape().to_string(), "(None, 20, 1000)");
/// ```
#[layer("keras.layers")]
pub struct ReversibleEmbedding {
    /// Rows of the table: the largest integer plus 1.
    pub input_dim: usize,
    /// Size of each vector.
    pub output_dim: usize,
    /// How the table starts.
    #[default("uniform")]
    pub embeddings_initializer: Initializer,
    /// Adds to the loss for the table.
    #[default(None)]
    pub embeddings_regularizer: Option<Regularizer>,
    /// Adds to the loss for the output.
    #[default(None)]
    pub activity_regularizer: Option<Regularizer>,
    /// What the table must be like.
    #[default(None)]
    pub embeddings_constraint: Option<Constraint>,
    /// Whether 0 stands for padding that later layers leave out.
    #[default(false)]
    pub mask_zero: bool,
    /// If given, the table stays as it starts and two matrices of this rank are trained in its place; see
    /// [`EnableLora`](crate::layers::EnableLora).
    #[default(None)]
    #[omit_default]
    pub lora_rank: Option<usize>,
    /// The product of these matrices counts `lora_alpha / lora_rank` times; `lora_rank` by default. As in Keras 3.15.1, what
    /// is given here does not count: the layer is built with an alpha of its rank. `enable_lora` takes any.
    #[default(None)]
    #[omit_default]
    pub lora_alpha: Option<f64>,
    /// Null; quantized layers are refused.
    #[default(None)]
    pub quantization_config: Option<Json>,
    /// Whether both ways share a table; true by default.
    #[default(true)]
    pub tie_weights: bool,
    /// In which dtype to compute the way back, if not that of the layer.
    #[default(None)]
    #[save_as(ByName)]
    pub reverse_dtype: Option<DTypePolicy>,
    /// Keeps logits within plus and minus this, by a tanh.
    #[default(None)]
    pub logit_soft_cap: Option<f64>,
}

impl ReversibleEmbedding {
    fn is_reverse(cx: &Call) -> bool {
        cx.option("reverse").and_then(Json::as_bool).unwrap_or(false)
    }

    fn logits(&self, cx: &Call, x: &Value) -> Result<Value> {
        let dtype = self.reverse_dtype.as_ref().map_or(Ok(cx.dtype()), DTypePolicy::compute_dtype)?;
        let table = if self.tie_weights {
            cx.weight("embeddings")?.swap_axes(0, 1)
        } else {
            cx.weight("reverse_embeddings")?
        };
        if x.dim(-1) != self.output_dim {
            let message = format!("expected vectors of size {}, got {:?}", self.output_dim, x.shape());
            return Err(Error::Data(message));
        }
        let logits = x.cast(dtype).tensordot(&table.cast(dtype), &[-1], &[0]);
        Ok(match self.logit_soft_cap {
            Some(cap) => (logits / cap).tanh() * cap,
            None => logits,
        })
    }
}

impl Layer for ReversibleEmbedding {
    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "reverse"]
    }

    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        positive("ReversibleEmbedding.input_dim", self.input_dim)?;
        positive("ReversibleEmbedding.output_dim", self.output_dim)?;
        no_quantization("ReversibleEmbedding", &self.quantization_config)?;
        weights
            .add("embeddings", [self.input_dim, self.output_dim], &self.embeddings_initializer)
            .regularizer(&self.embeddings_regularizer)
            .constraint(&self.embeddings_constraint);
        if !self.tie_weights && self.lora_rank.is_some_and(|rank| rank > 0) {
            let message = "Keras builds no table of its own for the way back after LoRA";
            let error = Error::argument("ReversibleEmbedding.lora_rank", message);
            return Err(error.help("tie the weights, or call `enable_lora` of the built layer"));
        }
        if !self.tie_weights {
            weights.add(
                "reverse_embeddings",
                [self.output_dim, self.input_dim],
                &self.embeddings_initializer,
            );
        }
        // Keras drops the alpha here.
        weights.lora(self.lora_rank, None);
        Ok(())
    }

    fn lora_weight(&self) -> Option<&'static str> {
        Some("embeddings")
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        if Self::is_reverse(cx) {
            return self.logits(cx, x);
        }
        let rows = if matches!(x.dtype(), DType::I32 | DType::I64) { x.clone() } else { x.cast(DType::I32) };
        Ok(cx.weight("embeddings")?.take(&rows, 0))
    }

    fn compute_mask(&self, cx: &Call, inputs: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
        let masked = self.mask_zero && !Self::is_reverse(cx);
        let mask = inputs.first().filter(|_| masked).map(|x| x.not_equal(&x.scalar(0.0)));
        Ok(vec![mask; outputs.len()])
    }

    fn supports_masking(&self) -> bool {
        self.mask_zero
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}
