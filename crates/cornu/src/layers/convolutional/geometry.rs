//! From Keras's arguments to windows.
use crate::activations::Activation;
use crate::arguments::{DataFormat, Padding};
use cornu_graph::ops::ConvWindow;
use cornu_graph::{Error, Result, Value};

/// The image with channels last.
pub(crate) fn channels_last(x: &Value, format: &DataFormat) -> Result<Value> {
    Ok(match format.check()? {
        DataFormat::ChannelsFirst => {
            let order: Vec<usize> = [0].into_iter().chain(2..x.rank()).chain([1]).collect();
            x.transpose(&order)
        }
        _ => x.clone(),
    })
}

/// The result where the user wants its channels.
pub(crate) fn restore_channels(y: &Value, format: &DataFormat) -> Value {
    match format {
        // What failed has no axes.
        DataFormat::ChannelsFirst if y.rank() >= 2 => {
            let order: Vec<usize> = [0, y.rank() - 1].into_iter().chain(1..y.rank() - 1).collect();
            y.transpose(&order)
        }
        _ => y.clone(),
    }
}

/// The activation of an image with channels last, then [`restore_channels`]. What looks along the last axis, as softmax, sees
/// the axes where the user has them.
pub(crate) fn activated(y: &Value, activation: &Activation, format: &DataFormat) -> Value {
    if activation.is_elementwise() {
        restore_channels(&activation.call(y), format)
    } else {
        activation.call(&restore_channels(y, format))
    }
}

/// Zeros before and after an axis of `size`.
pub(crate) fn padding_of(
    padding: &Padding,
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
) -> Result<(i64, i64)> {
    let reach = kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
    if i32::try_from(reach).is_err() {
        return Err(Error::argument("dilation_rate", format!("a window of {reach} elements is too large")));
    }
    Ok(match padding.check()? {
        Padding::Same => {
            // Nothing stays nothing.
            let windows = size.div_ceil(stride).saturating_sub(1);
            let total = (windows * stride + reach).saturating_sub(size.max(1)) as i64;
            (total / 2, total - total / 2)
        }
        Padding::Causal => (reach as i64 - 1, 0),
        _ => (0, 0),
    })
}

/// A convolution with the arguments of Keras's layers, channels last. `groups` splits input and output channels.
pub(crate) fn convolve(
    x: &Value,
    kernel: &Value,
    strides: &[usize],
    padding: &Padding,
    dilation: &[usize],
    groups: usize,
) -> Result<Value> {
    if strides.iter().any(|&s| s > 1) && dilation.iter().any(|&d| d > 1) {
        let message = format!(
            "`strides > 1` cannot be used with `dilation_rate > 1`: got {strides:?} and {dilation:?}"
        );
        return Err(Error::argument("strides", message));
    }
    convolve_any(x, kernel, strides, padding, dilation, groups)
}

/// [`convolve`], which may step over a window that is stretched.
pub(crate) fn convolve_any(
    x: &Value,
    kernel: &Value,
    strides: &[usize],
    padding: &Padding,
    dilation: &[usize],
    groups: usize,
) -> Result<Value> {
    let n = strides.len();
    if *padding == Padding::Causal && n != 1 {
        return Err(Error::argument("padding", "\"causal\" is for 1-d convolutions only"));
    }
    if x.rank() != n + 2 || kernel.rank() != n + 2 {
        let (x, kernel) = (x.shape(), kernel.shape());
        let message =
            format!("expected an input and a kernel of {} axes, got shapes {x:?} and {kernel:?}", n + 2);
        return Err(Error::Data(message));
    }
    let pads =
        (0..n).map(|i| padding_of(padding, x.shape()[i + 1], kernel.shape()[i], strides[i], dilation[i]));
    let window = ConvWindow {
        strides: strides.to_vec(),
        padding: pads.collect::<Result<_>>()?,
        lhs_dilation: vec![1; n],
        rhs_dilation: dilation.to_vec(),
        groups,
    };
    Ok(x.conv(kernel, &window))
}
