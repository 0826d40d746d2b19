//! Gated recurrent units.
use super::gates::{GateDropout, gated};
use super::recurrence::Recurrence;
use crate::layers::prelude::*;
use std::sync::Arc;

/// One step of [`GRU`] (Cho et al., 2014). Gates stand in the order update, reset, candidate. Keras's `GRUCell`.
#[layer("keras.layers")]
pub struct GRUCell {
    /// Size of output and state.
    pub units: usize,
    /// For the candidate; `"tanh"` by default.
    #[default("tanh")]
    pub activation: Activation,
    /// For the gates; `"sigmoid"` by default.
    #[default("sigmoid")]
    pub recurrent_activation: Activation,
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
    /// Whether the reset gate acts after the product with the state (as cuDNN has it) or before.
    #[default(true)]
    pub reset_after: bool,
    /// For dropout.
    #[default(None)]
    pub seed: Option<u64>,
}

impl GRUCell {
    fn gate_dropout(&self) -> GateDropout {
        GateDropout { dropout: self.dropout, recurrent_dropout: self.recurrent_dropout, gates: 3 }
    }
}

impl Layer for GRUCell {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let units = self.units;
        if units == 0 {
            return Err(Error::argument("units", "must be positive, got 0"));
        }
        weights
            .add("kernel", [input.last()?, 3 * units], &self.kernel_initializer)
            .regularizer(&self.kernel_regularizer)
            .constraint(&self.kernel_constraint);
        weights
            .add("recurrent_kernel", [units, 3 * units], &self.recurrent_initializer)
            .regularizer(&self.recurrent_regularizer)
            .constraint(&self.recurrent_constraint);
        if self.use_bias {
            // With `reset_after` one bias for the input and one for the state.
            let shape = if self.reset_after { vec![2, 3 * units] } else { vec![3 * units] };
            weights
                .add("bias", shape, &self.bias_initializer)
                .regularizer(&self.bias_regularizer)
                .constraint(&self.bias_constraint);
        }
        weights.add_seed("seed_generator_state", self.seed);
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x, h, masks @ ..] = inputs else {
            return Err(Error::Data(format!(
                "a GRU cell takes an input and its state, got {}",
                inputs.len()
            )));
        };
        let (drop_x, drop_h) = self.gate_dropout().split(cx, masks);
        let (kernel, recurrent) = (cx.weight("kernel")?, cx.weight("recurrent_kernel")?);
        let biases = match (self.use_bias, self.reset_after) {
            (false, _) => None,
            (true, false) => Some((cx.weight("bias")?, None)),
            (true, true) => {
                let bias = cx.weight("bias")?;
                Some((bias.index_axis(0, 0), Some(bias.index_axis(0, 1))))
            }
        };

        let mut of_x = gated(x, &kernel, drop_x);
        if let Some((bias, _)) = &biases {
            of_x = of_x + bias;
        }
        let [x_z, x_r, x_h] = three(&of_x)?;
        let gate = |z: &Value| self.recurrent_activation.call(z);
        let (z, candidate) = if self.reset_after {
            let mut of_h = gated(h, &recurrent, drop_h);
            if let Some((_, Some(bias))) = &biases {
                of_h = of_h + bias;
            }
            let [h_z, h_r, h_h] = three(&of_h)?;
            (gate(&(x_z + h_z)), x_h + gate(&(x_r + h_r)) * h_h)
        } else {
            let [for_z, for_r, for_h] = three(&recurrent)?;
            let dropped = |i: usize| drop_h.get(i).map_or_else(|| h.clone(), |m| h * m);
            let z = gate(&(x_z + dropped(0).matmul(&for_z)));
            let r = gate(&(x_r + dropped(1).matmul(&for_r)));
            (z, x_h + (r * dropped(2)).matmul(&for_h))
        };
        let h = &z * h + (1.0 - &z) * self.activation.call(&candidate);
        Ok(vec![h.clone(), h])
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        Some(vec![self.units])
    }

    fn constant_count(&self, training: bool) -> usize {
        self.gate_dropout().count(training)
    }

    fn cell_constants(&self, cx: &Call, x: &Value) -> Result<Vec<Value>> {
        self.gate_dropout().masks(cx, x, self.units)
    }
}

/// Three parts of the last axis.
fn three(x: &Value) -> Result<[Value; 3]> {
    x.split(3, -1).try_into().map_err(|_| Error::State("the gates are not three".into()))
}

super::recurrence::recurrent_layer! {
    /// Gated recurrent units: `(batch, time, features)` to `(batch, units)`, or `(batch, time, units)` with
    /// `return_sequences`. Keras's `GRU` (Cho et al., 2014).
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([10, 4]).tensor();
    /// assert_eq!(GRU::new(8).apply(&x).shape().to_string(), "(None, 8)");
    /// ```
    GRU of GRUCell {
        /// For the candidate; `"tanh"` by default.
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
        /// Whether the reset gate acts after the product with the state (as cuDNN has it) or before.
        reset_after: bool = true,
        /// For dropout.
        seed: Option<u64> = None,
    }
}
