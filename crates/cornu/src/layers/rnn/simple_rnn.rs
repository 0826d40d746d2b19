//! The simplest recurrent layer: the output goes back in.
use super::recurrence::{Recurrence, dropout_mask};
use crate::layers::prelude::*;
use std::sync::Arc;

/// One step of [`SimpleRNN`]: `activation(x @ kernel + bias + h @ recurrent_kernel)`. Keras's `SimpleRNNCell`.
#[layer("keras.layers")]
pub struct SimpleRNNCell {
    /// Size of output and state.
    pub units: usize,
    /// Applied to the result; `"tanh"` by default.
    #[default("tanh")]
    pub activation: Activation,
    /// Whether to add a bias.
    #[default(true)]
    pub use_bias: bool,
    /// For the kernel of the input.
    #[default("glorot_uniform")]
    pub kernel_initializer: Initializer,
    /// For the kernel of the state.
    #[default("orthogonal")]
    pub recurrent_initializer: Initializer,
    /// For the bias.
    #[default("zeros")]
    pub bias_initializer: Initializer,
    /// On the kernel of the input.
    #[default(None)]
    pub kernel_regularizer: Option<Regularizer>,
    /// On the kernel of the state.
    #[default(None)]
    pub recurrent_regularizer: Option<Regularizer>,
    /// On the bias.
    #[default(None)]
    pub bias_regularizer: Option<Regularizer>,
    /// On the kernel of the input.
    #[default(None)]
    pub kernel_constraint: Option<Constraint>,
    /// On the kernel of the state.
    #[default(None)]
    pub recurrent_constraint: Option<Constraint>,
    /// On the bias.
    #[default(None)]
    pub bias_constraint: Option<Constraint>,
    /// Share of the input's features to drop in training.
    #[default(0.0)]
    pub dropout: f64,
    /// Share of the state's features to drop in training.
    #[default(0.0)]
    pub recurrent_dropout: f64,
    /// For dropout.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for SimpleRNNCell {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        if self.units == 0 {
            return Err(Error::argument("units", "must be positive, got 0"));
        }
        weights
            .add("kernel", [input.last()?, self.units], &self.kernel_initializer)
            .regularizer(&self.kernel_regularizer)
            .constraint(&self.kernel_constraint);
        weights
            .add("recurrent_kernel", [self.units, self.units], &self.recurrent_initializer)
            .regularizer(&self.recurrent_regularizer)
            .constraint(&self.recurrent_constraint);
        if self.use_bias {
            weights
                .add("bias", [self.units], &self.bias_initializer)
                .regularizer(&self.bias_regularizer)
                .constraint(&self.bias_constraint);
        }
        weights.add_seed("seed_generator_state", self.seed);
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x, h, masks @ ..] = inputs else {
            return Err(Error::Data(format!("a cell takes an input and its state, got {}", inputs.len())));
        };
        let [input_mask, state_mask] =
            [self.dropout, self.recurrent_dropout].map(|rate| cx.training() && rate > 0.0);
        let mut masks = masks.iter();
        let x = if input_mask { masks.next().map_or_else(|| x.clone(), |m| x * m) } else { x.clone() };
        let h = if state_mask { masks.next().map_or_else(|| h.clone(), |m| h * m) } else { h.clone() };
        let mut z = x.matmul(&cx.weight("kernel")?);
        if self.use_bias {
            z = z + cx.weight("bias")?;
        }
        let h = self.activation.call(&(z + h.matmul(&cx.weight("recurrent_kernel")?)));
        Ok(vec![h.clone(), h])
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        Some(vec![self.units])
    }

    fn constant_count(&self, training: bool) -> usize {
        [self.dropout, self.recurrent_dropout].iter().filter(|&&rate| training && rate > 0.0).count()
    }

    fn cell_constants(&self, cx: &Call, x: &Value) -> Result<Vec<Value>> {
        let masks = [
            dropout_mask(cx, "dropout", self.dropout, &[x.dim(0), x.dim(-1)])?,
            dropout_mask(cx, "recurrent_dropout", self.recurrent_dropout, &[x.dim(0), self.units])?,
        ];
        Ok(masks.into_iter().flatten().collect())
    }
}

super::recurrence::recurrent_layer! {
    /// A fully connected recurrent layer: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with
    /// `return_sequences`. Keras's `SimpleRNN`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([10, 4]).tensor();
    /// assert_eq!(SimpleRNN::new(8).return_sequences(true).apply(&x).shape().to_string(), "(None, 10, 8)");
    /// ```
    SimpleRNN of SimpleRNNCell {
        /// Applied to the result; `"tanh"` by default.
        activation: Activation = "tanh",
        /// Whether to add a bias.
        use_bias: bool = true,
        /// For the kernel of the input.
        kernel_initializer: Initializer = "glorot_uniform",
        /// For the kernel of the state.
        recurrent_initializer: Initializer = "orthogonal",
        /// For the bias.
        bias_initializer: Initializer = "zeros",
        /// On the kernel of the input.
        kernel_regularizer: Option<Regularizer> = None,
        /// On the kernel of the state.
        recurrent_regularizer: Option<Regularizer> = None,
        /// On the bias.
        bias_regularizer: Option<Regularizer> = None;
        /// On the kernel of the input.
        kernel_constraint: Option<Constraint> = None,
        /// On the kernel of the state.
        recurrent_constraint: Option<Constraint> = None,
        /// On the bias.
        bias_constraint: Option<Constraint> = None,
        /// Share of the input's features to drop in training.
        dropout: f64 = 0.0,
        /// Share of the state's features to drop in training.
        recurrent_dropout: f64 = 0.0,
        /// For dropout. Keras does not save it.
        #[omit_default]
        seed: Option<u64> = None,
    }
}
