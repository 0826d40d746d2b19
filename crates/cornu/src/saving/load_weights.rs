//! Weights from files.
use super::archive::Archive;
use super::layout::{self, Arrays, Found};
use super::save_model::ending;
use super::{hdf5, legacy, safetensors, sharded, weights};
use crate::data::npz;
use crate::layers::LayerRef;
use crate::models::Model;
use cornu_graph::{Error, Result, Tensor, nearest};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// [`Model::load_weights`]. Keras's `load_weights`.
///
/// # Errors
/// As [`LoadWeights::load`].
pub fn load_weights(model: &mut Model, path: impl AsRef<Path>) -> Result<()> {
    model.load_weights(path)
}

/// The arguments of [`load_weights`].
///
/// ```
/// use cornu::prelude::*;
/// use cornu::saving::LoadWeights;
///
/// let old = Sequential::new().add(Input::new([4])).add(Dense::new(3)).add(Dense::new(2));
/// let path = std::env::temp_dir().join(format!("cornu-doc-load-{}.weights.h5", std::process::id()));
/// old.save_weights(&path)?;
///
/// // The same with another head, whose weights stay as they are.
/// let mut new = Sequential::new().add(Input::new([4])).add(Dense::new(3)).add(Dense::new(5));
/// let skipped = LoadWeights::new().skip_mismatch(true).load(&mut new, &path)?;
/// assert_eq!(skipped.len(), 1);
/// assert_eq!(new.get_weights()?[0], old.get_weights()?[0]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LoadWeights {
    pub(super) skip_mismatch: bool,
    pub(super) by_name: bool,
    skip: HashSet<u64>,
}

impl LoadWeights {
    /// Keras's defaults: everything must fit.
    pub fn new() -> LoadWeights {
        LoadWeights::default()
    }

    /// Leaves layers as they are whose weights are not in the file or have other shapes; without it, they are errors.
    pub fn skip_mismatch(mut self, skip_mismatch: bool) -> LoadWeights {
        self.skip_mismatch = skip_mismatch;
        self
    }

    /// Finds layers by their names instead of their order, for the older `.h5` files; names that are only here or only there
    /// are passed over.
    pub fn by_name(mut self, by_name: bool) -> LoadWeights {
        self.by_name = by_name;
        self
    }

    /// Layers to leave as they are, for `.weights.h5` files.
    pub fn objects_to_skip(mut self, layers: impl IntoIterator<Item = LayerRef>) -> LoadWeights {
        self.skip = layers.into_iter().map(|layer| layer.base().id()).collect();
        self
    }

    /// Loads the weights of a `.weights.h5`, `.keras`, older `.h5`, `.safetensors` or `.npz` file, or of the files that a
    /// `.weights.json` names; with the state of the optimizer if a `.weights.h5` or `.weights.json` file has it and the model has
    /// begun to train. Returns what was skipped and why.
    ///
    /// # Errors
    /// When the model is not built, the file cannot be read or is damaged, a weight is missing or has another shape, or an
    /// argument is not for files of this kind; then no weight is changed.
    pub fn load(&self, model: &mut Model, path: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = path.as_ref();
        let what = path.display().to_string();
        model.built()?;
        // Copies kept under other names are found by how they begin.
        match if hdf5::is_hdf5(path) { "h5" } else { ending(path) } {
            "keras" => {
                self.refuse_skip(&what)?;
                let mut archive = Archive::open(path)?;
                let arrays = hdf5::read(archive.stored("model.weights.h5")?, archive.size(), &what)?;
                self.by_place(model, &Arrays { what: &what, by_path: arrays })
            }
            "h5" | "hdf5" => {
                let contents = hdf5::read_file(path)?;
                if legacy::is_legacy(&contents) {
                    self.refuse_skip(&what)?;
                    return legacy::load_weights(model, contents, &what, self);
                }
                let arrays = Arrays { what: &what, by_path: contents.arrays };
                self.with_optimizer(model, &arrays)
            }
            _ if sharded::is_map(path) => {
                let arrays = Arrays { what: &what, by_path: sharded::load(path)? };
                self.with_optimizer(model, &arrays)
            }
            "safetensors" => self.by_path(model, safetensors::load(path)?, &what),
            "npz" => self.by_path(model, npz::load(path)?, &what),
            _ => {
                let message = format!(
                    "the name of a file of weights ends in `.weights.h5`, `.weights.json`, `.keras`, `.h5`, `.safetensors` or `.npz`, got `{what}`"
                );
                Err(Error::argument("load_weights", message))
            }
        }
    }

    fn refuse_skip(&self, what: &str) -> Result<()> {
        if self.skip.is_empty() {
            return Ok(());
        }
        Err(Error::argument("objects_to_skip", format!("is for `.weights.h5` files, got `{what}`")))
    }

    fn refuse_by_name(&self, what: &str) -> Result<()> {
        if self.by_name {
            return Err(Error::argument("by_name", format!("is for the older `.h5` files, got `{what}`")));
        }
        Ok(())
    }

    /// From arrays by Keras's places, with the state of the optimizer once there is one.
    fn with_optimizer(&self, model: &Model, arrays: &Arrays) -> Result<Vec<String>> {
        let skipped = self.by_place(model, arrays)?;
        if let Some(variables) = model.optimizer_variables() {
            weights::load_optimizer(variables, arrays)?;
        }
        Ok(skipped)
    }

    /// From arrays by Keras's places. All are found before the first is changed.
    fn by_place(&self, model: &Model, arrays: &Arrays) -> Result<Vec<String>> {
        self.refuse_by_name(arrays.what)?;
        let mut found = Found { skipped: self.skip_mismatch.then(Vec::new), ..Found::default() };
        layout::without(&super::layers(model), &self.skip).find("layers/", arrays, &mut found)?;
        found.values.iter().try_for_each(|(variable, value)| variable.assign(value))?;
        found.keep_optimizers();
        Ok(found.skipped.unwrap_or_default())
    }

    /// From arrays by the paths of the weights. Those of a stack may stand under its name, as in Keras.
    fn by_path(&self, model: &Model, arrays: BTreeMap<String, Tensor>, what: &str) -> Result<Vec<String>> {
        self.refuse_skip(what)?;
        self.refuse_by_name(what)?;
        let bad = |message: String| Error::Format { what: what.to_string(), message };
        let (mut found, mut skipped) = (vec![], vec![]);
        for weight in model.weights()? {
            let path = &weight.path;
            let shape = &weight.variable.spec.shape;
            let named = arrays.get(path).or_else(|| arrays.get(&format!("{}/{path}", model.name())));
            let message = match named.or_else(|| unnumbered(path, &arrays)) {
                Some(tensor) if tensor.shape() == shape => {
                    found.push((weight.variable.clone(), tensor));
                    continue;
                }
                Some(tensor) => {
                    format!("`{path}` has shape {:?}, the model's has {shape:?}", tensor.shape())
                }
                None => {
                    let near = nearest(path, arrays.keys().map(String::as_str));
                    let hint = near.map(|n| format!("; the nearest name there is `{n}`")).unwrap_or_default();
                    format!("holds no `{path}`{hint}")
                }
            };
            if !self.skip_mismatch {
                return Err(bad(message));
            }
            skipped.push(message);
        }
        found.iter().try_for_each(|(variable, value)| variable.assign(value))?;
        Ok(skipped)
    }
}

/// The only array whose path is this one but for the numbers of layers within layers: cells are numbered through a session.
fn unnumbered<'a>(path: &str, arrays: &'a BTreeMap<String, Tensor>) -> Option<&'a Tensor> {
    let plain = |path: &str| {
        let number = |part: &&str| part.parse::<u32>().is_ok();
        let strip =
            |(i, part): (usize, &str)| match part.rsplit_once('_').filter(|(_, end)| i > 0 && number(end)) {
                Some((start, _)) => start.to_string(),
                None => part.to_string(),
            };
        path.split('/').enumerate().map(strip).collect::<Vec<String>>()
    };
    let wanted = plain(path);
    let mut found = arrays.iter().filter(|(name, _)| plain(name) == wanted);
    found.next().filter(|_| found.next().is_none()).map(|(_, tensor)| tensor)
}

impl Model {
    /// Loads what [`Model::save_weights`], [`Model::save`] or Keras saved.
    ///
    /// # Errors
    /// As [`LoadWeights::load`].
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        LoadWeights::new().load(self, path).map(drop)
    }
}
