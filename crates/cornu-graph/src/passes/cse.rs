//! Common subexpression elimination: nodes that compute the same become one.
use super::rewrite::Rewriter;
use crate::{Graph, Op, Result, ValueId};
use std::collections::HashMap;

/// Merges nodes with the same op and inputs. Ops have no hidden state, so that they give the same.
///
/// # Errors
/// When the graph is malformed.
pub fn cse(graph: &Graph) -> Result<Graph> {
    let mut new = Rewriter::default();
    let mut known: HashMap<(Op, Vec<ValueId>), usize> = HashMap::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        if node.op == Op::Input {
            new.copy(i, node)?;
            continue;
        }
        let inputs = node.inputs.iter().map(|&v| new.get(v)).collect::<Result<Vec<_>>>()?;
        let key = (node.op.clone(), inputs);
        if let Some(&same) = known.get(&key) {
            for output in 0..node.outputs.len() {
                new.set(ValueId::new(i, output), ValueId::new(same, output));
            }
            continue;
        }
        let copy = new.copy(i, node)?;
        known.insert(key, copy);
    }
    new.finish(graph)
}
