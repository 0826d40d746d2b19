//! Pooling.
use super::{MaybePerAxis, PerAxis};
use crate::layers::convolutional::{channels_last, restore_channels};
use crate::layers::pooling::{Windows, adaptive};
use crate::{DataFormat, Padding};
use cornu_graph::ops::PoolKind;
use cornu_graph::{Result, Value};

ops! {
    "keras.src.ops.nn";
    /// The largest of each window of the spatial axes, `(batch, spatial.., channels)`; the step is the size of the window
    /// unless given. The padding is `"valid"` or `"same"`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Tensor::new([1, 4, 1], vec![1f32, 3.0, 2.0, 5.0])?;
    /// let y = ops::max_pool(&x, 2, None, "valid", "channels_last")?;
    /// assert_eq!(y.to_vec::<f32>()?, [3.0, 5.0]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MaxPool max_pool(inputs) {
        pool_size: PerAxis, strides: MaybePerAxis, padding: Padding, data_format: DataFormat
    } => pooled(inputs, pool_size, strides, padding, data_format, PoolKind::Max).unwrap_or_else(|e| inputs.fail(e));
    /// The mean of each window; as [`max_pool`]. What lies outside does not count.
    AveragePool average_pool(inputs) {
        pool_size: PerAxis, strides: MaybePerAxis, padding: Padding, data_format: DataFormat
    } => pooled(inputs, pool_size, strides, padding, data_format, PoolKind::Sum).unwrap_or_else(|e| inputs.fail(e));
    /// The largest of as many windows along each spatial axis as the output has places.
    AdaptiveMaxPool adaptive_max_pool(inputs) { output_size: PerAxis, data_format: DataFormat } =>
        adapted(inputs, output_size, data_format, PoolKind::Max).unwrap_or_else(|e| inputs.fail(e));
    /// The mean of as many windows along each spatial axis as the output has places.
    AdaptiveAveragePool adaptive_average_pool(inputs) { output_size: PerAxis, data_format: DataFormat } =>
        adapted(inputs, output_size, data_format, PoolKind::Sum).unwrap_or_else(|e| inputs.fail(e));
}

fn pooled(
    x: &Value,
    size: &PerAxis,
    strides: &MaybePerAxis,
    padding: &Padding,
    format: &DataFormat,
    kind: PoolKind,
) -> Result<Value> {
    let x = channels_last(x, format)?;
    let n = x.rank().saturating_sub(2);
    let size = size.positive(n, "pool_size")?;
    let strides = strides.0.as_ref().map_or(Ok(size.clone()), |s| s.positive(n, "strides"))?;
    let windows = Windows { size: &size, strides: &strides, padding };
    let y = if kind == PoolKind::Max { windows.pool(&x, kind)? } else { windows.average(&x)? };
    Ok(restore_channels(&y, format))
}

fn adapted(x: &Value, size: &PerAxis, format: &DataFormat, kind: PoolKind) -> Result<Value> {
    let size = size.positive(x.rank().saturating_sub(2), "output_size")?;
    adaptive(x, &size, format, kind)
}
