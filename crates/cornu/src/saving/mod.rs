//! Models in files: Keras's `.keras` archives, `.weights.h5` and, to read, the `.h5` of Keras 2. Keras's `keras.saving`.
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
mod assets;
mod compile_config;
mod date;
mod hdf5;
mod layout;
mod legacy;
mod legacy_config;
mod weights;
mod words;

pub use crate::object::register;
pub(crate) use weights::{load_weights, save_weights};

use crate::layers::LayerRef;
use crate::layers::weights::within_budget;
use crate::models::{Model, from_config};
use crate::utils::atomic;
use archive::Archive;
use cornu_graph::{Error, Result};
use layout::Arrays;
use serde_json::Value as Json;
use std::path::Path;

/// A model as it was saved: layers, weights, compile settings and the state of the optimizer. Takes `.keras` files and the
/// whole-model `.h5` files of Keras 2.
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
        let arrays = hdf5::read(archive.bytes("model.weights.h5")?, &what)?;
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

/// A model from what [`Model::to_json`] gave, with new weights.
///
/// # Errors
/// When the text is no saved model.
pub fn model_from_json(json: &str) -> Result<Model> {
    let saved: Json = words::read(json.as_bytes())
        .map_err(|e| Error::Format { what: "model_from_json".into(), message: e.to_string() })?;
    from_config::model(&saved)
}

/// A model of the same layers with new weights. Keras's `clone_model`.
///
/// # Errors
/// When a layer has no saved form.
pub fn clone_model(model: &Model) -> Result<Model> {
    from_config::model(&model.saved()?)
}

impl Model {
    /// Saves layers, weights, compile settings and the state of the optimizer to a `.keras` file, which Keras loads. The file is
    /// replaced whole or not at all.
    ///
    /// # Errors
    /// When the model is not built, a layer has no saved form, or the file cannot be written; then what was there stays.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path.extension().is_none_or(|e| e != "keras") {
            let message = format!("the name of a saved model ends in `.keras`, got `{}`", path.display());
            return Err(Error::argument("save", message).help("for weights alone there is `save_weights`"));
        }
        self.built()?;
        let mut config = self.saved()?;
        config["compile_config"] = compile_config::of(self)?.unwrap_or_else(|| serde_json::json!({}));
        let metadata = serde_json::json!({"keras_version": KERAS_VERSION, "date_saved": date::now()});
        let weights = hdf5::write(&weights::group(self)?)?;
        let bytes = archive::write(&[
            ("metadata.json", metadata.to_string().as_bytes()),
            ("config.json", words::write(&config).as_bytes()),
            ("model.weights.h5", &weights),
        ])
        .map_err(|e| Error::io(path, e))?;
        atomic::write(path, &bytes)
    }

    /// The layers and their settings as JSON. Keras's `to_json`.
    ///
    /// # Errors
    /// When a layer has no saved form.
    pub fn to_json(&self) -> Result<String> {
        Ok(words::write(&self.saved()?))
    }
}

/// The version of Keras whose files these are.
const KERAS_VERSION: &str = "3.15.1";

/// The layers that Keras keeps for a model.
fn layers(model: &Model) -> Vec<LayerRef> {
    model.layers()
}
