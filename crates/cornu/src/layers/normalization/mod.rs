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
pub use group_normalization::GroupNormalization;
pub use layer_normalization::LayerNormalization;
pub use rms_normalization::RMSNormalization;
pub use spectral_normalization::SpectralNormalization;
pub use unit_normalization::UnitNormalization;

use cornu_graph::Value;

/// One number for each position of `axis` of `x`, in the shape of `x`.
fn along_axis(numbers: &Value, x: &Value, axis: usize) -> Value {
    numbers.broadcast_in_dim(x.shape(), vec![axis])
}
