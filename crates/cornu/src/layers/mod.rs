//! Keras's layers, and the interface to write others.
mod aliases;
pub(crate) mod as_read;
mod base;
mod call;
pub(crate) mod checks;
pub(crate) mod einsum;
pub(crate) mod given;
mod host;
mod layer;
mod layer_box;
pub mod list;
pub(crate) mod lora;
pub(crate) mod weights;

mod activations;
pub(crate) mod attention;
pub(crate) mod convolutional;
pub(crate) mod core;
mod merging;
pub(crate) mod normalization;
pub(crate) mod pooling;
pub(crate) mod preprocessing;
pub(crate) mod regularization;
pub(crate) mod reshaping;
mod rnn;

pub use activations::*;
pub use aliases::*;
pub use attention::*;
pub use convolutional::*;
pub use core::*;
pub use merging::*;
pub use normalization::*;
pub use pooling::*;
pub use preprocessing::*;
pub use regularization::*;
pub use reshaping::*;
pub use rnn::*;

#[doc(hidden)]
pub use base::write_base;
pub use base::{HasBase, LayerBase};
pub use call::{Call, Trace};
pub use given::Given;
pub use host::HostLayer;
pub use layer::{Layer, LayerObject, LayerRef};
pub use layer_box::LayerBox;
pub use lora::EnableLora;
pub use weights::{Wanted, Weights};
pub(crate) use weights::{ensure_built, in_layer};

/// What the file of a layer starts with.
pub mod prelude {
    pub use crate::activations::Activation;
    pub use crate::constraints::Constraint;
    pub use crate::initializers::Initializer;
    pub use crate::layers::{Call, Layer, LayerRef, Weights};
    pub use crate::regularizers::Regularizer;
    pub use crate::shape::Shape;
    pub use cornu_derive::layer;
    pub use cornu_graph::{DType, Error, Result, Tensor, Value};
}
