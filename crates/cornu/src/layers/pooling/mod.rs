//! Pooling.
mod adaptive_pooling;
mod average_pooling;
mod global_pooling;
mod max_pooling;
mod window;

pub(crate) use adaptive_pooling::adaptive;
pub use adaptive_pooling::{
    AdaptiveAveragePooling1D, AdaptiveAveragePooling2D, AdaptiveAveragePooling3D, AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D, AdaptiveMaxPooling3D,
};
pub use average_pooling::{AveragePooling1D, AveragePooling2D, AveragePooling3D};
pub use global_pooling::{
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D,
    GlobalMaxPooling2D, GlobalMaxPooling3D,
};
pub use max_pooling::{MaxPooling1D, MaxPooling2D, MaxPooling3D};
pub(crate) use window::Windows;
