//! Normalization.
mod axes;
mod batch_normalization;
mod group_normalization;
mod layer_normalization;
mod rms_normalization;
mod spectral_normalization;
mod unit_normalization;

pub use axes::Axes;
pub use batch_normalization::BatchNormalization;
pub(crate) use batch_normalization::batch_normalize;
pub use group_normalization::GroupNormalization;
pub use layer_normalization::LayerNormalization;
pub(crate) use layer_normalization::layer_normalize;
pub use rms_normalization::RMSNormalization;
pub(crate) use rms_normalization::rms_normalize;
pub use spectral_normalization::SpectralNormalization;
pub use unit_normalization::UnitNormalization;

use cornu_graph::Value;

/// One number for each position of `axis` of `x`, in the shape of `x`.
fn along_axis(numbers: &Value, x: &Value, axis: usize) -> Value {
    numbers.broadcast_in_dim(x.shape(), vec![axis])
}

/// Weights of the sizes of these axes of `x`, in its dtype, with size 1 along the others; those that already have its rank
/// stay as they are.
fn over_axes(weights: &Value, x: &Value, axes: &[usize]) -> Value {
    let weights = weights.cast(x.dtype());
    let sizes: Vec<usize> = (0..x.rank()).map(|a| if axes.contains(&a) { x.shape()[a] } else { 1 }).collect();
    if weights.rank() == 0 || weights.rank() == x.rank() { weights } else { weights.reshape(&sizes) }
}
