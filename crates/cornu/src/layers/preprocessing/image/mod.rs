//! Images.
mod center_crop;
mod geometry;
mod resizing;

pub use center_crop::CenterCrop;
pub use resizing::Resizing;
