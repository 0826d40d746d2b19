//! Transposed convolution.
use super::geometry::{activated, channels_last};
use crate::arguments::{DataFormat, Padding, Size};
use crate::layers::prelude::*;
use cornu_graph::ops::ConvWindow;

/// Declares the layer for one number of spatial axes.
macro_rules! conv_transpose_layer {
    ($(#[$doc:meta])* $Conv:ident over $n:literal) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Conv {
            /// Number of output channels.
            pub filters: usize,
            /// Size of the window.
            pub kernel_size: Size<$n>,
            /// Step of the window over the output; 1 by default.
            #[default(1)]
            pub strides: Size<$n>,
            /// `"valid"` (default) or `"same"`.
            #[default("valid")]
            pub padding: Padding,
            /// Elements added to one side of the output; by default as many as the padding needs.
            #[default(None)]
            pub output_padding: Option<Size<$n>>,
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
        }

        impl Layer for $Conv {
            fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
                let channels = input.known(self.data_format.check()?.channel_axis())?;
                let kernel = self.kernel_size.positive("kernel_size")?;
                self.strides.positive("strides")?;
                self.dilation_rate.positive("dilation_rate")?;
                if self.filters == 0 {
                    return Err(Error::argument("filters", "must be positive, got 0"));
                }
                if let Some(extra) = &self.output_padding {
                    if extra.0.iter().zip(&self.strides.0).any(|(e, s)| e >= s) {
                        let message =
                            format!("must be less than the strides {:?}, got {:?}", self.strides.0, extra.0);
                        return Err(Error::argument("output_padding", message));
                    }
                }
                let shape = [&kernel[..], &[self.filters, channels]].concat();
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
                Ok(())
            }

            fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
                let x = channels_last(x, &self.data_format)?;
                let kernel = cx.weight("kernel")?;
                let extra = self.output_padding.as_ref().map(|p| &p.0[..]);
                let (strides, dilation) = (&self.strides.0, &self.dilation_rate.0);
                let mut y = transposed(&x, &kernel, strides, &self.padding, extra, dilation)?;
                if self.use_bias {
                    y = y + cx.weight("bias")?;
                }
                Ok(activated(&y, &self.activation, &self.data_format))
            }
        }
    };
}

conv_transpose_layer! {
    /// Transposed 1-d convolution: `(batch, steps, channels)` to `(batch, new_steps, filters)`. Keras's `Conv1DTranspose`.
    Conv1DTranspose over 1
}

conv_transpose_layer! {
    /// Transposed 2-d convolution ("deconvolution"): the gradient of a convolution by its input. Keras's
    /// `Conv2DTranspose`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([7, 7, 16]).tensor();
    /// let y = Conv2DTranspose::new(8, 3).strides(2).padding("same").apply(&x);
    /// assert_eq!(y.shape().to_string(), "(None, 14, 14, 8)");
    /// ```
    Conv2DTranspose over 2
}

conv_transpose_layer! {
    /// Transposed 3-d convolution. Keras's `Conv3DTranspose`.
    Conv3DTranspose over 3
}

/// The gradient, by its input, of the convolution that has these arguments.
pub(crate) fn transposed(
    x: &Value,
    kernel: &Value,
    strides: &[usize],
    padding: &Padding,
    output_padding: Option<&[usize]>,
    dilation: &[usize],
) -> Result<Value> {
    let n = strides.len();
    if x.rank() != n + 2 || kernel.rank() != n + 2 {
        return Err(Error::Data(format!("expected an input of {} axes, got shape {:?}", n + 2, x.shape())));
    }
    if x.dim(-1) != kernel.dim(-1) {
        let message = format!("expected {} channels, got an input of shape {:?}", kernel.dim(-1), x.shape());
        return Err(Error::Data(message).help("a layer keeps the channels it was first applied to"));
    }
    let same = match padding.check()? {
        Padding::Same => true,
        Padding::Valid => false,
        other => {
            let message = format!("must be \"valid\" or \"same\", got \"{}\"", other.as_str());
            return Err(Error::argument("padding", message));
        }
    };
    let mut output = vec![x.shape()[0]];
    let mut pads = vec![];
    for i in 0..n {
        let (size, stride) = (x.shape()[i + 1] as i64, strides[i] as i64);
        let reach = ((kernel.shape()[i] - 1) * dilation[i] + 1) as i64;
        let extra = output_padding.map(|p| p[i] as i64);
        // Zeros around the stretched input of an ordinary convolution with the flipped kernel.
        let (left, right) = if same {
            let total = extra.map_or(stride + reach - 2, |e| reach + reach % 2 - 2 + e);
            let left = (total / 2 + total % 2).min(reach - 1);
            (left, total - left)
        } else {
            (reach - 1, reach - 1 + extra.unwrap_or((stride - reach).max(0)))
        };
        let out = (size - 1) * stride + 1 + left + right - reach + 1;
        let Ok(out_size) = usize::try_from(out) else {
            return Err(Error::Data(format!("an input of size {size} is too small for this kernel")));
        };
        let low = reach - 1 - left;
        pads.push((low, (size - 1) * stride + reach - out - low));
        output.push(out_size);
    }
    output.push(kernel.dim(-2));
    let window = ConvWindow {
        strides: strides.to_vec(),
        padding: pads,
        lhs_dilation: vec![1; n],
        rhs_dilation: dilation.to_vec(),
        groups: 1,
    };
    Ok(x.conv_input_grad(kernel, &window, &output))
}
