//! Long short-term memory.
use super::gates::{GateDropout, gated};
use super::recurrence::Recurrence;
use crate::layers::prelude::*;
use std::sync::Arc;

/// One step of [`LSTM`] (Hochreiter and Schmidhuber, 1997). Gates stand in the order input, forget, candidate, output.
/// Keras's `LSTMCell`.
#[layer("keras.layers")]
pub struct LSTMCell {
    /// Size of output and states.
    pub units: usize,
    /// For candidate and output; `"tanh"` by default.
    #[default("tanh")]
    pub activation: Activation,
    /// For the gates; `"sigmoid"` by default.
    #[default("sigmoid")]
    pub recurrent_activation: Activation,
    /// Whether to add a bias.
    #[default(true)]
    pub use_bias: bool,
    /// Whether the bias of the forget gate starts at 1.
    #[default(true)]
    pub unit_forget_bias: bool,
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

impl LSTMCell {
    fn gate_dropout(&self) -> GateDropout {
        GateDropout { dropout: self.dropout, recurrent_dropout: self.recurrent_dropout, gates: 4 }
    }
}

impl Layer for LSTMCell {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let units = self.units;
        if units == 0 {
            return Err(Error::argument("units", "must be positive, got 0"));
        }
        weights
            .add("kernel", [input.last()?, 4 * units], &self.kernel_initializer)
            .regularizer(&self.kernel_regularizer)
            .constraint(&self.kernel_constraint);
        weights
            .add("recurrent_kernel", [units, 4 * units], &self.recurrent_initializer)
            .regularizer(&self.recurrent_regularizer)
            .constraint(&self.recurrent_constraint);
        if self.use_bias {
            let bias = weights
                .add("bias", [4 * units], &self.bias_initializer)
                .regularizer(&self.bias_regularizer)
                .constraint(&self.bias_constraint);
            if self.unit_forget_bias {
                bias.ones_within(units..2 * units);
            }
        }
        weights.add_seed("seed_generator_state", self.seed);
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x, h, c, masks @ ..] = inputs else {
            return Err(Error::Data(format!(
                "an LSTM cell takes an input and two states, got {}",
                inputs.len()
            )));
        };
        let (drop_x, drop_h) = self.gate_dropout().split(cx, masks);
        let mut z = gated(x, &cx.weight("kernel")?, drop_x);
        if self.use_bias {
            z = z + cx.weight("bias")?;
        }
        let z = z + gated(h, &cx.weight("recurrent_kernel")?, drop_h);
        let gates = z.split(4, -1);
        let [input, forget, candidate, output] = gates.as_slice() else {
            return Err(Error::State("the gates are not four".into()));
        };
        let gate = |z: &Value| self.recurrent_activation.call(z);
        let c = gate(forget) * c + gate(input) * self.activation.call(candidate);
        let h = gate(output) * self.activation.call(&c);
        Ok(vec![h.clone(), h, c])
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        Some(vec![self.units, self.units])
    }

    fn constant_count(&self, training: bool) -> usize {
        self.gate_dropout().count(training)
    }

    fn cell_constants(&self, cx: &Call, x: &Value) -> Result<Vec<Value>> {
        self.gate_dropout().masks(cx, x, self.units)
    }
}

super::recurrence::recurrent_layer! {
    /// Long short-term memory: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with
    /// `return_sequences`. Keras's `LSTM` (Hochreiter and Schmidhuber, 1997).
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([10, 4]).tensor();
    /// assert_eq!(LSTM::new(8).apply(&x).shape().to_string(), "(None, 8)");
    /// let outputs = LSTM::new(8).return_state(true).apply_many(&x);
    /// assert_eq!(outputs.len(), 3);
    /// ```
    LSTM of LSTMCell {
        /// For candidate and output; `"tanh"` by default.
        activation: Activation = "tanh",
        /// For the gates; `"sigmoid"` by default.
        recurrent_activation: Activation = "sigmoid",
        /// Whether to add a bias.
        use_bias: bool = true,
        /// For the kernel of the input.
        kernel_initializer: Initializer = "glorot_uniform",
        /// For the kernel of the state.
        recurrent_initializer: Initializer = "orthogonal",
        /// For the bias.
        bias_initializer: Initializer = "zeros",
        /// Whether the bias of the forget gate starts at 1.
        unit_forget_bias: bool = true,
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
        /// For dropout.
        seed: Option<u64> = None,
    }
}
