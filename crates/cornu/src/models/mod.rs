//! Models: layers joined to one thing that is trained, evaluated and saved.
mod cloning;
pub(crate) mod config;
pub(crate) mod from_config;
pub(crate) mod functional;
mod host_stage;
pub(crate) mod keras_tensor;
pub(crate) mod model;
pub(crate) mod nested;
mod sequential;
mod summary;
pub(crate) mod weights;

pub use crate::saving::{load_model, model_from_json, save_model};
pub use cloning::{CloneModel, clone_model};
pub(crate) use functional::Functional;
pub use keras_tensor::{Apply, Inputs, KerasTensor};
pub use model::{Model, WhichLayer};
pub use sequential::{Sequential, Stage};
pub use summary::Summary;
pub use weights::ModelVariable;
