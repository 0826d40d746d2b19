//! Fully connected layer.
use crate::layers::checks::{at_least_rank, no_quantization, positive};
use crate::layers::prelude::*;
use serde_json::Value as Json;

/// `activation(x @ kernel + bias)` on the last axis: `(batch, .., d)` to `(batch, .., units)`. Keras's `Dense`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([5, 16]).tensor();
/// assert_eq!(Dense::new(32).activation("relu").apply(&x).shape().to_string(), "(None, 5, 32)");
/// ```
#[layer("keras.layers")]
pub struct Dense {
    /// Size of the last axis of the output.
    pub units: usize,
    /// Applied to the result; `"linear"`, the default, leaves it as it is.
    #[default("linear")]
    pub activation: Activation,
    /// Whether to add a bias.
    #[default(true)]
    pub use_bias: bool,
    /// How the kernel starts.
    #[default("glorot_uniform")]
    pub kernel_initializer: Initializer,
    /// How the bias starts.
    #[default("zeros")]
    pub bias_initializer: Initializer,
    /// Adds to the loss for the kernel.
    #[default(None)]
    pub kernel_regularizer: Option<Regularizer>,
    /// Adds to the loss for the bias.
    #[default(None)]
    pub bias_regularizer: Option<Regularizer>,
    /// What the kernel must be like.
    #[default(None)]
    pub kernel_constraint: Option<Constraint>,
    /// What the bias must be like.
    #[default(None)]
    pub bias_constraint: Option<Constraint>,
    /// If given, the kernel stays as it starts and two matrices of this rank are trained in its place; see
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

impl Layer for Dense {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        positive("Dense.units", self.units)?;
        no_quantization("Dense", &self.quantization_config)?;
        weights
            .add("kernel", [input.last()?, self.units], &self.kernel_initializer)
            .regularizer(&self.kernel_regularizer)
            .constraint(&self.kernel_constraint);
        if self.use_bias {
            weights
                .add("bias", [self.units], &self.bias_initializer)
                .regularizer(&self.bias_regularizer)
                .constraint(&self.bias_constraint);
        }
        // Keras drops the alpha here.
        weights.lora(self.lora_rank, None);
        Ok(())
    }

    fn lora_weight(&self) -> Option<&'static str> {
        Some("kernel")
    }

    fn takes_floats(&self) -> bool {
        true
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        at_least_rank(x, 2)?;
        let kernel = cx.weight("kernel")?;
        if x.dim(-1) != kernel.dim(0) {
            let message = format!("expected an input of {} features, got {}", kernel.dim(0), x.dim(-1));
            let help = "a layer keeps the width it was first applied to; make a second `Dense` for another";
            return Err(Error::Data(message).help(help));
        }
        let mut y = x.tensordot(&kernel, &[-1], &[0]);
        if self.use_bias {
            y = y + cx.weight("bias")?;
        }
        Ok(self.activation.call(&y))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
