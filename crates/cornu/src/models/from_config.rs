//! Models from what Keras saved.
use crate::layers::given::{MASK, TRAINING};
use crate::layers::{Given, Layer, LayerRef, list};
use crate::models::config::{TENSOR, numbers};
use crate::models::functional::Structure;
use crate::models::keras_tensor::apply_layer;
use crate::models::{Functional, KerasTensor, Model};
use crate::object::excerpt;
use crate::ops::registry;
use crate::shape::Shape;
use cornu_graph::{Error, Result, memory};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

/// A model from its saved form: module, class, config.
///
/// # Errors
/// When it is not a model, or not a whole one.
pub(crate) fn model(saved: &Json) -> Result<Model> {
    memory::tables_within(MAX_TABLE, || one_model(saved))
}

/// Bytes that settings of a few digits may make a table of while a model is read.
const MAX_TABLE: u64 = 64 << 20;

fn one_model(saved: &Json) -> Result<Model> {
    let bad = |message: String| Error::Format { what: "model".into(), message };
    let class = saved["class_name"].as_str().unwrap_or_default();
    let config = &saved["config"];
    match class {
        "Sequential" => sequential(config),
        "Functional" | "Model" if config.get("layers").is_some() => functional(config),
        "Functional" | "Model" => {
            let help =
                "build it as a `Sequential` or functional model, or write it in Rust and load its weights";
            Err(bad("has no layers in its config: subclassed models cannot be loaded".into()).help(help))
        }
        "FeatureSpace" => {
            Err(bad("is a FeatureSpace".into()).help("read it with `utils::FeatureSpace::load`"))
        }
        _ => Err(bad(format!("expected a saved `Sequential` or `Functional` model, got {}", excerpt(saved)))
            .help("a class of user code is a Python program; write it in Rust and load its weights")),
    }
}

fn sequential(config: &Json) -> Result<Model> {
    // Keras 2 saved a bare list of layers at first.
    let layers = config.get("layers").unwrap_or(config).as_array();
    let layers = layers.ok_or_else(|| format_error("Sequential", "has no list of `layers`"))?;
    let layers = layers.iter().map(list::from_saved).collect::<Result<Vec<_>>>()?;
    let mut model = Model::sequential(layers);
    if let Some(name) = config["name"].as_str() {
        model = model.with_name(name);
    }
    // As in Keras, a stack has the policy of this program, not the `dtype` of its file: it says whether losses are scaled.
    model.build_if_known()?;
    let shape = serde_json::from_value::<Shape>(config["build_input_shape"].clone());
    match shape {
        Ok(shape) if !model.is_built() && shape.rank() > 0 => model.build(shape)?,
        _ => {}
    }
    if config["trainable"] == json!(false) {
        model.trainable(false);
    }
    Ok(model)
}

fn functional(config: &Json) -> Result<Model> {
    let layers =
        config["layers"].as_array().ok_or_else(|| format_error("Functional", "has no list of `layers`"))?;
    let mut graph = Graph::default();
    for saved in layers {
        graph.add(saved)?;
    }
    graph.call_all()?;

    let (mut inputs, mut outputs) = (vec![], vec![]);
    let input_structure = graph.structure(&config["input_layers"], &mut inputs)?;
    let output_structure = graph.structure(&config["output_layers"], &mut outputs)?;
    let mut functional = Functional::new(inputs, outputs)?;
    functional.input_structure = input_structure;
    functional.output_structure = output_structure;
    let mut model = Model::of_functional(functional);
    if let Some(name) = config["name"].as_str() {
        model = model.with_name(name);
    }
    if config["trainable"] == json!(false) {
        model.trainable(false);
    }
    Ok(model)
}

fn format_error(what: &str, message: impl Into<String>) -> Error {
    Error::Format { what: what.into(), message: message.into() }
}

/// The layers of a model while their calls are made again.
#[derive(Default)]
struct Graph {
    layers: Vec<Pending>,
    by_name: HashMap<String, usize>,
}

struct Pending {
    name: String,
    /// `None` for the call of an op, which is made anew for each.
    layer: Option<LayerRef>,
    saved: Json,
    calls: Vec<Json>,
    /// The outputs of the calls made so far.
    done: Vec<Vec<KerasTensor>>,
}

impl Graph {
    fn add(&mut self, saved: &Json) -> Result<()> {
        let name = saved["name"].as_str().or_else(|| saved["config"]["name"].as_str());
        let name = name.ok_or_else(|| {
            format_error("Functional", format!("a layer without a name: {}", excerpt(saved)))
        })?;
        let calls = saved["inbound_nodes"].as_array().cloned().unwrap_or_default();
        let is_op = saved["module"].as_str().is_some_and(registry::is_module);
        let layer = if is_op { None } else { Some(list::from_saved(saved)?) };
        let mut done = vec![];
        if let Some(input) = layer.as_ref().and_then(crate::models::functional::as_input) {
            done.push(vec![input.tensor()]);
        }
        if self.by_name.insert(name.into(), self.layers.len()).is_some() {
            return Err(format_error("Functional", format!("two layers are called `{name}`")));
        }
        self.layers.push(Pending { name: name.into(), layer, saved: saved.clone(), calls, done });
        Ok(())
    }

    /// Makes every call once its tensors are there.
    fn call_all(&mut self) -> Result<()> {
        // Layers are saved in the order of their depth, so that one pass does nearly always.
        loop {
            let mut waiting = None;
            let mut moved = false;
            for at in 0..self.layers.len() {
                let pending = &self.layers[at];
                let first =
                    usize::from(pending.layer.as_ref().is_some_and(|l| l.class_name() == "InputLayer"));
                for call in pending.done.len() - first.min(pending.done.len())..pending.calls.len() {
                    match self.call(at, call)? {
                        Some(outputs) => {
                            self.layers[at].done.push(outputs);
                            moved = true;
                        }
                        None => {
                            waiting = Some(self.layers[at].name.clone());
                            break;
                        }
                    }
                }
            }
            match waiting {
                None => return Ok(()),
                Some(name) if !moved => {
                    let message = format!(
                        "layer `{name}` waits for tensors that no layer makes, or for its own output"
                    );
                    return Err(format_error("Functional", message));
                }
                Some(_) => {}
            }
        }
    }

    /// One call, or `None` while a tensor of it is not there yet.
    fn call(&self, at: usize, call: usize) -> Result<Option<Vec<KerasTensor>>> {
        let pending = &self.layers[at];
        let saved = modern(&pending.calls[call]);
        let mut reader = Reader { graph: self, tensors: vec![], waits: false };
        let form = json!({"args": reader.read(&saved["args"])?, "kwargs": reader.read(&saved["kwargs"])?});
        if reader.waits {
            return Ok(None);
        }
        let tensors = reader.tensors;
        let (layer, given, tensors) = match &pending.layer {
            Some(layer) => {
                let (given, tensors) = given(&**layer, form, tensors)?;
                (layer.share(), given, tensors)
            }
            None => {
                let operation = registry::from_saved(&pending.saved, &form)?;
                (operation, Given { form: Some(form), ..Given::in_order() }, tensors)
            }
        };
        let outputs = apply_layer(layer, given, tensors, None);
        match outputs.iter().find_map(KerasTensor::error) {
            Some(error) => Err(error.clone()),
            None => Ok(Some(outputs)),
        }
    }

    /// The tensor of a layer's call, `None` while the call is not made.
    fn tensor(&self, name: &str, node: usize, index: usize) -> Result<Option<KerasTensor>> {
        let at = self
            .by_name
            .get(name)
            .ok_or_else(|| Error::unknown("layer", name, self.by_name.keys().map(String::as_str)))?;
        let Some(outputs) = self.layers[*at].done.get(node) else { return Ok(None) };
        let missing = || format_error("Functional", format!("layer `{name}` has no output number {index}"));
        outputs.get(index).cloned().map(Some).ok_or_else(missing)
    }

    /// The tensors of inputs or outputs, and how they are nested.
    fn structure(&self, saved: &Json, tensors: &mut Vec<KerasTensor>) -> Result<Structure> {
        let bad = || format_error("Functional", format!("no inputs or outputs: {}", excerpt(saved)));
        if let Some((name, node, index)) = history(saved) {
            let at = self.by_name.get(name).copied();
            let is_model = at
                .and_then(|at| self.layers[at].layer.as_ref())
                .is_some_and(|l| l.class_name() == "Functional");
            // Keras counts the call that the nested model was made with.
            let node = node.saturating_sub(usize::from(is_model));
            tensors.push(self.tensor(name, node, index)?.ok_or_else(bad)?);
            return Ok(Structure::One(tensors.len() - 1));
        }
        match saved {
            Json::Array(items) => {
                Ok(Structure::List(items.iter().map(|s| self.structure(s, tensors)).collect::<Result<_>>()?))
            }
            Json::Object(items) => {
                // Keras puts the values of a dict in the order of its keys.
                let mut keys: Vec<&String> = items.keys().collect();
                keys.sort();
                let of =
                    |k: &String, tensors: &mut Vec<_>| Ok((k.clone(), self.structure(&items[k], tensors)?));
                let mut named = keys.into_iter().map(|k| of(k, tensors)).collect::<Result<Vec<_>>>()?;
                // It is written again in the order of the file.
                named.sort_by_key(|(name, _)| items.keys().position(|key| key == name));
                Ok(Structure::Named(named))
            }
            _ => Err(bad()),
        }
    }
}

/// `["dense", 0, 0]`: layer, call, output.
fn history(saved: &Json) -> Option<(&str, usize, usize)> {
    let [name, node, index] = saved.as_array()?.as_slice() else { return None };
    Some((name.as_str()?, node.as_u64()? as usize, index.as_u64()? as usize))
}

/// Keras 2 saved a call as `[[layer, node, tensor, kwargs], ..]`.
fn modern(call: &Json) -> Json {
    let Some(tensors) = call.as_array() else { return call.clone() };
    let tensor = |t: &Json| {
        let history: Vec<Json> = t.as_array().into_iter().flatten().take(3).cloned().collect();
        json!({"class_name": TENSOR, "config": {"keras_history": history}})
    };
    let kwargs = tensors.first().and_then(|t| t.get(3)).cloned().unwrap_or_else(|| json!({}));
    let mut tensors: Vec<Json> = tensors.iter().map(tensor).collect();
    let args = if tensors.len() == 1 { tensors.remove(0) } else { tensors.into() };
    json!({"args": [args], "kwargs": kwargs})
}

/// Reads the arguments of a call.
struct Reader<'a> {
    graph: &'a Graph,
    tensors: Vec<KerasTensor>,
    waits: bool,
}

impl Reader<'_> {
    /// The argument with numbers in place of tensors.
    fn read(&mut self, saved: &Json) -> Result<Json> {
        match saved {
            Json::Object(map) if map.get("class_name").is_some_and(|c| c == TENSOR) => {
                let config = map.get("config").unwrap_or(&Json::Null);
                let (name, node, index) = history(&config["keras_history"]).ok_or_else(|| {
                    format_error("Functional", format!("a tensor from nowhere: {}", excerpt(config)))
                })?;
                match self.graph.tensor(name, node, index)? {
                    Some(tensor) => self.tensors.push(tensor),
                    None => self.waits = true,
                }
                Ok(json!({TENSOR: self.tensors.len().saturating_sub(1)}))
            }
            Json::Object(map) => {
                let read = map.iter().map(|(k, v)| Ok((k.clone(), self.read(v)?)));
                Ok(read.collect::<Result<Map<_, _>>>()?.into())
            }
            Json::Array(items) => items.iter().map(|v| self.read(v)).collect(),
            other => Ok(other.clone()),
        }
    }
}

/// Sorts the arguments of a call by the layer's parameters; masks come last.
fn given(layer: &dyn Layer, form: Json, tensors: Vec<KerasTensor>) -> Result<(Given, Vec<KerasTensor>)> {
    let parameters = layer.parameters();
    let args = form["args"].as_array().cloned().unwrap_or_default();
    let kwargs = form["kwargs"].as_object().cloned().unwrap_or_default();
    // After the layer's own parameters come those of every layer.
    let named = |(i, value): (usize, Json)| match (parameters.get(i), &value) {
        (Some(name), _) => Ok((name.to_string(), value)),
        (None, Json::Null) => Ok((MASK.into(), value)),
        (None, Json::Bool(_)) => Ok((TRAINING.into(), value)),
        (None, Json::Object(_)) => Ok((MASK.into(), value)),
        (None, _) => {
            let message = format!("is called with {} arguments, it takes {parameters:?}", i + 1);
            Err(Error::argument(layer.name(), message))
        }
    };
    let mut arguments = args.into_iter().enumerate().map(named).collect::<Result<Vec<_>>>()?;
    arguments.extend(kwargs);

    let mut given = Given::in_order();
    let mut places = vec![];
    for (name, value) in arguments {
        let before = places.len();
        numbers(&value, &mut places);
        if let (MASK, Some(masks)) = (name.as_str(), value.as_array()) {
            given.masked = (0..masks.len()).filter(|&i| !masks[i].is_null()).collect();
        }
        given.tensors.extend((before..places.len()).map(|_| name.clone()));
        let is_set = places.len() == before && !value.is_null() && value != json!([]);
        if is_set {
            given.options.insert(name, value);
        }
    }
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|&i| given.tensors[i] == MASK);
    let sorted = order.iter().map(|&i| tensors[places[i]].clone()).collect();
    // The form counts tensors as they are passed on.
    let new: HashMap<usize, usize> = order.iter().enumerate().map(|(new, &i)| (places[i], new)).collect();
    given.tensors = order.iter().map(|&i| given.tensors[i].clone()).collect();
    if given.tensors.iter().all(|name| Some(&name.as_str()) == parameters.first()) {
        given.tensors.clear();
    }
    given.form = Some(renumber(form, &new));
    Ok((given, sorted))
}

fn renumber(form: Json, new: &HashMap<usize, usize>) -> Json {
    match form {
        Json::Object(mut map) => match map.get(TENSOR).and_then(Json::as_u64) {
            Some(i) => json!({TENSOR: new.get(&(i as usize)).copied().unwrap_or_default()}),
            None => {
                map.values_mut().for_each(|v| *v = renumber(v.take(), new));
                map.into()
            }
        },
        Json::Array(items) => items.into_iter().map(|v| renumber(v, new)).collect(),
        other => other,
    }
}
