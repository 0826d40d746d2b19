//! A table of vectors.
use crate::layers::checks::{no_quantization, positive};
use crate::layers::prelude::*;
use serde_json::Value as Json;

/// The row of a learned table for each integer: `(batch, ..)` to `(batch, .., output_dim)`. Keras's `Embedding`.
///
/// Integers count from the end when negative; those beyond the table give NaN.
///
/// ```
/// use cornu::prelude::*;
/// let words = Input::new([20]).dtype("int32").tensor();
/// assert_eq!(Embedding::new(1000, 64).apply(&words).shape().to_string(), "(None, 20, 64)");
/// ```
#[layer("keras.layers")]
pub struct Embedding {
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
    /// The table itself, `(input_dim, output_dim)`, in place of what the initializer gives. It is not a part of the config.
    #[default(None)]
    #[unsaved]
    pub weights: Option<Tensor>,
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
}

impl Layer for Embedding {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        positive("Embedding.input_dim", self.input_dim)?;
        positive("Embedding.output_dim", self.output_dim)?;
        no_quantization("Embedding", &self.quantization_config)?;
        weights
            .add("embeddings", [self.input_dim, self.output_dim], &self.embeddings_initializer)
            .regularizer(&self.embeddings_regularizer)
            .constraint(&self.embeddings_constraint)
            .starts_as(&self.weights);
        // Keras drops the alpha here.
        weights.lora(self.lora_rank, None);
        Ok(())
    }

    fn lora_weight(&self) -> Option<&'static str> {
        Some("embeddings")
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let rows = if matches!(x.dtype(), DType::I32 | DType::I64) { x.clone() } else { x.cast(DType::I32) };
        Ok(cx.weight("embeddings")?.take(&rows, 0))
    }

    fn compute_mask(&self, _: &Call, inputs: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
        let mask = inputs.first().filter(|_| self.mask_zero).map(|x| x.not_equal(&x.scalar(0.0)));
        Ok(vec![mask; outputs.len()])
    }

    fn supports_masking(&self) -> bool {
        self.mask_zero
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}
