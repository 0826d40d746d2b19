//! Models and weights to files.
use super::archive;
use super::{KERAS_VERSION, date, hdf5, legacy_save, safetensors, saved_with_compile_config, weights, words};
use crate::data::npz;
use crate::models::Model;
use crate::utils::atomic;
use cornu_graph::{Error, Result, Tensor};
use serde_json::json;
use std::path::Path;

/// [`Model::save`]. Keras's `save_model`.
///
/// # Errors
/// As [`SaveModel::save`].
pub fn save_model(model: &Model, path: impl AsRef<Path>) -> Result<()> {
    SaveModel::new().save(model, path)
}

/// [`Model::save_weights`]. Keras's `save_weights`.
///
/// # Errors
/// As [`Model::save_weights`].
pub fn save_weights(model: &Model, path: impl AsRef<Path>) -> Result<()> {
    model.save_weights(path)
}

/// The arguments of [`save_model`], for whole models and for weights.
#[derive(Clone, Copy, Debug)]
pub struct SaveModel {
    overwrite: bool,
    include_optimizer: bool,
}

impl Default for SaveModel {
    fn default() -> Self {
        SaveModel { overwrite: true, include_optimizer: true }
    }
}

impl SaveModel {
    /// Keras's defaults.
    pub fn new() -> SaveModel {
        SaveModel::default()
    }

    /// Whether a file that is there is replaced; true by default. Otherwise it is an error, where Keras asks.
    pub fn overwrite(mut self, overwrite: bool) -> SaveModel {
        self.overwrite = overwrite;
        self
    }

    /// Whether an `.h5` file gets compile settings and the state of the optimizer; true by default.
    pub fn include_optimizer(mut self, include_optimizer: bool) -> SaveModel {
        self.include_optimizer = include_optimizer;
        self
    }

    /// Saves the whole model: to a `.keras` file, or an older whole-model `.h5` file (`.hdf5`).
    ///
    /// # Errors
    /// When the name ends otherwise, the model is not built, a layer has no saved form, the file is there and not to be
    /// replaced, or cannot be written; then what was there stays.
    pub fn save(self, model: &Model, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let name = path.to_string_lossy();
        if name.ends_with(".weights.h5") {
            let message = format!("`{name}` names a file of weights");
            return Err(Error::argument("save", message).help("save those with `save_weights`"));
        }
        match ending(path) {
            "keras" => {
                self.may_write(path)?;
                if !self.include_optimizer {
                    let message = "`include_optimizer` is for `.h5` files; a `.keras` file has the optimizer";
                    return Err(Error::argument("save", message));
                }
                save_archive(model, path)
            }
            "h5" | "hdf5" => {
                self.may_write(path)?;
                legacy_save::save(model, path, self.include_optimizer)
            }
            _ => {
                let message = format!("the name of a saved model ends in `.keras` or `.h5`, got `{name}`");
                Err(Error::argument("save", message).help("for weights alone there is `save_weights`"))
            }
        }
    }

    /// Saves the weights alone, as [`Model::save_weights`].
    ///
    /// # Errors
    /// As [`Model::save_weights`], and when the file is there and not to be replaced.
    pub fn save_weights(self, model: &Model, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.may_write(path)?;
        match ending(path) {
            "h5" => {
                model.built()?;
                atomic::write(path, &hdf5::write(&weights::group(model)?)?)
            }
            "safetensors" => safetensors::save(path, &named(model)?),
            "npz" => {
                let arrays = named(model)?;
                let arrays: Vec<(&str, &Tensor)> =
                    arrays.iter().map(|(name, t)| (name.as_str(), t)).collect();
                npz::save(path, &arrays)
            }
            _ => {
                let name = path.display();
                let message = format!(
                    "the name of a file of weights ends in `.weights.h5`, `.safetensors` or `.npz`, got `{name}`"
                );
                Err(Error::argument("save_weights", message))
            }
        }
    }

    fn may_write(self, path: &Path) -> Result<()> {
        if self.overwrite || !path.exists() {
            return Ok(());
        }
        let message = format!("`{}` is there, and `overwrite` is false", path.display());
        Err(Error::argument("save", message).help("give another name"))
    }
}

/// What a file's name ends in, without the dot.
pub(super) fn ending(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

/// Every weight by its path.
fn named(model: &Model) -> Result<Vec<(String, Tensor)>> {
    model.weights()?.into_iter().map(|w| Ok((w.path, w.variable.value()?))).collect()
}

fn save_archive(model: &Model, path: &Path) -> Result<()> {
    model.built()?;
    let config = saved_with_compile_config(model)?;
    let metadata = json!({"keras_version": KERAS_VERSION, "date_saved": date::now()});
    let weights = hdf5::write(&weights::group(model)?)?;
    let bytes = archive::write(&[
        ("metadata.json", metadata.to_string().as_bytes()),
        ("config.json", words::write(&config).as_bytes()),
        ("model.weights.h5", &weights),
    ])
    .map_err(|e| Error::io(path, e))?;
    atomic::write(path, &bytes)
}

impl Model {
    /// Saves layers, weights, compile settings and the state of the optimizer to a file that Keras loads: `.keras`, or the
    /// older `.h5`. The file is replaced whole or not at all.
    ///
    /// # Errors
    /// As [`SaveModel::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save_model(self, path)
    }

    /// Saves the weights: to a `.weights.h5` file as Keras's, with the state of the optimizer if there is one; or to a
    /// `.safetensors` or `.npz` file with one array for each weight by its path (`dense/kernel`). The file is replaced whole or
    /// not at all.
    ///
    /// ```
    /// use cornu::prelude::*;
    ///
    /// let mut model = Sequential::new().add(Input::new([4])).add(Dense::new(2));
    /// let path = std::env::temp_dir().join(format!("cornu-doc-{}.safetensors", std::process::id()));
    /// model.save_weights(&path)?;
    /// model.load_weights(&path)?;
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the name ends otherwise, the model is not built, or the file cannot be written.
    pub fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        SaveModel::new().save_weights(self, path)
    }
}
