//! Functions of tensors: Keras's `keras.ops`.
//!
//! Each works on three kinds of tensor, and its result is of the same kind:
//!
//! - a [`KerasTensor`]: the call becomes a layer of the functional model, as in Keras;
//! - a [`Value`], within the `call` of a layer, a loss or a metric: ops are added to the graph;
//! - a [`Tensor`] on the host: it is computed at once, which can fail, so the result is a [`Result`].
//!
//! Arguments come in Keras's order, all of them. Numbers stand for tensors where Keras lets them; `+ - * /` work on
//! symbolic tensors too.
//!
//! ```
//! use cornu::prelude::*;
//!
//! let x = Input::new([4]).tensor();
//! let y = ops::softmax(&(&x * 2.0 + 1.0), -1);
//! assert_eq!(y.shape().to_string(), "(None, 4)");
//!
//! let x = Tensor::from([1f32, 2.0, 4.0]);
//! assert_eq!(ops::log2(&x)?.to_vec::<f32>()?, [0.0, 1.0, 2.0]);
//! assert_eq!(ops::sum(&x, None, false)?.item()?, 7.0);
//! # Ok::<(), cornu::Error>(())
//! ```
#[macro_use]
mod list;

mod arguments;
mod binary;
mod blocks;
mod build;
mod compare;
mod complex;
mod control;
mod counting;
pub(crate) mod creation;
pub(crate) mod dtypes;
mod eig;
mod einsum;
mod elementwise;
pub(crate) mod fourier;
mod functions;
mod get_item;
mod image;
mod image_filters;
mod image_patches;
mod image_places;
mod image_scale;
mod index;
mod limits;
mod linalg;
mod linear;
mod loss;
mod nan;
mod nn;
mod nn_attention;
mod nn_conv;
mod nn_ctc;
mod nn_norm;
mod nn_pool;
mod norm;
mod operand;
mod operation;
mod operators;
mod quantile;
mod rearrange;
mod reduce;
pub(crate) mod registry;
mod reshape;
mod scans;
mod slot;
mod table;
mod windows;

pub use arguments::{
    Arg, Axes, Constant, MaybeNumber, MaybePerAxis, Number, PerAxis, Sections, Sizes, constant,
};
pub use binary::*;
pub use blocks::*;
pub use build::*;
pub use compare::*;
pub use complex::{polar, view_as_complex};
pub use control::*;
pub use counting::*;
pub use creation::*;
pub use eig::eig;
pub use elementwise::*;
pub use fourier::conjugate as conj;
pub use fourier::*;
pub use functions::*;
pub use get_item::{Index, get_item};
pub use image::*;
pub use image_filters::*;
pub use image_patches::*;
pub use image_places::*;
pub use image_scale::scale_and_translate;
pub use index::*;
pub use limits::Limits;
pub use linalg::*;
pub use linear::*;
pub use loss::*;
pub use nan::*;
pub use nn::*;
pub use nn_attention::*;
pub use nn_conv::*;
pub use nn_ctc::*;
pub use nn_norm::*;
pub use nn_pool::*;
pub use norm::*;
pub(crate) use operand::run;
pub use operand::{Operand, Traced};
pub use operation::Operation;
pub use quantile::*;
pub use rearrange::rearrange;
pub use reduce::*;
pub use reshape::*;
pub use scans::*;
pub use table::*;
pub use windows::*;

#[cfg(doc)]
use crate::{Result, Tensor, Value, models::KerasTensor};
