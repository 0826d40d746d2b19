//! Convolutional long short-term memory.
use super::conv_lstm_cell::ConvLSTMCell;
use super::recurrence::Recurrence;
use crate::arguments::{DataFormat, Padding, Size};
use crate::layers::prelude::*;
use std::sync::Arc;

/// Declares the layer for one number of spatial axes.
macro_rules! conv_lstm_layer {
    ($(#[$doc:meta])* $Layer:ident over $n:literal) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Layer {
            /// Whether to give the outputs of all steps.
            #[default(false)]
            pub return_sequences: bool,
            /// Whether to give the last states too.
            #[default(false)]
            pub return_state: bool,
            /// Whether to run from the last step to the first.
            #[default(false)]
            pub go_backwards: bool,
            /// Whether the last states of a batch are the first of the next.
            #[default(false)]
            pub stateful: bool,
            /// Whether to lay the steps out one after the other instead of in a loop.
            #[default(false)]
            pub unroll: bool,
            /// Whether masked steps give zeros instead of the output before.
            #[default(false)]
            pub zero_output_for_mask: bool,
            /// Number of output channels.
            pub filters: usize,
            /// Size of the window.
            pub kernel_size: Size<$n>,
            /// Step of the window over the input; 1 by default.
            #[default(1)]
            pub strides: Size<$n>,
            /// `"valid"` (default) or `"same"`, around the input. States are padded to keep their size.
            #[default("valid")]
            pub padding: Padding,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
            /// Distance between the elements of the window over the input; 1 by default.
            #[default(1)]
            pub dilation_rate: Size<$n>,
            /// For candidate and output; `"tanh"` by default.
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
            /// Whether the bias of the forget gate starts at 1.
            #[default(true)]
            pub unit_forget_bias: bool,
            /// On the kernel of the input.
            #[default(None)]
            pub kernel_regularizer: Option<Regularizer>,
            /// On the kernel of the state.
            #[default(None)]
            pub recurrent_regularizer: Option<Regularizer>,
            /// On the bias.
            #[default(None)]
            pub bias_regularizer: Option<Regularizer>,
            /// On the output.
            #[default(None)]
            pub activity_regularizer: Option<Regularizer>,
            /// On the kernel of the input.
            #[default(None)]
            pub kernel_constraint: Option<Constraint>,
            /// On the kernel of the state.
            #[default(None)]
            pub recurrent_constraint: Option<Constraint>,
            /// On the bias.
            #[default(None)]
            pub bias_constraint: Option<Constraint>,
            /// Share of the input to drop in training.
            #[default(0.0)]
            pub dropout: f64,
            /// Share of the state to drop in training.
            #[default(0.0)]
            pub recurrent_dropout: f64,
            /// For dropout.
            #[default(None)]
            pub seed: Option<u64>,
        }

        impl $Layer {
            fn recurrence(&self) -> Recurrence {
                Recurrence {
                    return_sequences: self.return_sequences,
                    return_state: self.return_state,
                    go_backwards: self.go_backwards,
                    stateful: self.stateful,
                    unroll: self.unroll,
                    zero_output_for_mask: self.zero_output_for_mask,
                }
            }

            fn cell(&self) -> ConvLSTMCell {
                let mut cell = ConvLSTMCell::new(
                    self.filters,
                    self.kernel_size.0,
                    self.strides.0,
                    self.padding.clone(),
                    self.data_format.clone(),
                    self.dilation_rate.0,
                )
                .dtype(self.base.dtype.clone())
                .name("conv_lstm_cell");
                cell.activation = self.activation.clone();
                cell.recurrent_activation = self.recurrent_activation.clone();
                cell.use_bias = self.use_bias;
                cell.kernel_initializer = self.kernel_initializer.clone();
                cell.recurrent_initializer = self.recurrent_initializer.clone();
                cell.bias_initializer = self.bias_initializer.clone();
                cell.unit_forget_bias = self.unit_forget_bias;
                cell.kernel_regularizer = self.kernel_regularizer.clone();
                cell.recurrent_regularizer = self.recurrent_regularizer.clone();
                cell.bias_regularizer = self.bias_regularizer.clone();
                cell.kernel_constraint = self.kernel_constraint.clone();
                cell.recurrent_constraint = self.recurrent_constraint.clone();
                cell.bias_constraint = self.bias_constraint.clone();
                cell.dropout = self.dropout;
                cell.recurrent_dropout = self.recurrent_dropout;
                cell.seed = self.seed;
                cell
            }
        }

        impl Layer for $Layer {
            fn parameters(&self) -> &'static [&'static str] {
                &["sequences", "initial_state"]
            }

            fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
                let cell: LayerRef = Arc::new(self.cell());
                self.recurrence().build(weights, &cell, inputs)
            }

            fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
                self.recurrence().run(cx, inputs)
            }

            fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
                super::recurrence::build_config(inputs)
            }

            fn supports_masking(&self) -> bool {
                true
            }

            fn compute_mask(&self, cx: &Call, _: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
                Ok(self.recurrence().masks(cx, outputs))
            }
        }
    };
}

conv_lstm_layer! {
    /// LSTM with convolutions over lines: `(batch, time, steps, channels)` to `(batch, new_steps, filters)`. Keras's
    /// `ConvLSTM1D`.
    ConvLSTM1D over 1
}

conv_lstm_layer! {
    /// LSTM with convolutions over images: `(batch, time, height, width, channels)` to `(batch, new_height, new_width,
    /// filters)`, with time when `return_sequences`. Keras's `ConvLSTM2D` (Shi et al., 2015).
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([10, 8, 8, 3]).tensor();
    /// let y = ConvLSTM2D::new(4, 3).return_sequences(true).apply(&x);
    /// assert_eq!(y.shape().to_string(), "(None, 10, 6, 6, 4)");
    /// ```
    ConvLSTM2D over 2
}

conv_lstm_layer! {
    /// LSTM with convolutions over volumes. Keras's `ConvLSTM3D`.
    ConvLSTM3D over 3
}
