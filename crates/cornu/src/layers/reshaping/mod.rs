//! Layers that move elements and leave their values.
mod cropping;
mod flatten;
mod permute;
mod repeat_vector;
mod reshape;
pub(crate) mod resize;
mod sides;
mod up_sampling;
mod zero_padding;

pub use cropping::{Cropping1D, Cropping2D, Cropping3D};
pub use flatten::Flatten;
pub use permute::Permute;
pub use repeat_vector::RepeatVector;
pub use reshape::Reshape;
pub use sides::Sides;
pub use up_sampling::{UpSampling1D, UpSampling2D, UpSampling3D};
pub use zero_padding::{ZeroPadding1D, ZeroPadding2D, ZeroPadding3D};

use crate::arguments::DataFormat;
use crate::layers::checks;
use crate::layers::prelude::*;

/// The first of `n` spatial axes of `x`, which must have a batch and a channel axis beside them.
fn first_spatial_axis(x: &Value, n: usize, format: &DataFormat) -> Result<usize> {
    checks::rank(x, n + 2)?;
    Ok(if *format.check()? == DataFormat::ChannelsFirst { 2 } else { 1 })
}
