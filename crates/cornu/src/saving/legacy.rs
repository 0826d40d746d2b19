//! Whole models and weights in the `.h5` files of Keras 2 and tf.keras, which Keras 3 still writes.
use super::hdf5::{self, Contents};
use super::layout::Arrays;
use super::{build, compile_config, legacy_config};
use crate::models::Model;
use crate::variable::Variable;
use cornu_graph::{Error, Result, Tensor};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The group of the weights in a file with a whole model.
const WEIGHTS: &str = "model_weights";
const OPTIMIZER: &str = "optimizer_weights";
const LAYER_NAMES: &str = "layer_names";
const WEIGHT_NAMES: &str = "weight_names";

/// A model with its weights and, if `compile`, its compile settings.
///
/// # Errors
/// When the file is damaged, holds weights alone, or needs something that is not here.
pub(super) fn load_model(path: &Path, compile: bool) -> Result<Model> {
    let what = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let file = Legacy { what: &what, contents: hdf5::read_all(bytes, &what)? };
    let config = file.json("model_config")?.ok_or_else(|| {
        file.bad("has no `model_config`: it holds weights alone")
            .help("build the model and call `load_weights`")
    })?;
    let config = legacy_config::model(config).map_err(|e| file.bad(e.to_string()))?;
    let by_path = file.contents.arrays.clone();
    let mut model = build(&config, &Arrays { what: &what, by_path })?;
    file.assign(&model, WEIGHTS)?;
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

/// Gives a model the weights of a file, layer by layer in their order.
///
/// # Errors
/// When layers, weights or shapes differ; then no weight is changed.
pub(super) fn load_weights(model: &Model, contents: Contents, what: &str) -> Result<()> {
    model.built()?;
    let file = Legacy { what, contents };
    let is_whole = file.names(WEIGHTS, LAYER_NAMES).is_some();
    file.assign(model, if is_whole { WEIGHTS } else { "" })
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
        let json = serde_json::from_str(&texts.concat());
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
        self.demand(group, WEIGHT_NAMES)?.into_iter().map(tensor).collect()
    }

    /// Gives the model its weights. All are found before the first is changed.
    fn assign(&self, model: &Model, group: &str) -> Result<()> {
        let path = |layer: &str| if group.is_empty() { layer.into() } else { format!("{group}/{layer}") };
        let mut saved = vec![];
        for name in self.demand(group, LAYER_NAMES)? {
            let weights = self.weights(&path(&name))?;
            if !weights.is_empty() {
                saved.push((name, weights));
            }
        }
        let layers = super::layers(model);
        let own = layers.iter().map(|layer| (layer.name(), weights_of(&**layer)));
        let own: Vec<_> = own.filter(|(_, weights)| !weights.is_empty()).collect();
        if own.len() != saved.len() {
            let message = format!("has {} layers with weights, the model {}", saved.len(), own.len());
            return Err(self.bad(message));
        }
        let mut found = vec![];
        for ((name, weights), (saved_name, values)) in own.into_iter().zip(saved) {
            if weights.len() != values.len() {
                let (count, expected) = (values.len(), weights.len());
                let message =
                    format!("has {count} weights of `{saved_name}` for layer `{name}`, which has {expected}");
                return Err(self.bad(message));
            }
            for (variable, value) in weights.into_iter().zip(values) {
                if variable.spec.shape != value.shape() {
                    let (shape, expected) = (value.shape(), &variable.spec.shape);
                    let message =
                        format!("has shape {shape:?} for a weight of layer `{name}`, which is {expected:?}");
                    return Err(self.bad(message));
                }
                found.push((variable, value));
            }
        }
        found.iter().try_for_each(|(variable, value)| variable.assign(value))
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
fn weights_of(layer: &dyn crate::layers::Layer) -> Vec<Arc<Variable>> {
    let mut weights = layer.weight_variables();
    weights.sort_by_key(|w| !w.trainable);
    weights.into_iter().map(|w| w.variable).collect()
}
