//! Convolution over one, two or three spatial axes.
use super::geometry::{activated, channels_last, convolve};
use crate::arguments::{DataFormat, Padding, Size};
use crate::layers::prelude::*;

/// Declares the layer for one number of spatial axes.
macro_rules! conv_layer {
    ($(#[$doc:meta])* $Conv:ident over $n:literal) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Conv {
            /// Number of output channels.
            pub filters: usize,
            /// Size of the window.
            pub kernel_size: Size<$n>,
            /// Step of the window; 1 by default.
            #[default(1)]
            pub strides: Size<$n>,
            /// `"valid"` (default), `"same"`, for `Conv1D` also `"causal"`.
            #[default("valid")]
            pub padding: Padding,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
            /// Distance between the window's elements; 1 by default.
            #[default(1)]
            pub dilation_rate: Size<$n>,
            /// In how many groups channels are convolved apart; 1 by default.
            #[default(1)]
            pub groups: usize,
            /// Applied to the result.
            #[default("linear")]
            pub activation: Activation,
            /// Whether to add a bias; true by default.
            #[default(true)]
            pub use_bias: bool,
            /// For the kernel.
            #[default("glorot_uniform")]
            pub kernel_initializer: Initializer,
            /// For the bias.
            #[default("zeros")]
            pub bias_initializer: Initializer,
            /// On the kernel.
            #[default(None)]
            pub kernel_regularizer: Option<Regularizer>,
            /// On the bias.
            #[default(None)]
            pub bias_regularizer: Option<Regularizer>,
            /// On the output.
            #[default(None)]
            pub activity_regularizer: Option<Regularizer>,
            /// On the kernel.
            #[default(None)]
            pub kernel_constraint: Option<Constraint>,
            /// On the bias.
            #[default(None)]
            pub bias_constraint: Option<Constraint>,
            /// If given, the kernel stays as it starts and two matrices of this rank are trained in its place; see
            /// [`EnableLora`](crate::layers::EnableLora).
            #[default(None)]
            #[omit_default]
            pub lora_rank: Option<usize>,
            /// The product of these matrices counts `lora_alpha / lora_rank` times; `lora_rank` by default.
            #[default(None)]
            #[omit_default]
            pub lora_alpha: Option<f64>,
        }

        impl Layer for $Conv {
            fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
                let format = self.data_format.check()?;
                let channels = input.known(format.channel_axis())?;
                let kernel = self.kernel_size.positive("kernel_size")?;
                self.strides.positive("strides")?;
                self.dilation_rate.positive("dilation_rate")?;
                if self.filters == 0 {
                    return Err(Error::argument("filters", "must be positive, got 0"));
                }
                let groups = self.groups;
                if groups == 0 || channels % groups != 0 || self.filters % groups != 0 {
                    let message = format!(
                        "{groups} groups must divide the {channels} input channels and the {} filters",
                        self.filters
                    );
                    return Err(Error::argument("groups", message));
                }
                let shape = [&kernel[..], &[channels / groups, self.filters]].concat();
                weights
                    .add("kernel", shape, &self.kernel_initializer)
                    .regularizer(&self.kernel_regularizer)
                    .constraint(&self.kernel_constraint);
                if self.use_bias {
                    weights
                        .add("bias", [self.filters], &self.bias_initializer)
                        .regularizer(&self.bias_regularizer)
                        .constraint(&self.bias_constraint);
                }
                weights.lora(self.lora_rank, self.lora_alpha);
                Ok(())
            }

            fn lora_weight(&self) -> Option<&'static str> {
                Some("kernel")
            }

            fn takes_floats(&self) -> bool {
                true
            }

            fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
                let x = channels_last(x, &self.data_format)?;
                let kernel = cx.weight("kernel")?;
                check_channels(&x, &kernel, self.groups)?;
                let (strides, dilation) = (&self.strides.0, &self.dilation_rate.0);
                let mut y = convolve(&x, &kernel, strides, &self.padding, dilation, self.groups)?;
                if self.use_bias {
                    y = y + cx.weight("bias")?;
                }
                Ok(activated(&y, &self.activation, &self.data_format))
            }
        }
    };
}

conv_layer! {
    /// 1-d convolution: `(batch, steps, channels)` to `(batch, new_steps, filters)`. Keras's `Conv1D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([10, 4]).tensor();
    /// assert_eq!(Conv1D::new(8, 3).padding("causal").apply(&x).shape().to_string(), "(None, 10, 8)");
    /// ```
    Conv1D over 1
}

conv_layer! {
    /// 2-d convolution: `(batch, height, width, channels)` to `(batch, new_height, new_width, filters)`. Keras's `Conv2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([28, 28, 1]).tensor();
    /// let y = Conv2D::new(32, (3, 5)).strides(2).activation("relu").apply(&x);
    /// assert_eq!(y.shape().to_string(), "(None, 13, 12, 32)");
    /// ```
    Conv2D over 2
}

conv_layer! {
    /// 3-d convolution: `(batch, depth, height, width, channels)` to the same with `filters` channels. Keras's `Conv3D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([8, 8, 8, 1]).tensor();
    /// assert_eq!(Conv3D::new(4, 3).padding("same").apply(&x).shape().to_string(), "(None, 8, 8, 8, 4)");
    /// ```
    Conv3D over 3
}

/// The layer keeps the channels that it was built on.
fn check_channels(x: &Value, kernel: &Value, groups: usize) -> Result<()> {
    let expected = kernel.dim(-2) * groups;
    if x.dim(-1) != expected {
        let message = format!("expected {expected} channels, got an input of shape {:?}", x.shape());
        return Err(Error::Data(message).help("a layer keeps the channels it was first applied to"));
    }
    Ok(())
}
