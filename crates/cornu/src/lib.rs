//! Keras for Rust.
//!
//! The same models, layers, losses, metrics, optimizers and callbacks under the same names; compiled ahead of time into
//! one program per training step, on an engine of our own.
//!
//! ```no_run
//! use cornu::prelude::*;
//!
//! let ((x, y), (x_test, y_test)) = datasets::mnist::load_data()?;
//! let mut model = Sequential::new()
//!     .add(Input::new([28, 28, 1]))
//!     .add(Conv2D::new(32, 3).activation("relu"))
//!     .add(MaxPooling2D::new())
//!     .add(Flatten::new())
//!     .add(Dropout::new(0.5))
//!     .add(Dense::new(10).activation("softmax"));
//! model.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"]))?;
//! model.fit(&x, &y, Fit::new().batch_size(128).epochs(5).validation_data((&x_test, &y_test)))?;
//! # Ok::<(), cornu::Error>(())
//! ```
// Macros name this crate `::cornu`, inside of it too.
extern crate self as cornu;

pub mod activations;
pub mod applications;
mod arguments;
pub mod backend;
pub mod callbacks;
pub mod constraints;
pub mod data;
pub mod datasets;
pub mod distribution;
mod dtype_policy;
pub mod initializers;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod models;
/// Computing in a half type: Keras's `keras.mixed_precision`. A single layer is told by its `dtype`.
pub mod mixed_precision {
    pub use crate::DTypePolicy;
    pub use crate::dtype_policy::{
        dtype_policy, dtype_policy as global_policy, set_dtype_policy, set_dtype_policy as set_global_policy,
    };
    pub use crate::optimizers::LossScaleOptimizer;
}
pub mod object;
pub mod ops;
pub mod optimizers;
pub mod random;
pub mod regularizers;
pub mod saving;
mod shape;
pub mod training;
pub mod utils;
mod variable;

pub use arguments::{DataFormat, Padding, Size};
pub use cornu_derive::{config, layer};
pub use cornu_graph::{DType, Error, Result, Tensor, Value};
pub use dtype_policy::DTypePolicy;
pub use object::KerasObject;
pub use shape::Shape;
pub use variable::{Role, Variable};

/// The code of the front page is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;

/// What the code written by `#[config]` and `#[layer]` uses.
#[doc(hidden)]
pub mod __private {
    pub use crate::layers::write_base;
    pub use crate::object::Fields;
    pub use crate::object::number::Saved as SavedNumber;
    pub use serde;
}

/// Everything that a program with cornu usually needs.
pub mod prelude {
    pub use crate::callbacks::*;
    pub use crate::layers::*;
    pub use crate::losses::Loss;
    pub use crate::metrics::Metric;
    pub use crate::models::{Apply, Inputs, KerasTensor, Model, Sequential};
    pub use crate::optimizers::{
        Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, LossScaleOptimizer, MultiOptimizer, Nadam,
        Optimizer, OptimizerMap, RMSprop, SGD, schedules,
    };
    pub use crate::training::{Compile, Data, Evaluate, Fit, History, Logs, Predict, PredictStep, TrainStep};
    pub use crate::{
        DType, Error, Result, Shape, Tensor, Value, applications, config, datasets, distribution, layer,
        losses, metrics, ops, random, saving, utils,
    };
}
