//! Constant folding: what depends on constants alone is computed now.
use super::rewrite::Rewriter;
use crate::ops::Constant;
use crate::{Graph, Op, Result, ValueId, interpret};

/// Results with more elements stay in the graph, and broadcasts too: they cost less than their memory.
const LARGEST: usize = 1024;

/// Replaces small results of constants by constants.
///
/// # Errors
/// When the graph is malformed.
pub fn fold(graph: &Graph) -> Result<Graph> {
    let mut new = Rewriter::default();
    for (i, node) in graph.nodes.iter().enumerate() {
        let copy = new.copy(i, node)?;
        let inputs = &new.graph.nodes[copy].inputs;
        let constant = |v: &ValueId| matches!(new.graph.nodes[v.index()].op, Op::Constant(_));
        let small = node.outputs.len() == 1 && node.outputs[0].len() <= LARGEST;
        let repeats = matches!(node.op, Op::Broadcast(_));
        if inputs.is_empty() || repeats || !small || !inputs.iter().all(constant) {
            continue;
        }
        let mut alone = Graph::default();
        alone.nodes.extend(inputs.iter().map(|v| new.graph.nodes[v.index()].clone()));
        let mut last = new.graph.nodes[copy].clone();
        last.inputs = (0..inputs.len()).map(|k| ValueId::new(k, 0)).collect();
        alone.nodes.push(last);
        alone.outputs = vec![ValueId::new(inputs.len(), 0)];
        let value = interpret(&alone, &[])?.remove(0);
        let folded = new.emit(Constant { value }, &[], node.source)?;
        new.set(ValueId::new(i, 0), folded);
    }
    new.finish(graph)
}
