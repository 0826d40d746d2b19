//! Convolution of each channel on its own, then across channels.
use super::depthwise_conv::depthwise;
use super::geometry::{activated, channels_last, convolve};
use crate::arguments::{DataFormat, Padding, Size};
use crate::layers::prelude::*;

/// Declares the layer for one number of spatial axes.
macro_rules! separable_layer {
    ($(#[$doc:meta])* $Conv:ident over $n:literal) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Conv {
            /// Channels between the two steps for each input channel; 1 by default.
            #[default(1)]
            pub depth_multiplier: usize,
            /// Number of output channels.
            pub filters: usize,
            /// Size of the window.
            pub kernel_size: Size<$n>,
            /// Step of the window; 1 by default.
            #[default(1)]
            pub strides: Size<$n>,
            /// `"valid"` (default), `"same"`, for `SeparableConv1D` also `"causal"`.
            #[default("valid")]
            pub padding: Padding,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
            /// Distance between the window's elements; 1 by default.
            #[default(1)]
            pub dilation_rate: Size<$n>,
            /// Applied to the result.
            #[default("linear")]
            pub activation: Activation,
            /// Whether to add a bias; true by default.
            #[default(true)]
            pub use_bias: bool,
            /// For the kernel of the first step.
            #[default("glorot_uniform")]
            pub depthwise_initializer: Initializer,
            /// For the kernel of the second step.
            #[default("glorot_uniform")]
            pub pointwise_initializer: Initializer,
            /// For the bias.
            #[default("zeros")]
            pub bias_initializer: Initializer,
            /// On the kernel of the first step.
            #[default(None)]
            pub depthwise_regularizer: Option<Regularizer>,
            /// On the kernel of the second step.
            #[default(None)]
            pub pointwise_regularizer: Option<Regularizer>,
            /// On the bias.
            #[default(None)]
            pub bias_regularizer: Option<Regularizer>,
            /// On the output.
            #[default(None)]
            pub activity_regularizer: Option<Regularizer>,
            /// On the kernel of the first step.
            #[default(None)]
            pub depthwise_constraint: Option<Constraint>,
            /// On the kernel of the second step.
            #[default(None)]
            pub pointwise_constraint: Option<Constraint>,
            /// On the bias.
            #[default(None)]
            pub bias_constraint: Option<Constraint>,
        }

        impl Layer for $Conv {
            fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
                let channels = input.known(self.data_format.check()?.channel_axis())?;
                let kernel = self.kernel_size.positive("kernel_size")?;
                self.strides.positive("strides")?;
                self.dilation_rate.positive("dilation_rate")?;
                if self.filters == 0 || self.depth_multiplier == 0 {
                    return Err(Error::argument("filters", "`filters` and `depth_multiplier` must be positive"));
                }
                let shape = [&kernel[..], &[channels, self.depth_multiplier]].concat();
                weights
                    .add("depthwise_kernel", shape, &self.depthwise_initializer)
                    .regularizer(&self.depthwise_regularizer)
                    .constraint(&self.depthwise_constraint);
                let shape = [&[1; $n][..], &[channels * self.depth_multiplier, self.filters]].concat();
                weights
                    .add("pointwise_kernel", shape, &self.pointwise_initializer)
                    .regularizer(&self.pointwise_regularizer)
                    .constraint(&self.pointwise_constraint);
                if self.use_bias {
                    weights
                        .add("bias", [self.filters], &self.bias_initializer)
                        .regularizer(&self.bias_regularizer)
                        .constraint(&self.bias_constraint);
                }
                Ok(())
            }

            fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
                let x = channels_last(x, &self.data_format)?;
                let (strides, dilation) = (&self.strides.0, &self.dilation_rate.0);
                let apart = depthwise(&x, &cx.weight("depthwise_kernel")?, strides, &self.padding, dilation)?;
                let mixing = cx.weight("pointwise_kernel")?;
                let mut y = convolve(&apart, &mixing, &[1; $n], &Padding::Valid, &[1; $n], 1)?;
                if self.use_bias {
                    y = y + cx.weight("bias")?;
                }
                Ok(activated(&y, &self.activation, &self.data_format))
            }
        }
    };
}

separable_layer! {
    /// A depthwise convolution of `(batch, steps, channels)`, then one of size 1 across channels. Keras's
    /// `SeparableConv1D`.
    SeparableConv1D over 1
}

separable_layer! {
    /// A depthwise convolution of `(batch, height, width, channels)`, then one of size 1 across channels. Keras's
    /// `SeparableConv2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([8, 8, 3]).tensor();
    /// assert_eq!(SeparableConv2D::new(5, 3).apply(&x).shape().to_string(), "(None, 6, 6, 5)");
    /// ```
    SeparableConv2D over 2
}
