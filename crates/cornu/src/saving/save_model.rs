//! Models and weights to files.
use super::archive::{self, Content};
use super::array::Array;
use super::hdf5::Image;
use super::{
    KERAS_VERSION, assets, date, legacy_save, safetensors, saved_with_compile_config, sharded, weights, words,
};
use crate::data::npz;
use crate::models::Model;
use crate::utils::atomic;
use cornu_graph::{Error, Result};
use serde_json::json;
use std::fs::File;
use std::io::BufWriter;
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
    max_shard_size: Option<f64>,
    zipped: bool,
}

impl Default for SaveModel {
    fn default() -> Self {
        SaveModel { overwrite: true, include_optimizer: true, max_shard_size: None, zipped: true }
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

    /// The most gigabytes (of 2^30 bytes) of weights in one file, for [`SaveModel::save_weights`] to `model.weights.json`: the
    /// weights go to files beside it, `model_00000.weights.h5` and so on. Not set by default: all is in one file.
    pub fn max_shard_size(mut self, max_shard_size: f64) -> SaveModel {
        self.max_shard_size = Some(max_shard_size);
        self
    }

    /// Whether [`SaveModel::save`] writes one `.keras` file (true by default) or a folder of the files that it would hold.
    pub fn zipped(mut self, zipped: bool) -> SaveModel {
        self.zipped = zipped;
        self
    }

    /// Saves the whole model: to a `.keras` file, or an older whole-model `.h5` file (`.hdf5`); or, not zipped, to a folder.
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
        if self.max_shard_size.is_some() {
            let message = "is for `save_weights`; a whole model is in one file";
            return Err(Error::argument("max_shard_size", message));
        }
        match ending(path) {
            "keras" | "h5" | "hdf5" if !self.zipped => {
                let message = format!("names a folder when the model is not zipped, got `{name}`");
                Err(Error::argument("save", message).help("give a name without that ending"))
            }
            _ if !self.zipped => {
                self.may_write(path)?;
                holds_a_model(path)?;
                let files = files(model)?.into_iter();
                let writers = files.map(|(name, content)| {
                    (name, move |file: &mut BufWriter<File>| content.write(file, path))
                });
                atomic::write_folder(path, writers)
            }
            "keras" => {
                self.may_write(path)?;
                if !self.include_optimizer {
                    let message = "`include_optimizer` is for `.h5` files; a `.keras` file has the optimizer";
                    return Err(Error::argument("save", message));
                }
                archive::save(path, files(model)?)
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
        if let Some(size) = self.max_shard_size {
            model.built()?;
            return sharded::save(path, &weights::group(model)?, size);
        }
        match ending(path) {
            _ if sharded::is_map(path) => {
                let message = "is needed to write a `.weights.json` and the files that it names";
                Err(Error::argument("max_shard_size", message).help("say how many gigabytes a file may hold"))
            }
            "h5" => {
                model.built()?;
                Image::of(&weights::group(model)?)?.save(path)
            }
            "safetensors" => safetensors::save(path, &named(model)?),
            "npz" => {
                let arrays = named(model)?;
                let tensors = arrays.iter().map(|(name, array)| Ok((name.as_str(), array.tensor()?)));
                npz::save_each(path, tensors, &[])
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

/// Fails when a folder that would be replaced holds anything but a saved model.
fn holds_a_model(path: &Path) -> Result<()> {
    const KNOWN: [&str; 4] = ["metadata.json", "config.json", "model.weights.h5", "assets"];
    if !path.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|e| Error::io(path, e))? {
        let name = entry.map_err(|e| Error::io(path, e))?.file_name();
        if !KNOWN.iter().any(|known| name == *known) {
            let message =
                format!("`{}` holds `{}`, which is no part of a model", path.display(), name.display());
            return Err(Error::argument("save", message).help("give the name of a new folder"));
        }
    }
    Ok(())
}

/// What a file's name ends in, without the dot.
pub(super) fn ending(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

/// Every weight by its path.
fn named(model: &Model) -> Result<Vec<(String, Array)>> {
    Ok(model.weights()?.into_iter().map(|w| (w.path, Array::Of(w.variable))).collect())
}

/// The files of a whole model.
fn files(model: &Model) -> Result<Vec<(String, Content)>> {
    // A stack whose shapes are not known yet is saved without weights.
    model.build_if_known()?;
    let mut config = saved_with_compile_config(model)?;
    let learned = assets::take(&mut config, &super::layers(model))?;
    let metadata = json!({"keras_version": KERAS_VERSION, "date_saved": date::now()});
    let mut files = vec![
        ("metadata.json".into(), Content::Bytes(words::write(&metadata).into_bytes())),
        ("config.json".into(), Content::Bytes(words::write(&config).into_bytes())),
        ("model.weights.h5".into(), Content::Arrays(Image::of(&weights::group(model)?)?)),
    ];
    files.extend(learned.into_iter().map(|(name, bytes)| (name, Content::Bytes(bytes))));
    Ok(files)
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
