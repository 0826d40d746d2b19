//! The boxes and arrows of a model.
use crate::layers::LayerRef;
use crate::models::functional::as_input;
use crate::models::keras_tensor::{KerasTensor, Node, shown_specs};
use crate::models::nested::NestedModel;
use crate::models::{Functional, Model};
use crate::utils::plot_model::PlotModel;
use cornu_graph::Result;
use serde_json::Value as Json;
use std::any::Any;
use std::sync::Arc;

/// A layer: lines of cells, from top to bottom.
pub(super) struct Block {
    pub id: u64,
    pub lines: Vec<Vec<Cell>>,
}

pub(super) struct Cell {
    pub text: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Title,
    Plain,
    Trainable,
    Frozen,
}

/// The blocks of a model, and the models within it.
#[derive(Default)]
pub(super) struct Level {
    pub name: String,
    pub blocks: Vec<Block>,
    pub levels: Vec<Level>,
}

impl Level {
    /// All blocks, those of models within included.
    pub fn all(&self) -> Vec<&Block> {
        self.blocks.iter().chain(self.levels.iter().flat_map(Level::all)).collect()
    }
}

fn nested(layer: &LayerRef) -> Option<&NestedModel> {
    (&**layer as &dyn Any).downcast_ref::<NestedModel>()
}

/// The blocks of a model and the arrows between them, each once: from and to the number of a layer.
pub(super) fn of(model: &Model, settings: &PlotModel) -> Result<(Level, Vec<(u64, u64)>)> {
    let functional = model.built()?;
    let mut arrows = vec![];
    let level = level(model.name(), functional, model.class_name() == "Sequential", settings, &mut arrows)?;
    let known: Vec<u64> = level.all().iter().map(|b| b.id).collect();
    let mut found: Vec<(u64, u64)> = vec![];
    for arrow in arrows {
        if !found.contains(&arrow) && known.contains(&arrow.0) && known.contains(&arrow.1) {
            found.push(arrow);
        }
    }
    Ok((level, found))
}

fn level(
    name: &str,
    functional: &Functional,
    stack: bool,
    settings: &PlotModel,
    arrows: &mut Vec<(u64, u64)>,
) -> Result<Level> {
    let mut level = Level { name: name.into(), ..Level::default() };
    for layer in functional.layers.iter().filter(|layer| !stack || as_input(layer).is_none()) {
        match nested(layer).filter(|_| settings.expand_nested) {
            Some(model) => {
                let within = self::level(
                    layer.name(),
                    &model.functional,
                    model.class == "Sequential",
                    settings,
                    arrows,
                )?;
                level.levels.push(within);
            }
            None => level.blocks.push(block(layer, functional, settings)?),
        }
    }
    for node in &functional.nodes {
        for (i, x) in node.inputs.iter().enumerate() {
            let from = if settings.expand_nested { source(x) } else { x.node().layer.base().id() };
            let to = if settings.expand_nested { target(&node.layer, i) } else { node.layer.base().id() };
            arrows.push((from, to));
        }
    }
    Ok(level)
}

/// The layer that a tensor comes out of, within models that are shown whole.
fn source(x: &KerasTensor) -> u64 {
    match nested(&x.node().layer).and_then(|model| model.functional.outputs.get(x.index())) {
        Some(inner) => source(inner),
        None => x.node().layer.base().id(),
    }
}

/// The layer that the input `i` goes to, within models that are shown whole.
fn target(layer: &LayerRef, i: usize) -> u64 {
    let Some(model) = nested(layer) else { return layer.base().id() };
    match model.functional.inputs.get(i) {
        Some(input) if model.class != "Sequential" => input.node().layer.base().id(),
        // A stack does not show its input.
        _ => match model.functional.layers.iter().find(|layer| as_input(layer).is_none()) {
            Some(first) => target(first, 0),
            None => layer.base().id(),
        },
    }
}

fn block(layer: &LayerRef, functional: &Functional, settings: &PlotModel) -> Result<Block> {
    let plain = |text: String| Cell { text, kind: Kind::Plain };
    let class = layer.shown_class();
    let title =
        if settings.show_layer_names { format!("{} ({class})", layer.name()) } else { class.to_string() };
    let mut lines = vec![vec![Cell { text: title, kind: Kind::Title }]];
    if settings.show_layer_activations {
        lines.extend(activation(layer).map(|name| vec![plain(format!("Activation: {name}"))]));
    }
    // A layer of several calls has no one shape.
    let calls: Vec<&Arc<Node>> =
        functional.nodes.iter().filter(|n| n.layer.base().id() == layer.base().id()).collect();
    let (inputs, outputs) = match calls[..] {
        [call] => {
            let inputs = list(call.inputs.iter().map(|x| x.saved_shape().to_string()));
            let specs = match as_input(layer) {
                Some(input) if input.is_text() => vec![(input.batch_shape().clone(), "string")],
                Some(input) => vec![(input.batch_shape().clone(), input.tensor().dtype().name())],
                None => shown_specs(call)?,
            };
            let shapes = list(specs.iter().map(|(shape, _)| shape.to_string()));
            (inputs, Some((shapes, list(specs.iter().map(|(_, dtype)| dtype.to_string())))))
        }
        _ => ("?".into(), None),
    };
    let (shapes, dtypes) = outputs.unwrap_or_else(|| ("?".into(), "?".into()));
    let mut cells = vec![];
    if settings.show_shapes {
        if as_input(layer).is_none() {
            cells.push(plain(format!("Input shape: {inputs}")));
        }
        cells.push(plain(format!("Output shape: {shapes}")));
    }
    if settings.show_dtype {
        cells.push(plain(format!("Output dtype: {dtypes}")));
    }
    if settings.show_trainable && layer.count_params() > 0 {
        let trains = layer.base().is_trainable();
        let (text, kind) =
            if trains { ("Trainable", Kind::Trainable) } else { ("Non-trainable", Kind::Frozen) };
        cells.push(Cell { text: text.into(), kind });
    }
    if !cells.is_empty() {
        lines.push(cells);
    }
    Ok(Block { id: layer.base().id(), lines })
}

/// One by itself, several as a list.
fn list(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    if texts.len() == 1 { texts.concat() } else { format!("[{}]", texts.join(", ")) }
}

/// The name of a layer's activation, if it has one.
fn activation(layer: &LayerRef) -> Option<String> {
    let config = layer.config().ok()?;
    match &config["activation"] {
        Json::String(name) => Some(name.clone()),
        Json::Object(saved) => saved["class_name"].as_str().or(saved["config"].as_str()).map(str::to_string),
        _ => None,
    }
}
