//! Whole models and weights in the `.h5` files of Keras 2 and tf.keras, which Keras 3 still writes.
use super::hdf5::{self, Contents};
use super::layout::Arrays;
use super::load_weights::LoadWeights;
use super::{build, compile_config, legacy_config};
use crate::models::Model;
use crate::models::weights::ModelVariable;
use cornu_graph::{Error, Result, Tensor};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;

/// The group of the weights in a file with a whole model.
pub(super) const WEIGHTS: &str = "model_weights";
pub(super) const OPTIMIZER: &str = "optimizer_weights";
pub(super) const LAYER_NAMES: &str = "layer_names";
pub(super) const WEIGHT_NAMES: &str = "weight_names";

/// A model with its weights and, if `compile`, its compile settings.
///
/// # Errors
/// When the file is damaged, holds weights alone, or needs something that is not here.
pub(super) fn load_model(path: &Path, compile: bool) -> Result<Model> {
    let what = path.display().to_string();
    let file = Legacy { what: &what, contents: hdf5::read_file(path)? };
    let config = file.json("model_config")?.ok_or_else(|| {
        file.bad("has no `model_config`: it holds weights alone")
            .help("build the model and call `load_weights`")
    })?;
    let config = legacy_config::model(config).map_err(|e| file.bad(e.to_string()))?;
    let by_path = file.contents.arrays.clone();
    let mut model = build(&config, &Arrays { what: &what, by_path })?;
    file.assign(&model, WEIGHTS, &LoadWeights::new())?;
    if let (true, Some(training)) = (compile, file.json("training_config")?) {
        let saved = legacy_config::training(training).map_err(|e| file.bad(e.to_string()))?;
        let arrays = Arrays { what: &what, by_path: file.optimizer()? };
        compile_config::apply(&mut model, &saved, &arrays)?;
    }
    Ok(model)
}

/// Whether these are the weights of layers by their names, rather than by their places.
pub(super) fn is_legacy(contents: &Contents) -> bool {
    let has = |group: &str, name: &str| contents.texts.contains_key(&(group.into(), name.into()));
    let first = format!("{LAYER_NAMES}0");
    ["", WEIGHTS].iter().any(|group| has(group, LAYER_NAMES) || has(group, &first)) || has("", "model_config")
}

/// Gives a model the weights of a file, layer by layer in their order or by their names; what was skipped.
///
/// # Errors
/// When layers, weights or shapes differ; then no weight is changed.
pub(super) fn load_weights(
    model: &Model,
    contents: Contents,
    what: &str,
    options: &LoadWeights,
) -> Result<Vec<String>> {
    model.built()?;
    let file = Legacy { what, contents };
    let is_whole = file.names(WEIGHTS, LAYER_NAMES).is_some();
    file.assign(model, if is_whole { WEIGHTS } else { "" }, options)
}

struct Legacy<'a> {
    what: &'a str,
    contents: Contents,
}

impl Legacy<'_> {
    fn bad(&self, message: impl Into<String>) -> Error {
        Error::Format { what: self.what.into(), message: message.into() }
    }

    /// A text of the file as JSON, if it is there.
    fn json(&self, name: &str) -> Result<Option<Json>> {
        let Some(texts) = self.contents.texts.get(&(String::new(), name.into())) else { return Ok(None) };
        let json = super::words::read(texts.concat().as_bytes());
        json.map(Some).map_err(|e| self.bad(format!("`{name}` in it: {e}")))
    }

    /// A list of names of a group; long ones are in parts: `layer_names0`, `layer_names1`.
    fn names(&self, group: &str, name: &str) -> Option<Vec<String>> {
        let texts = |name: String| self.contents.texts.get(&(group.to_string(), name)).cloned();
        texts(name.into()).or_else(|| {
            let parts: Vec<Vec<String>> = (0..).map_while(|i| texts(format!("{name}{i}"))).collect();
            (!parts.is_empty()).then(|| parts.concat())
        })
    }

    fn demand(&self, group: &str, name: &str) -> Result<Vec<String>> {
        self.names(group, name).ok_or_else(|| self.bad(format!("`{name}` of `{group}` in it is missing")))
    }

    /// The weights of the layer whose group this is.
    fn weights(&self, group: &str) -> Result<Vec<&Tensor>> {
        let tensor = |name: String| {
            let path = format!("{group}/{name}");
            self.contents.arrays.get(&path).ok_or_else(|| self.bad(format!("`{path}` in it is missing")))
        };
        // An empty list is not always written.
        self.names(group, WEIGHT_NAMES).unwrap_or_default().into_iter().map(tensor).collect()
    }

    /// The layers of the file with their weights.
    fn layers(&self, group: &str) -> Result<Vec<(String, Vec<&Tensor>)>> {
        let path = |layer: &str| if group.is_empty() { layer.into() } else { format!("{group}/{layer}") };
        let mut saved = vec![];
        for name in self.demand(group, LAYER_NAMES)? {
            let weights = self.weights(&path(&name))?;
            saved.push((name, weights));
        }
        Ok(saved)
    }

    /// Gives the model its weights; what was skipped. All are found before the first is changed.
    fn assign(&self, model: &Model, group: &str, options: &LoadWeights) -> Result<Vec<String>> {
        let mut saved = self.layers(group)?;
        let layers = super::layers(model);
        let mut own: Vec<_> = layers.iter().map(|layer| (layer.name(), weights_of(&**layer))).collect();
        // In order, those count that have weights.
        if !options.by_name {
            saved.retain(|(_, weights)| !weights.is_empty());
            own.retain(|(_, weights)| !weights.is_empty());
        }
        let pairs: Vec<_> = if options.by_name {
            let of_name = |name: &str| saved.iter().find(|(n, _)| n == name);
            own.iter().filter_map(|layer| Some((layer, of_name(layer.0)?))).collect()
        } else if own.len() == saved.len() {
            own.iter().zip(&saved).collect()
        } else {
            let message = format!("has {} layers with weights, the model {}", saved.len(), own.len());
            return Err(self
                .bad(message)
                .help("`LoadWeights::by_name` loads those whose names are the same"));
        };
        let (mut found, mut skipped) = (vec![], vec![]);
        for ((name, weights), (saved_name, values)) in pairs {
            if weights.len() != values.len() {
                let (count, expected) = (values.len(), weights.len());
                let message =
                    format!("has {count} weights of `{saved_name}` for layer `{name}`, which has {expected}");
                // Keras skips whole layers in this case only where it goes by names.
                if options.skip_mismatch && options.by_name {
                    skipped.push(message);
                    continue;
                }
                return Err(self.bad(message));
            }
            for (weight, value) in weights.iter().zip(values) {
                if weight.variable.spec.shape == value.shape() {
                    found.push((weight.variable.clone(), *value));
                    continue;
                }
                let (shape, expected) = (value.shape(), &weight.variable.spec.shape);
                let message = format!(
                    "has shape {shape:?} for `{}` of layer `{name}`, which is {expected:?}",
                    weight.path
                );
                if !options.skip_mismatch {
                    return Err(self
                        .bad(message)
                        .help("`LoadWeights::skip_mismatch` leaves such weights as they are"));
                }
                skipped.push(message);
            }
        }
        found.iter().try_for_each(|(variable, value)| variable.assign(value))?;
        Ok(skipped)
    }

    /// The optimizer's variables, named as in `.keras` files; none when the file has none.
    fn optimizer(&self) -> Result<BTreeMap<String, Tensor>> {
        if self.names(OPTIMIZER, WEIGHT_NAMES).is_none() {
            return Ok(BTreeMap::new());
        }
        let values = self.weights(OPTIMIZER)?.into_iter().cloned();
        Ok(values.enumerate().map(|(i, value)| (format!("optimizer/vars/{i}"), value)).collect())
    }
}

/// The weights of a layer in the order of these files: first those that are trained.
pub(super) fn weights_of(layer: &dyn crate::layers::Layer) -> Vec<ModelVariable> {
    let mut weights = layer.weights();
    weights.sort_by_key(|w| !w.trainable);
    weights
}
