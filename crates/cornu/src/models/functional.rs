//! The graph of layers between the inputs and the outputs of a model.
use crate::layers::core::InputLayer;
use crate::layers::{LayerBase, LayerRef};
use crate::models::config;
use crate::models::host_stage::HostStage;
use crate::models::keras_tensor::{KerasTensor, Node};
use crate::ops::Operation;
use crate::utils::naming;
use cornu_graph::{Error, Result, Tensor, Value};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Calls of layers in order, from inputs to outputs.
pub(crate) struct Functional {
    pub inputs: Vec<KerasTensor>,
    pub outputs: Vec<KerasTensor>,
    /// In an order in which each call comes after those it needs; Keras's order by depth.
    pub nodes: Vec<Arc<Node>>,
    /// Each layer once, in Keras's order.
    pub layers: Vec<LayerRef>,
    /// How Keras nests the inputs.
    pub input_structure: Structure,
    /// How Keras nests the outputs.
    pub output_structure: Structure,
    /// What comes before the graph.
    pub host: HostStage,
}

/// Tensors as Keras takes or gives them: one, a list, or by name. Numbers count the tensors in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Structure {
    /// A single tensor.
    One(usize),
    /// A list.
    List(Vec<Structure>),
    /// A dict.
    Named(Vec<(String, Structure)>),
}

impl Structure {
    /// One tensor by itself, several in a list.
    fn flat(count: usize) -> Structure {
        if count == 1 { Structure::One(0) } else { Structure::List((0..count).map(Structure::One).collect()) }
    }
}

impl std::fmt::Debug for Functional {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functional").field("inputs", &self.inputs).field("outputs", &self.outputs).finish()
    }
}

/// Applies one layer while a graph is traced: outputs and masks.
type ApplyFn<'a> = dyn Fn(&Node, &[Value], &[Option<Value>]) -> Result<(Vec<Value>, Vec<Option<Value>>)> + 'a;

impl Functional {
    /// Finds the calls between `inputs` and `outputs`.
    ///
    /// # Errors
    /// The first error made while applying layers; an output that does not come from the inputs; two layers of one name.
    pub fn new(inputs: Vec<KerasTensor>, outputs: Vec<KerasTensor>) -> Result<Functional> {
        if outputs.is_empty() {
            return Err(Error::argument("Model", "a model needs at least one output"));
        }
        if let Some(error) = inputs.iter().chain(&outputs).find_map(KerasTensor::error) {
            return Err(error.clone());
        }
        for (i, x) in inputs.iter().enumerate() {
            if !x.node().inputs.is_empty() {
                let message =
                    format!("input {i} comes out of layer `{}`; inputs come from `Input`", x.name());
                return Err(Error::argument("Model.inputs", message));
            }
            if inputs[..i].iter().any(|y| y.same(x)) {
                return Err(Error::argument("Model.inputs", format!("input `{}` is given twice", x.name())));
            }
        }
        let mut walk = Walk { inputs: &inputs, done: HashSet::new(), order: vec![], indices: HashMap::new() };
        for output in &outputs {
            walk.visit(output)?;
        }
        let (order, mut indices) = (walk.order, walk.indices);

        // Depth: how far before the outputs; calls of one layer share the greatest.
        let mut node_depth: HashMap<u64, usize> = HashMap::new();
        let mut layer_depth: HashMap<u64, usize> = HashMap::new();
        for node in order.iter().rev() {
            let layer = node.layer.base().id();
            let depth = (*node_depth.entry(node.id).or_insert(0)).max(*layer_depth.get(&layer).unwrap_or(&0));
            node_depth.insert(node.id, depth);
            layer_depth.insert(layer, depth);
            for x in &node.inputs {
                let before = node_depth.entry(x.node().id).or_insert(0);
                *before = (*before).max(depth + 1);
            }
        }
        let mut nodes = order;
        for x in &inputs {
            let id = x.node().layer.base().id();
            if let Entry::Vacant(depth) = layer_depth.entry(id) {
                depth.insert(0);
                indices.insert(id, -1);
                node_depth.insert(x.node().id, 0);
                nodes.push(x.node().clone());
            }
        }
        nodes.sort_by_key(|n| std::cmp::Reverse(node_depth[&n.id]));

        let mut layers: Vec<LayerRef> = vec![];
        let mut seen = HashSet::new();
        for node in &nodes {
            if seen.insert(node.layer.base().id()) {
                layers.push(node.layer.clone());
            }
        }
        let place = |l: &LayerRef| {
            let id = l.base().id();
            (std::cmp::Reverse(layer_depth[&id]), indices[&id])
        };
        layers.sort_by_key(place);
        unique_names(&layers)?;
        let (input_structure, output_structure) =
            (Structure::flat(inputs.len()), Structure::flat(outputs.len()));
        let host = HostStage::new(&inputs, &outputs, &nodes)?;
        Ok(Functional { inputs, outputs, nodes, layers, input_structure, output_structure, host })
    }

    /// Traces the calls; outputs and their masks.
    ///
    /// # Errors
    /// What went wrong in a layer.
    pub fn call(
        &self,
        apply: &ApplyFn,
        inputs: &[Value],
        masks: &[Option<Value>],
    ) -> Result<(Vec<Value>, Vec<Option<Value>>)> {
        let expected = self.graph_inputs();
        if inputs.len() != expected.len() {
            let message = format!("the model takes {} inputs, got {}", expected.len(), inputs.len());
            return Err(Error::argument("inputs", message));
        }
        let mut known: HashMap<(u64, usize), (Value, Option<Value>)> = HashMap::new();
        for (i, (x, value)) in expected.iter().zip(inputs).enumerate() {
            known.insert((x.node().id, x.index()), (value.clone(), masks.get(i).cloned().flatten()));
        }
        let find = |known: &HashMap<_, (Value, Option<Value>)>, x: &KerasTensor| {
            let lost = || Error::State(format!("`{}` is needed before it is made", x.name()));
            known.get(&(x.node().id, x.index())).cloned().ok_or_else(lost)
        };
        for node in &self.nodes {
            if known.contains_key(&(node.id, 0)) || self.host.has(node) {
                continue;
            }
            let read = self.host.read_by(node).iter();
            let arguments = read.map(|x| find(&known, x)).collect::<Result<Vec<_>>>()?;
            let (values, masks): (Vec<Value>, Vec<Option<Value>>) = arguments.into_iter().unzip();
            let (values, masks) = apply(node, &values, &masks)?;
            for (index, pair) in values.into_iter().zip(masks).enumerate() {
                known.insert((node.id, index), pair);
            }
        }
        let outputs = self.outputs.iter().map(|x| find(&known, x)).collect::<Result<Vec<_>>>()?;
        Ok(outputs.into_iter().unzip())
    }

    /// What goes into the graph: the inputs, or what layers on the host make of them.
    pub fn graph_inputs(&self) -> &[KerasTensor] {
        self.host.outputs().unwrap_or(&self.inputs)
    }

    /// The data of the inputs as it goes into the graph, with names for messages.
    ///
    /// # Errors
    /// What went wrong in a layer on the host.
    pub fn prepare(&self, data: Vec<Tensor>) -> Result<Vec<(String, Tensor)>> {
        let data = self.host.run(&self.inputs, data)?;
        Ok(self.graph_inputs().iter().map(|x| format!("x `{}`", x.name())).zip(data).collect())
    }

    /// The names of the inputs, as data can be given by.
    pub fn input_names(&self) -> Vec<String> {
        self.inputs.iter().map(|x| x.name().to_string()).collect()
    }

    /// The names of the outputs, as Keras makes them: that of the layer, with a number from its second output on.
    pub fn output_names(&self) -> Vec<String> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let numbered = |x: &KerasTensor, count: usize| match count {
            1 => x.name().to_string(),
            n => format!("{}_{}", x.name(), n - 1),
        };
        let mut names = vec![];
        for x in &self.outputs {
            let count = counts.entry(x.name()).or_insert(0);
            *count += 1;
            names.push(numbered(x, *count));
        }
        names
    }
}

/// Depth first from the outputs.
struct Walk<'a> {
    inputs: &'a [KerasTensor],
    done: HashSet<u64>,
    order: Vec<Arc<Node>>,
    /// Layers in the order met.
    indices: HashMap<u64, i64>,
}

impl Walk<'_> {
    fn visit(&mut self, start: &KerasTensor) -> Result<()> {
        // A stack instead of recursion: a model may be thousands of layers deep.
        // The tensors of a call that are still to be visited, the next one last.
        let mut stack = vec![(start.node().clone(), None)];
        while let Some((node, left)) = stack.pop() {
            let mut left: Vec<usize> = if let Some(left) = left {
                left
            } else {
                if self.done.contains(&node.id) {
                    continue;
                }
                let count = self.indices.len() as i64;
                self.indices.entry(node.layer.base().id()).or_insert(count);
                let is_input = self.inputs.iter().any(|x| Arc::ptr_eq(x.node(), &node));
                if node.inputs.is_empty() && !is_input {
                    let name = node.layer.base().resolved_name(node.layer.class_name());
                    let message = format!(
                        "output `{}` needs input `{name}`, which is not among the inputs",
                        start.name()
                    );
                    return Err(
                        Error::argument("Model", message).help("add it to the inputs of `Model::new`")
                    );
                }
                config::in_order(&node).into_iter().rev().collect()
            };
            match left.pop().and_then(|next| node.inputs.get(next)) {
                Some(x) => {
                    let before = x.node().clone();
                    stack.push((node, Some(left)));
                    stack.push((before, None));
                }
                None => {
                    if self.done.insert(node.id) {
                        self.order.push(node);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Fails when two different layers have one name, or one has none that is allowed.
pub(crate) fn unique_names(layers: &[LayerRef]) -> Result<()> {
    let mut names: HashMap<&str, &LayerBase> = HashMap::new();
    for layer in layers {
        let name = layer.base().resolved_name(layer.class_name());
        naming::check(name)?;
        if names.insert(name, layer.base()).is_some() {
            let message = format!("the name `{name}` is used by two layers; all layer names must be unique");
            return Err(Error::argument("Model", message).help("give one of them another `.name(..)`"));
        }
    }
    Ok(())
}

/// Data for an input layer, or `None` for any other.
pub(crate) fn as_input(layer: &LayerRef) -> Option<&InputLayer> {
    (&**layer as &dyn std::any::Any).downcast_ref::<InputLayer>()
}

/// Whether this is the call of an op, which Keras does not count among the layers.
pub(crate) fn is_operation(layer: &LayerRef) -> bool {
    (&**layer as &dyn std::any::Any).is::<Operation>()
}
