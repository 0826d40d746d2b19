//! Models as Keras saves them: the config of a model, its layers and their calls.
use crate::layers::{LayerBase, LayerRef};
use crate::models::functional::{Functional, Structure, is_operation};
use crate::models::keras_tensor::{KerasTensor, Node};
use crate::ops::Operation;
use crate::saving::compile_config;
use crate::shape::Shape;
use cornu_graph::Result;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// What stands for a tensor in the saved form of a call, with its number among the tensors of the call.
pub(crate) const TENSOR: &str = "__keras_tensor__";

/// Keras's `get_config` of a functional model.
///
/// # Errors
/// When a layer has no saved form.
pub(crate) fn functional(f: &Functional, name: &str, trainable: bool) -> Result<Json> {
    let layers = f.layers.iter().map(|l| layer_with_nodes(f, l)).collect::<Result<Vec<_>>>()?;
    Ok(json!({
        "name": name,
        "trainable": trainable,
        "layers": layers,
        "input_layers": f.input_structure.map(&mut |i| output_place(f, &f.inputs[i])),
        "output_layers": f.output_structure.map(&mut |i| output_place(f, &f.outputs[i])),
    }))
}

/// Keras's `get_config` of a stack; `shape` is that of its input, once known.
///
/// # Errors
/// When a layer has no saved form.
pub(crate) fn sequential(
    layers: &[LayerRef],
    shape: Option<&Shape>,
    name: &str,
    base: &LayerBase,
) -> Result<Json> {
    let layers = layers.iter().map(saved).collect::<Result<Vec<_>>>()?;
    let (trainable, dtype) = (base.is_trainable(), &base.dtype);
    let mut config = json!({"name": name, "trainable": trainable, "dtype": dtype, "layers": layers});
    if let Some(shape) = shape {
        config["build_input_shape"] = json!(shape);
    }
    Ok(config)
}

/// The saved form of a layer, with the shapes it was built for.
///
/// # Errors
/// When an argument of the layer has no saved form.
pub(crate) fn saved(layer: &LayerRef) -> Result<Json> {
    let mut saved = layer.saved()?;
    if !is_operation(layer) {
        let own = layer.base().built_for().and_then(|inputs| layer.build_config(inputs));
        let read = layer.base().as_read().and_then(|read| read.build_config());
        // A clone may have been built for other shapes than the layer of the file.
        let holds =
            |read: &&Json| !layer.base().is_clone() || own.as_ref().is_none_or(|own| !contradicts(own, read));
        let read = read.filter(holds);
        if let Some(config) = read.cloned().or(own) {
            saved["build_config"] = config;
        }
    }
    if matches!(layer.class_name(), "Functional" | "Sequential") {
        let read = layer.base().as_read().and_then(|read| read.compile_config());
        saved["compile_config"] = match layer.base().compiled() {
            Some(compiled) => compile_config::of(&compiled)?,
            None => read.cloned().unwrap_or_else(|| json!({})),
        };
    }
    Ok(saved)
}

/// Whether a size in one is another in the other.
fn contradicts(own: &Json, read: &Json) -> bool {
    match (own, read) {
        (Json::Number(a), Json::Number(b)) => a != b,
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).any(|(a, b)| contradicts(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.iter().any(|(key, a)| b.get(key).is_some_and(|b| contradicts(a, b)))
        }
        _ => false,
    }
}

fn layer_with_nodes(f: &Functional, layer: &LayerRef) -> Result<Json> {
    let mut saved = saved(layer)?;
    saved["name"] = layer.name().into();
    let calls = nodes_of(f, layer).filter(|n| !n.inputs.is_empty());
    saved["inbound_nodes"] = calls.map(|node| call(f, node)).collect();
    Ok(saved)
}

/// The calls of a layer in this model, in the order they were made.
fn nodes_of<'a>(f: &'a Functional, layer: &LayerRef) -> impl Iterator<Item = &'a Arc<Node>> + use<'a> {
    let id = layer.base().id();
    let mut nodes: Vec<_> = f.nodes.iter().filter(|n| n.layer.base().id() == id).collect();
    nodes.sort_by_key(|n| n.id);
    nodes.into_iter()
}

/// Layer, number of its call, number of the output.
fn place(f: &Functional, x: &KerasTensor) -> (String, usize, usize) {
    let node = nodes_of(f, &x.node().layer).position(|n| n.id == x.node().id).unwrap_or_default();
    (x.name().to_string(), node, x.index())
}

/// The same for inputs and outputs of the model, where Keras counts a nested functional model's own call.
fn output_place(f: &Functional, x: &KerasTensor) -> Json {
    let (name, node, index) = place(f, x);
    let own = usize::from(x.node().layer.class_name() == "Functional");
    json!([name, node + own, index])
}

fn tensor(f: &Functional, x: &KerasTensor) -> Json {
    let history = place(f, x);
    let dtype = if x.is_text() { "string" } else { x.dtype().name() };
    let config = json!({"shape": x.saved_shape(), "dtype": dtype, "keras_history": history});
    json!({"class_name": TENSOR, "config": config})
}

/// The arguments of a call with the tensors in their places.
fn call(f: &Functional, node: &Node) -> Json {
    let tensors: Vec<Json> = node.inputs.iter().map(|x| tensor(f, x)).collect();
    fill(&form(node), &tensors)
}

/// The tensors of a call in the order in which Keras goes through them: by the names of the arguments, not as they were given.
/// Layers are listed, and numbered in files, in an order that follows from it.
pub(crate) fn in_order(node: &Node) -> Vec<usize> {
    if node.given.form.is_none() && node.given.tensors.is_empty() && !is_operation(&node.layer) {
        return (0..node.inputs.len()).collect();
    }
    let mut found = vec![];
    let form = form(node);
    numbers(&form["args"], &mut found);
    numbers(&form["kwargs"], &mut found);
    found.retain(|&i| i < node.inputs.len());
    // None is lost, whatever a form says.
    let missing: Vec<usize> = (0..node.inputs.len()).filter(|i| !found.contains(i)).collect();
    found.extend(missing);
    found
}

/// The numbers of the tensors within an argument; those of a dict by its keys, as in Keras.
pub(crate) fn numbers(value: &Json, found: &mut Vec<usize>) {
    match value {
        Json::Object(map) => match map.get(TENSOR).and_then(Json::as_u64) {
            Some(i) => found.push(i as usize),
            None => {
                let mut items: Vec<_> = map.iter().collect();
                items.sort_by_key(|(key, _)| *key);
                items.into_iter().for_each(|(_, value)| numbers(value, found));
            }
        },
        Json::Array(items) => items.iter().for_each(|v| numbers(v, found)),
        _ => {}
    }
}

/// The arguments of a call with numbers in place of tensors: as they were read from a file, or as Keras would have been called.
fn form(node: &Node) -> Json {
    if let Some(form) = &node.given.form {
        return form.clone();
    }
    let mut tensors = (0..node.inputs.len()).map(|i| json!({TENSOR: i}));
    if let Some(operation) = (&*node.layer as &dyn std::any::Any).downcast_ref::<Operation>() {
        return operation.saved_call(tensors);
    }
    let parameters = node.layer.parameters();
    let mut kwargs = Map::new();
    let args = if node.given.tensors.is_empty() {
        let (mut args, count) = (vec![], node.inputs.len());
        for (i, _) in parameters.iter().enumerate() {
            let rest = if i + 1 == parameters.len() { count.saturating_sub(i) } else { 1 };
            let group: Vec<Json> = tensors.by_ref().take(rest).collect();
            match <[Json; 1]>::try_from(group) {
                Ok([one]) => args.push(one),
                Err(several) if !several.is_empty() => args.push(json!(several)),
                Err(_) => {}
            }
        }
        args
    } else {
        for (name, tensor) in node.given.tensors.iter().zip(tensors) {
            match kwargs.get_mut(name) {
                None => drop(kwargs.insert(name.clone(), tensor)),
                Some(Json::Array(list)) => list.push(tensor),
                Some(one) => *one = json!([one.take(), tensor]),
            }
        }
        // Keras wants the first by place.
        parameters.first().and_then(|first| kwargs.shift_remove(*first)).into_iter().collect()
    };
    kwargs.extend(node.given.options.clone());
    json!({"args": args, "kwargs": kwargs})
}

/// Puts tensors into the places kept for them.
fn fill(form: &Json, tensors: &[Json]) -> Json {
    match form {
        Json::Object(map) => match map.get(TENSOR).and_then(Json::as_u64) {
            Some(i) => tensors.get(i as usize).cloned().unwrap_or_default(),
            None => map.iter().map(|(k, v)| (k.clone(), fill(v, tensors))).collect::<Map<_, _>>().into(),
        },
        Json::Array(list) => list.iter().map(|v| fill(v, tensors)).collect(),
        other => other.clone(),
    }
}

impl Structure {
    /// The structure with something in place of each number.
    pub fn map(&self, leaf: &mut dyn FnMut(usize) -> Json) -> Json {
        match self {
            Structure::One(i) => leaf(*i),
            Structure::List(items) => items.iter().map(|s| s.map(leaf)).collect(),
            Structure::Named(items) => {
                items.iter().map(|(k, s)| (k.clone(), s.map(leaf))).collect::<Map<_, _>>().into()
            }
        }
    }
}
