//! What a model does with data before the graph. Models within it do their part of that, too: what that makes goes into the graph
//! in place of their inputs.
use crate::layers::LayerRef;
use crate::models::Functional;
use crate::models::functional::as_input;
use crate::models::keras_tensor::{KerasTensor, Node};
use crate::models::nested::NestedModel;
use cornu_graph::{DType, Error, Result, Tensor};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The calls of layers on the host, and what goes from them into the graph. Empty for most models.
#[derive(Debug, Default)]
pub(crate) struct HostStage {
    /// In order, inputs of the model among them.
    ids: HashSet<u64>,
    calls: Vec<Arc<Node>>,
    /// For calls of models that do something before the graph: what stands for what comes out of that.
    within: HashMap<u64, Vec<KerasTensor>>,
    outputs: Vec<KerasTensor>,
}

/// The model behind a layer, if it does something before the graph.
pub(crate) fn model_on_host(layer: &LayerRef) -> Option<&Functional> {
    let nested = (&**layer as &dyn std::any::Any).downcast_ref::<NestedModel>();
    nested.map(|model| &*model.functional).filter(|model| model.host.outputs().is_some())
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("id", &self.id).field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl KerasTensor {
    /// Whether it stands for [`text`](crate::data::text).
    pub fn is_text(&self) -> bool {
        let layer = &self.node().layer;
        let is_input = as_input(layer).is_some_and(|input| input.is_text());
        is_input || layer.on_host().is_some() && self.dtype() == DType::U32
    }
}

impl HostStage {
    /// Splits the calls of a model, given in order.
    ///
    /// # Errors
    /// When a layer on the host needs something from the graph, or one in the graph needs text.
    pub fn new(inputs: &[KerasTensor], outputs: &[KerasTensor], nodes: &[Arc<Node>]) -> Result<HostStage> {
        let mut wanted: HashSet<u64> = HashSet::new();
        for node in nodes.iter().rev() {
            let on_host = node.layer.on_host().is_some() || model_on_host(&node.layer).is_some();
            if on_host || wanted.contains(&node.id) {
                wanted.insert(node.id);
                // What works in the graph comes before it where something before it needs that.
                let able = node.inputs.iter().filter(|x| x.node().layer.before_graph().is_some());
                wanted.extend(able.map(|x| x.node().id));
            }
        }
        let calls: Vec<Arc<Node>> = nodes.iter().filter(|n| wanted.contains(&n.id)).cloned().collect();
        let mut ids: HashSet<u64> = inputs.iter().map(|x| x.node().id).collect();
        let mut within: HashMap<u64, Vec<KerasTensor>> = HashMap::new();
        for node in &calls {
            if let Some(x) = node.inputs.iter().find(|x| !ids.contains(&x.node().id)) {
                let layer = node.layer.base().resolved_name(node.layer.class_name());
                let message = format!("`{layer}` works on data before the graph, `{}` within it", x.name());
                let error = Error::argument("Model", message);
                return Err(error.help("such layers take inputs of the model, or each other's outputs"));
            }
            match model_on_host(&node.layer) {
                None => _ = ids.insert(node.id),
                Some(model) => {
                    let made: Vec<_> = model.graph_inputs().iter().map(KerasTensor::stand_in).collect();
                    ids.extend(made.iter().map(|x| x.node().id));
                    within.insert(node.id, made);
                }
            }
        }
        let in_graph = nodes.iter().filter(|n| !ids.contains(&n.id));
        let read = in_graph.flat_map(|n| within.get(&n.id).unwrap_or(&n.inputs));
        let read: Vec<&KerasTensor> = read.collect();
        let used: Vec<&KerasTensor> = read.iter().copied().chain(outputs).collect();
        if let Some(x) = read.iter().find(|x| x.is_text()) {
            let message = format!("`{}` is text, which only layers as `TextVectorization` take", x.name());
            return Err(Error::argument("Model", message));
        }
        if calls.is_empty() {
            return Ok(HostStage::default());
        }
        let mut found: Vec<KerasTensor> = vec![];
        let from_host = inputs.iter().filter(|x| used.iter().any(|u| u.same(x)));
        for x in from_host.chain(used.iter().copied().filter(|x| ids.contains(&x.node().id))) {
            if !found.iter().any(|known| known.same(x)) {
                found.push(x.clone());
            }
        }
        let outputs = found;
        Ok(HostStage { ids, calls, within, outputs })
    }

    /// Whether a call is done before the graph.
    pub fn has(&self, node: &Node) -> bool {
        self.ids.contains(&node.id)
    }

    /// What a call in the graph reads.
    pub fn read_by<'a>(&'a self, node: &'a Node) -> &'a [KerasTensor] {
        self.within.get(&node.id).unwrap_or(&node.inputs)
    }

    /// What goes into the graph, if there is something to do before.
    pub fn outputs(&self) -> Option<&[KerasTensor]> {
        (!self.calls.is_empty()).then_some(&self.outputs)
    }

    /// The data that goes into the graph, from that of the inputs.
    ///
    /// # Errors
    /// What went wrong in a layer.
    pub fn run(&self, inputs: &[KerasTensor], data: Vec<Tensor>) -> Result<Vec<Tensor>> {
        if self.calls.is_empty() {
            return Ok(data);
        }
        let mut known: HashMap<u64, Tensor> = HashMap::new();
        for (x, tensor) in inputs.iter().zip(data) {
            known.insert(x.node().id, fit(tensor, x)?);
        }
        let lost = |x: &KerasTensor| Error::State(format!("`{}` is needed before it is made", x.name()));
        for node in &self.calls {
            let arguments =
                node.inputs.iter().map(|x| known.get(&x.node().id).cloned().ok_or_else(|| lost(x)));
            let arguments = arguments.collect::<Result<Vec<_>>>()?;
            if let (Some(model), Some(made)) = (model_on_host(&node.layer), self.within.get(&node.id)) {
                let prepared = model.host.run(&model.inputs, arguments);
                let prepared = prepared.map_err(|e| crate::layers::in_layer(&*node.layer, e))?;
                known.extend(made.iter().map(|x| x.node().id).zip(prepared));
                continue;
            }
            let Some(host) = node.layer.before_graph() else { continue };
            let output = host.run(&arguments).map_err(|e| crate::layers::in_layer(&*node.layer, e))?;
            known.insert(node.id, output);
        }
        let find = |x: &KerasTensor| known.get(&x.node().id).cloned().ok_or_else(|| lost(x));
        self.outputs.iter().map(find).collect()
    }
}

/// Data with a last axis of size 1 where the input has one, as Keras adds it.
fn fit(tensor: Tensor, input: &KerasTensor) -> Result<Tensor> {
    let text = usize::from(input.is_text());
    let (expected, given) = (input.shape().dims(), tensor.shape());
    if given.len() + 1 != expected.len() || given.len() <= text {
        return Ok(tensor);
    }
    let at = given.len() - text;
    if expected[at] != Some(1) {
        return Ok(tensor);
    }
    let shape = [&given[..at], &[1], &given[at..]].concat();
    tensor.reshape(shape)
}
