//! Whole models in `.h5` as Keras 3 still writes them.
use super::array::Array;
use super::hdf5::{Attribute, Group, Image};
use super::legacy::{LAYER_NAMES, OPTIMIZER, WEIGHT_NAMES, WEIGHTS, weights_of};
use super::{KERAS_VERSION, compile_config, weights, words};
use crate::models::Model;
use crate::ops::registry;
use crate::utils::naming::python_class;
use cornu_graph::Result;
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use std::path::Path;

/// Weights of the model itself, of which models here have none; Keras expects the group.
const TOP_LEVEL: &str = "top_level_model_weights";

/// Saves layers and weights and, if `with_optimizer`, compile settings and the state of the optimizer.
///
/// # Errors
/// When the model is not built, a layer has no saved form, or the file cannot be written.
pub(super) fn save(model: &Model, path: &Path, with_optimizer: bool) -> Result<()> {
    model.built()?;
    let mut config = model.saved()?;
    old_form(&mut config);
    let attributes = vec![
        // The layout of the weights is TensorFlow's, as that of every Keras 3 file.
        ("backend".into(), "tensorflow".into()),
        ("keras_version".into(), KERAS_VERSION.into()),
        ("model_config".into(), words::write(&config).as_str().into()),
    ];
    let mut root = Group { attributes, ..Group::default() };
    if let (true, Some(compiled)) = (with_optimizer, model.settings()?) {
        let settings = compile_config::of(&compiled)?;
        root.attributes.push(("training_config".into(), words::write(&training(settings)).as_str().into()));
    }
    root.groups.push((WEIGHTS.into(), weights(model)?));
    if let (true, Some(group)) = (with_optimizer, optimizer(model)?) {
        root.groups.push((OPTIMIZER.into(), group));
    }
    Image::of(&root)?.save(path)
}

/// The envelope of a model and of the layers in it as before Keras 3: a class and its config. What is within the config of a
/// layer stays as it is.
fn old_form(object: &mut Json) {
    let is_op = object["module"].as_str().is_some_and(registry::is_module);
    let Some(map) = object.as_object_mut() else { return };
    // Without its module, an op would be looked for among the layers.
    if !is_op {
        strip(map);
    }
    let is_model = matches!(map.get("class_name").and_then(Json::as_str), Some("Sequential" | "Functional"));
    let layers = map.get_mut("config").and_then(|c| c.get_mut("layers")).and_then(Json::as_array_mut);
    if let (true, Some(layers)) = (is_model, layers) {
        layers.iter_mut().for_each(old_form);
    }
}

/// Takes away what Keras 3 added to an envelope; a class of user code goes by its registered name.
fn strip(envelope: &mut Map<String, Json>) {
    if let Some(Json::String(class)) = envelope.get_mut("class_name") {
        *class = python_class(class).to_string();
    }
    if let Some(Json::String(name)) = envelope.shift_remove("registered_name")
        && name.contains('>')
    {
        envelope.insert("class_name".into(), name.into());
    }
    for key in ["module", "build_config", "compile_config", "shared_object_id"] {
        envelope.shift_remove(key);
    }
}

/// The settings of `compile` in their old form.
fn training(mut settings: Json) -> Json {
    fn walk(json: &mut Json) {
        match json {
            Json::Object(map) if map.contains_key("class_name") => strip(map),
            Json::Object(map) => map.values_mut().for_each(walk),
            Json::Array(list) => list.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut settings);
    if let Some(map) = settings.as_object_mut() {
        let optimizer = map.shift_remove("optimizer").unwrap_or_default();
        map.insert("optimizer_config".into(), optimizer);
    }
    settings
}

/// The weights, layer by layer.
fn weights(model: &Model) -> Result<Group> {
    let layers = super::layers(model);
    let mut group = Group::default();
    let names = layers.iter().map(|layer| layer.name().to_string()).collect();
    group.attributes = vec![
        (LAYER_NAMES.into(), Attribute::Texts(names)),
        ("backend".into(), "tensorflow".into()),
        ("keras_version".into(), KERAS_VERSION.into()),
    ];
    for layer in &layers {
        let values = weights_of(&**layer).into_iter().map(|w| (w.path, Array::Of(w.variable)));
        fill(group.at(layer.name()), values.collect());
    }
    fill(group.at(TOP_LEVEL), vec![]);
    Ok(group)
}

/// The state of the optimizer, if there is one.
fn optimizer(model: &Model) -> Result<Option<Group>> {
    let Some(compiled) = model.settings()? else { return Ok(None) };
    let (name, state) = (compiled.compile.optimizer.saved_name(), weights::optimizer_state(&compiled)?);
    let value = |(v, value): (String, Array)| (format!("{name}/{}", v.replace('/', "_")), value);
    let mut group = Group::default();
    fill(&mut group, state.into_iter().map(value).collect());
    Ok(Some(group))
}

/// Puts arrays into a group, with the list of their names. Names that are taken get a number.
fn fill(group: &mut Group, values: Vec<(String, Array)>) {
    let mut taken = HashSet::new();
    let mut names = vec![];
    for (path, value) in values {
        let mut name = path.clone();
        let mut count = 0;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{path}_{count}");
        }
        match name.rsplit_once('/') {
            Some((groups, last)) => group.at(groups).arrays.push((last.into(), value)),
            None => group.arrays.push((name.clone(), value)),
        }
        names.push(name);
    }
    group.attributes.push((WEIGHT_NAMES.into(), Attribute::Texts(names)));
}
