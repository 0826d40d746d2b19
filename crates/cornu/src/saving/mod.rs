//! Models in files: Keras's `.keras` archives, `.weights.h5`, the older whole-model `.h5`, and weights as `.safetensors`.
//! Keras's `keras.saving`.
//!
//! ```
//! use cornu::prelude::*;
//!
//! let mut model = Sequential::new().add(Input::new([4])).add(Dense::new(2));
//! model.compile(Compile::new("adam", "mse"))?;
//! let path = std::env::temp_dir().join(format!("cornu-doc-{}.keras", std::process::id()));
//! model.save(&path)?;
//!
//! let mut same = saving::load_model(&path)?;
//! let x = Tensor::ones([1, 4], DType::F32);
//! assert_eq!(same.predict(&x, Predict::new())?, model.predict(&x, Predict::new())?);
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), cornu::Error>(())
//! ```
mod archive;
mod array;
mod assets;
pub(crate) mod compile_config;
mod contents;
mod date;
mod file_editor;
mod hdf5;
mod layout;
mod legacy;
mod legacy_config;
mod legacy_save;
mod load_weights;
mod object_file;
mod safetensors;
mod save_model;
mod sharded;
mod stored;
mod weights;
pub(crate) mod words;

pub use crate::models::clone_model;
pub use crate::object::{get_registered_object, register};
pub use contents::{Holds, holds, load_arrays};
pub use file_editor::{Comparison, KerasFileEditor};
pub use load_weights::{LoadWeights, load_weights};
pub use save_model::{SaveModel, save_model, save_weights};

use crate::layers::LayerRef;
use crate::layers::weights::within_budget;
use crate::models::{Model, from_config};
use archive::Archive;
pub(crate) use assets::is_learned;
use cornu_graph::{Error, Result, memory};
use layout::Arrays;
pub(crate) use object_file::{ObjectFile, save_object};
use serde_json::Value as Json;
use std::path::Path;

/// A model as it was saved: layers, weights, compile settings and the state of the optimizer. Takes `.keras` files,
/// folders of what is in one, and the whole-model `.h5` files of Keras 2 and 3.
///
/// # Errors
/// When the file is not readable, is damaged, or needs something that is not here; a file never runs code.
pub fn load_model(path: impl AsRef<Path>) -> Result<Model> {
    LoadModel::new().load(path)
}

/// The arguments of [`load_model`].
#[derive(Clone, Copy, Debug)]
pub struct LoadModel {
    compile: bool,
}

impl Default for LoadModel {
    fn default() -> Self {
        LoadModel { compile: true }
    }
}

impl LoadModel {
    /// Keras's defaults.
    pub fn new() -> LoadModel {
        LoadModel::default()
    }

    /// Whether to take over optimizer, losses and metrics; true by default.
    pub fn compile(mut self, compile: bool) -> LoadModel {
        self.compile = compile;
        self
    }

    /// Loads the model.
    ///
    /// # Errors
    /// As [`load_model`].
    pub fn load(self, path: impl AsRef<Path>) -> Result<Model> {
        let path = path.as_ref();
        if hdf5::is_hdf5(path) {
            return legacy::load_model(path, self.compile);
        }
        let what = path.display().to_string();
        let mut archive = Archive::open(path)?;
        let mut config: Json = archive.json("config.json")?;
        let arrays = hdf5::read(archive.stored("model.weights.h5")?, archive.size(), &what)?;
        let arrays = Arrays { what: &what, by_path: arrays };
        assets::add(&mut config, &mut archive, &arrays)?;
        let mut model = build(&config, &arrays)?;
        weights::load(&model, &arrays)?;
        let is_compiled = config["compile_config"].as_object().is_some_and(|c| !c.is_empty());
        if self.compile && is_compiled {
            compile_config::apply(&mut model, &config["compile_config"], &arrays)?;
        }
        Ok(model)
    }
}

/// A model from its config, not larger than the arrays of its file.
fn build(config: &Json, arrays: &Arrays) -> Result<Model> {
    // Eight bytes for each number, and room for the states of generators.
    const SPARE: u64 = 1 << 20;
    let numbers: u64 = arrays.by_path.values().map(|t| t.len() as u64).sum();
    within_budget(8 * numbers + SPARE, || from_config::model(config))
        .map_err(|e| Error::Format { what: arrays.what.into(), message: e.to_string() })
}

/// Runs `f`, within which models may make no more than `bytes` of weights, and no computation compiled in it may take more
/// memory than that. For what others wrote: a config of a few lines can ask for any amount. Files of models are held to what
/// they hold without it.
///
/// ```
/// use cornu::saving::{model_from_json, within_memory};
///
/// let text = r#"{"class_name": "Sequential", "config": {"layers": [
///     {"class_name": "InputLayer", "config": {"batch_shape": [null, 1000000]}},
///     {"class_name": "Dense", "config": {"name": "d", "units": 1000000}}]}}"#;
/// let error = within_memory(1 << 30, || model_from_json(text)).unwrap_err();
/// assert!(error.to_string().contains("does not fit into memory"));
/// ```
pub fn within_memory<R>(bytes: u64, f: impl FnOnce() -> R) -> R {
    memory::within(bytes, || within_budget(bytes, f))
}

/// A model from what [`Model::to_json`] gave, with new weights; compiled if the other was.
///
/// # Errors
/// When the text is no saved model.
pub fn model_from_json(json: &str) -> Result<Model> {
    const WHAT: &str = "model_from_json";
    let saved: Json = words::read(json.as_bytes())
        .map_err(|e| Error::Format { what: WHAT.into(), message: e.to_string() })?;
    let mut model = from_config::model(&saved)?;
    if saved["compile_config"].as_object().is_some_and(|c| !c.is_empty()) {
        let nothing = Arrays { what: WHAT, by_path: Default::default() };
        compile_config::apply(&mut model, &saved["compile_config"], &nothing)?;
    }
    Ok(model)
}

/// Compiles `other` as `model` is, if it is.
pub(crate) fn compile_as(model: &Model, other: &mut Model) -> Result<()> {
    let Some(compiled) = model.settings()? else { return Ok(()) };
    match compile_config::of(&compiled) {
        Ok(saved) if other.is_built() => {
            let nothing = Arrays { what: "compile", by_path: Default::default() };
            compile_config::apply(other, &saved, &nothing)
        }
        // User code has no saved form; an unbuilt model has no weights to optimize yet.
        _ => other.compile((*compiled.compile).clone()),
    }
}

impl Model {
    /// A model from what [`Model::get_config`] gave, with new weights. Keras's `from_config` of `Sequential` and `Model`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let model = Sequential::new().add(Input::new([4])).add(Dense::new(2));
    /// let same = Model::from_config(&model.get_config()?)?;
    /// assert_eq!(same.get_config()?, model.get_config()?);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it is no config of a model.
    pub fn from_config(config: &Json) -> Result<Model> {
        let class = if config.get("input_layers").is_some() { "Functional" } else { "Sequential" };
        from_config::model(&serde_json::json!({"class_name": class, "config": config}))
    }

    /// The layers and their settings as JSON, and what the model was compiled with. Keras's `to_json`.
    ///
    /// # Errors
    /// When a layer, loss or metric has no saved form.
    pub fn to_json(&self) -> Result<String> {
        Ok(words::write(&saved_with_compile_config(self)?))
    }
}

/// The config of a model with its compile settings, as in `config.json`.
fn saved_with_compile_config(model: &Model) -> Result<Json> {
    let mut config = model.saved()?;
    config["compile_config"] = match model.settings()? {
        Some(compiled) => compile_config::of(&compiled)?,
        None => serde_json::json!({}),
    };
    Ok(config)
}

/// The version of Keras whose files these are.
const KERAS_VERSION: &str = "3.15.1";

/// The layers that Keras keeps for a model.
fn layers(model: &Model) -> Vec<LayerRef> {
    model.layers()
}
