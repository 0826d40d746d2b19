//! Convolutions.
mod conv;
mod conv_transpose;
mod depthwise_conv;
mod geometry;
mod separable_conv;

pub use conv::{Conv1D, Conv2D, Conv3D};
pub(crate) use conv_transpose::transposed;
pub use conv_transpose::{Conv1DTranspose, Conv2DTranspose, Conv3DTranspose};
pub(crate) use depthwise_conv::depthwise;
pub use depthwise_conv::{DepthwiseConv1D, DepthwiseConv2D};
pub(crate) use geometry::{channels_last, convolve, convolve_any, padding_of, restore_channels};
pub use separable_conv::{SeparableConv1D, SeparableConv2D};
