//! Convolution of each channel on its own.
use super::geometry::{activated, channels_last, convolve};
use crate::arguments::{DataFormat, Padding, Size};
use crate::layers::prelude::*;

/// Declares the layer for one number of spatial axes.
macro_rules! depthwise_layer {
    ($(#[$doc:meta])* $Conv:ident over $n:literal) => {
        $(#[$doc])*
        #[layer(
            "keras.layers",
            order(
                name,
                trainable,
                dtype,
                depth_multiplier,
                kernel_size,
                strides,
                padding,
                data_format,
                dilation_rate,
                activation,
                use_bias,
                depthwise_initializer,
                bias_initializer,
                depthwise_regularizer,
                bias_regularizer,
                activity_regularizer,
                depthwise_constraint,
                bias_constraint
            )
        )]
        pub struct $Conv {
            /// Size of the window.
            pub kernel_size: Size<$n>,
            /// Output channels for each input channel; 1 by default.
            #[default(1)]
            pub depth_multiplier: usize,
            /// Step of the window; 1 by default.
            #[default(1)]
            pub strides: Size<$n>,
            /// `"valid"` (default) or `"same"`.
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
            /// For the kernel.
            #[default("glorot_uniform")]
            pub depthwise_initializer: Initializer,
            /// For the bias.
            #[default("zeros")]
            pub bias_initializer: Initializer,
            /// On the kernel.
            #[default(None)]
            pub depthwise_regularizer: Option<Regularizer>,
            /// On the bias.
            #[default(None)]
            pub bias_regularizer: Option<Regularizer>,
            /// On the output.
            #[default(None)]
            pub activity_regularizer: Option<Regularizer>,
            /// On the kernel.
            #[default(None)]
            pub depthwise_constraint: Option<Constraint>,
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
                if self.depth_multiplier == 0 {
                    return Err(Error::argument("depth_multiplier", "must be positive, got 0"));
                }
                let shape = [&kernel[..], &[channels, self.depth_multiplier]].concat();
                weights
                    .add("kernel", shape, &self.depthwise_initializer)
                    .regularizer(&self.depthwise_regularizer)
                    .constraint(&self.depthwise_constraint);
                if self.use_bias {
                    weights
                        .add("bias", [channels * self.depth_multiplier], &self.bias_initializer)
                        .regularizer(&self.bias_regularizer)
                        .constraint(&self.bias_constraint);
                }
                Ok(())
            }

            fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
                let x = channels_last(x, &self.data_format)?;
                let (strides, dilation) = (&self.strides.0, &self.dilation_rate.0);
                let mut y = depthwise(&x, &cx.weight("kernel")?, strides, &self.padding, dilation)?;
                if self.use_bias {
                    y = y + cx.weight("bias")?;
                }
                Ok(activated(&y, &self.activation, &self.data_format))
            }
        }
    };
}

depthwise_layer! {
    /// Convolves each channel of `(batch, steps, channels)` on its own. Keras's `DepthwiseConv1D`.
    DepthwiseConv1D over 1
}

depthwise_layer! {
    /// Convolves each channel of `(batch, height, width, channels)` on its own. Keras's `DepthwiseConv2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([8, 8, 3]).tensor();
    /// assert_eq!(DepthwiseConv2D::new(3).depth_multiplier(2).apply(&x).shape().to_string(), "(None, 6, 6, 6)");
    /// ```
    DepthwiseConv2D over 2
}

/// One group for each channel; the kernel is `(window.., channels, multiplier)`.
pub(crate) fn depthwise(
    x: &Value,
    kernel: &Value,
    strides: &[usize],
    padding: &Padding,
    dilation: &[usize],
) -> Result<Value> {
    if kernel.rank() != strides.len() + 2 {
        return Err(Error::Data(format!(
            "expected a kernel of {} axes, got {:?}",
            strides.len() + 2,
            kernel.shape()
        )));
    }
    let (channels, multiplier) = (kernel.dim(-2), kernel.dim(-1));
    if x.dim(-1) != channels {
        let message = format!("expected {channels} channels, got an input of shape {:?}", x.shape());
        return Err(Error::Data(message).help("a layer keeps the channels it was first applied to"));
    }
    let shape = [&kernel.shape()[..kernel.rank() - 2], &[1, channels * multiplier]].concat();
    convolve(x, &kernel.reshape(&shape), strides, padding, dilation, channels)
}
