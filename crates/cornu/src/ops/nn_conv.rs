//! Convolutions, and windows as columns.
use super::{MaybePerAxis, PerAxis};
use crate::layers::convolutional::{channels_last, convolve_any, depthwise, restore_channels, transposed};
use crate::{DataFormat, Padding};
use cornu_graph::ops::ConvWindow;
use cornu_graph::{Error, Result, Tensor, Value};

ops! {
    "keras.src.ops.nn";
    /// Convolution of `(batch, spatial.., channels)` with a kernel `(spatial.., channels / groups, filters)`; the sizes say
    /// how many groups there are. The padding is `"valid"`, `"same"` or, over one axis, `"causal"`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Tensor::new([1, 3, 1], vec![1f32, 2.0, 4.0])?;
    /// let kernel = Tensor::new([2, 1, 1], vec![1f32, 10.0])?;
    /// let y = ops::conv(&x, &kernel, 1, "valid", "channels_last", 1)?;
    /// assert_eq!(y.to_vec::<f32>()?, [21.0, 42.0]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Conv conv(inputs, kernel) {
        strides: PerAxis, padding: Padding, data_format: DataFormat, dilation_rate: PerAxis
    } => with_channels(inputs, data_format, |x| {
        let (strides, dilation) = steps(x, strides, dilation_rate)?;
        convolve_any(x, kernel, &strides, padding, &dilation, groups(x, kernel)?)
    });
    /// Transposed convolution with a kernel `(spatial.., filters, channels)`: the gradient of [`conv`] by its input. The
    /// output padding says how many elements are added at one side.
    ConvTranspose conv_transpose(inputs, kernel) {
        strides: PerAxis, padding: Padding, output_padding: MaybePerAxis, data_format: DataFormat, dilation_rate: PerAxis
    } => with_channels(inputs, data_format, |x| {
        let (strides, dilation) = steps(x, strides, dilation_rate)?;
        let extra = output_padding.0.as_ref().map(|p| p.of(strides.len(), "output_padding")).transpose()?;
        transposed(x, kernel, &strides, padding, extra.as_deref(), &dilation)
    });
    /// Convolution of each channel on its own, with a kernel `(spatial.., channels, multiplier)`.
    DepthwiseConv depthwise_conv(inputs, kernel) {
        strides: PerAxis, padding: Padding, data_format: DataFormat, dilation_rate: PerAxis
    } => with_channels(inputs, data_format, |x| {
        let (strides, dilation) = steps(x, strides, dilation_rate)?;
        depthwise(x, kernel, &strides, padding, &dilation)
    });
    /// [`depthwise_conv`], then a convolution of size 1 across channels.
    SeparableConv separable_conv(inputs, depthwise_kernel, pointwise_kernel) {
        strides: PerAxis, padding: Padding, data_format: DataFormat, dilation_rate: PerAxis
    } => with_channels(inputs, data_format, |x| {
        let (strides, dilation) = steps(x, strides, dilation_rate)?;
        let apart = depthwise(x, depthwise_kernel, &strides, padding, &dilation)?;
        let ones = vec![1; strides.len()];
        convolve_any(&apart, pointwise_kernel, &ones, &Padding::Valid, &ones, 1)
    });
    /// The windows of images `(batch, channels, rows, columns)` as columns: `(batch, channels * window, windows)`.
    Unfold unfold(x) { kernel_size: PerAxis, dilation: PerAxis, padding: PerAxis, stride: PerAxis } =>
        unfolded(x, kernel_size, dilation, padding, stride).unwrap_or_else(|e| x.fail(e));
    /// The sums of columns where their windows overlap, the transpose of [`unfold`]: `(batch, channels * window, windows)` to
    /// `(batch, channels, rows, columns)`.
    Fold fold(x) { output_size: PerAxis, kernel_size: PerAxis, dilation: PerAxis, padding: PerAxis, stride: PerAxis } =>
        folded(x, output_size, kernel_size, dilation, padding, stride).unwrap_or_else(|e| x.fail(e));
}

fn with_channels(x: &Value, format: &DataFormat, f: impl FnOnce(&Value) -> Result<Value>) -> Value {
    let y = channels_last(x, format).and_then(|x| f(&x));
    y.map_or_else(|e| x.fail(e), |y| restore_channels(&y, format))
}

fn steps(x: &Value, strides: &PerAxis, dilation: &PerAxis) -> Result<(Vec<usize>, Vec<usize>)> {
    let n = x.rank().saturating_sub(2);
    Ok((strides.positive(n, "strides")?, dilation.positive(n, "dilation_rate")?))
}

/// In how many groups a kernel takes the channels.
fn groups(x: &Value, kernel: &Value) -> Result<usize> {
    let (channels, taken) = (x.dim(-1), kernel.dim(-2));
    if kernel.rank() != x.rank() || taken == 0 || !channels.is_multiple_of(taken) {
        let message = format!("a kernel of shape {:?} does not take {channels} channels", kernel.shape());
        return Err(Error::argument("kernel", message));
    }
    Ok(channels / taken)
}

/// The convolution that takes each element of a window of images with one channel to a channel of its own.
fn picking(like: &Value, size: &[usize]) -> Result<Value> {
    /// Its kernel has the square of this many elements.
    const LARGEST: usize = 4096;
    let area = size[0].saturating_mul(size[1]);
    if area > LARGEST {
        let message = format!("windows have at most {LARGEST} elements, got {size:?}");
        return Err(Error::argument("kernel_size", message));
    }
    let mut hot = vec![0.0; area * area];
    (0..area).for_each(|i| hot[i * area + i] = 1.0);
    let kernel = Tensor::from_f64([size[0], size[1], 1, area], like.dtype(), &hot)?;
    Ok(like.builder().constant(kernel))
}

fn window(dilation: &PerAxis, padding: &PerAxis, stride: &PerAxis) -> Result<ConvWindow> {
    let around = padding.of(2, "padding")?.into_iter().map(|p| (p as i64, p as i64)).collect();
    Ok(ConvWindow {
        strides: stride.positive(2, "stride")?,
        padding: around,
        lhs_dilation: vec![1; 2],
        rhs_dilation: dilation.positive(2, "dilation")?,
        groups: 1,
    })
}

fn unfolded(
    x: &Value,
    size: &PerAxis,
    dilation: &PerAxis,
    padding: &PerAxis,
    stride: &PerAxis,
) -> Result<Value> {
    let &[batch, channels, rows, columns] = x.shape() else {
        return Err(Error::op(
            "unfold",
            format!("takes (batch, channels, rows, columns), got {:?}", x.shape()),
        ));
    };
    let kernel = picking(x, &size.positive(2, "kernel_size")?)?;
    let each = x.reshape(&[batch * channels, rows, columns, 1]);
    let patches = each.conv(&kernel, &window(dilation, padding, stride)?);
    x.builder().check()?;
    let (places, area) = (patches.dim(1) * patches.dim(2), kernel.dim(-1));
    let columns = patches.reshape(&[batch, channels, places, area]).transpose(&[0, 1, 3, 2]);
    Ok(columns.reshape(&[batch, channels * area, places]))
}

fn folded(
    x: &Value,
    output: &PerAxis,
    size: &PerAxis,
    dilation: &PerAxis,
    padding: &PerAxis,
    stride: &PerAxis,
) -> Result<Value> {
    let &[batch, depth, places] = x.shape() else {
        return Err(Error::op(
            "fold",
            format!("takes (batch, channels * window, windows), got {:?}", x.shape()),
        ));
    };
    let (output, size) = (output.positive(2, "output_size")?, size.positive(2, "kernel_size")?);
    let kernel = picking(x, &size)?;
    let area = kernel.dim(-1);
    if !depth.is_multiple_of(area) {
        return Err(Error::op("fold", format!("{depth} rows are no windows of {size:?}")));
    }
    let channels = depth / area;
    let window = window(dilation, padding, stride)?;
    let count = |axis: usize| window.output(axis, output[axis], size[axis]).unwrap_or(0);
    let (high, wide) = (count(0), count(1));
    if high * wide != places {
        let message = format!("an image of {output:?} has {high} x {wide} windows, got {places}");
        return Err(Error::op("fold", message));
    }
    let apart = x.reshape(&[batch, channels, area, places]).transpose(&[0, 1, 3, 2]);
    let apart = apart.reshape(&[batch * channels, high, wide, area]);
    let image = apart.conv_input_grad(&kernel, &window, &[batch * channels, output[0], output[1], 1]);
    Ok(image.reshape(&[batch, channels, output[0], output[1]]))
}
