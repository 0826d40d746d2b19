//! Configs of Keras 2 in today's words.
use crate::utils::naming::exported_class;
use cornu_graph::{Error, Result};
use serde_json::{Map, Value as Json, json};

fn bad(message: String) -> Error {
    Error::Format { what: "Keras 2 config".into(), message }
}

/// The config of a model, with those of the layers within.
///
/// # Errors
/// When a layer was saved with an argument that Keras 3 no longer has.
pub(super) fn model(mut saved: Json) -> Result<Json> {
    object(&mut saved)?;
    Ok(saved)
}

fn object(saved: &mut Json) -> Result<()> {
    let class = exported_class(saved["class_name"].as_str().unwrap_or_default()).to_string();
    if saved["class_name"].is_string() {
        saved["class_name"] = class.clone().into();
    }
    // A stack was once a bare list of layers.
    if class == "Sequential" && saved["config"].is_array() {
        let layers = saved["config"].take();
        saved["config"] = json!({"layers": layers});
    }
    // A class of user code went by its registered name.
    if class.contains('>') && saved["registered_name"].is_null() {
        saved["registered_name"] = class.clone().into();
    }
    let Some(config) = saved.get_mut("config").and_then(Json::as_object_mut) else { return Ok(()) };
    if let Some(Json::Array(layers)) = config.get_mut("layers") {
        if let (true, Some(input)) = (class == "Sequential", layers.first().and_then(input_of)) {
            layers.insert(0, input);
        }
        layers.iter_mut().try_for_each(object)?;
    }
    for within in ["layer", "backward_layer", "cell"] {
        match config.get_mut(within) {
            Some(Json::Array(list)) => list.iter_mut().try_for_each(object)?,
            Some(one) if one.is_object() => object(one)?,
            _ => {}
        }
    }
    if let Some(Json::Array(cells)) = config.get_mut("cells") {
        cells.iter_mut().try_for_each(object)?;
    }
    arguments(&class, config)
}

/// The input that the first layer of a stack told of.
fn input_of(layer: &Json) -> Option<Json> {
    if layer["class_name"] == "InputLayer" {
        return None;
    }
    let config = layer.get("config")?;
    let shape = config.get("batch_input_shape").filter(|s| s.is_array())?;
    // An embedding takes whole numbers whatever the dtype of its output.
    let is_embedding = layer["class_name"] == "Embedding";
    let dtype = config.get("dtype").filter(|d| d.is_string() && !is_embedding);
    let dtype = dtype.cloned().unwrap_or_else(|| json!("float32"));
    let name = format!("{}_input", config["name"].as_str().unwrap_or("stack"));
    Some(json!({"class_name": "InputLayer", "config": {"batch_shape": shape, "dtype": dtype, "name": name}}))
}

/// Arguments that are no more, or are written otherwise.
fn arguments(class: &str, config: &mut Map<String, Json>) -> Result<()> {
    if class != "InputLayer" {
        config.remove("batch_input_shape");
    }
    // How a step was computed, not what.
    config.remove("implementation");
    for (name, default) in [("time_major", json!(false)), ("input_length", Json::Null)] {
        let Some(value) = config.remove(name) else { continue };
        let is_hint = name == "input_length";
        if !is_hint && value != default {
            return Err(bad(format!("{class}: `{name}`={value} is no more in Keras 3")));
        }
    }
    // tf.keras saved one axis as a list.
    if let ("BatchNormalization", Some(Json::Array(axes))) = (class, config.get("axis"))
        && let [axis] = axes.as_slice()
    {
        let axis = axis.clone();
        config.insert("axis".into(), axis);
    }
    Ok(())
}

/// The settings of `compile`.
///
/// # Errors
/// When the optimizer decays its rate in a way that Keras 3 no longer has.
pub(super) fn training(mut saved: Json) -> Result<Json> {
    let Some(settings) = saved.as_object_mut() else {
        return Err(bad("`training_config` is no object".into()));
    };
    settings.remove("sample_weight_mode");
    let mut optimizer = settings.remove("optimizer_config").unwrap_or_default();
    if let Some(config) = optimizer.get_mut("config").and_then(Json::as_object_mut) {
        if let Some(rate) = config.remove("lr") {
            config.insert("learning_rate".into(), rate);
        }
        // What tf.keras added: whether XLA compiles the step.
        config.remove("is_legacy_optimizer");
        config.remove("jit_compile");
        let decay = config.remove("decay").unwrap_or_default();
        if decay.as_f64().is_some_and(|d| d != 0.0) {
            let error = bad(format!("the optimizer has `decay`={decay}, which is no more in Keras 3"));
            return Err(error.help("load with `compile(false)` and compile with a schedule"));
        }
    }
    settings.shift_insert(0, "optimizer".into(), optimizer);
    for (key, module) in
        [("loss", "keras.losses"), ("metrics", "keras.metrics"), ("weighted_metrics", "keras.metrics")]
    {
        if let Some(objects) = settings.get_mut(key) {
            name_module(objects, module);
        }
    }
    Ok(saved)
}

/// Gives objects the module that Keras 3 wants in their envelopes.
fn name_module(json: &mut Json, module: &str) {
    match json {
        Json::Object(map) if map.contains_key("class_name") && map.contains_key("module") => {}
        Json::Object(map) if map.contains_key("class_name") => {
            let (class, config) = (map["class_name"].take(), map.get("config").cloned());
            *json = json!({"module": module, "class_name": class, "config": config, "registered_name": null});
        }
        Json::Object(map) => map.values_mut().for_each(|value| name_module(value, module)),
        Json::Array(list) => list.iter_mut().for_each(|value| name_module(value, module)),
        _ => {}
    }
}
