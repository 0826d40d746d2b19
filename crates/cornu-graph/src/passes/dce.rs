//! Dead code elimination: nodes that no output needs are dropped. Inputs stay.
use super::rewrite::Rewriter;
use crate::{Graph, Result};

/// Drops nodes that no output needs.
///
/// # Errors
/// When the graph is malformed.
pub fn dce(graph: &Graph) -> Result<Graph> {
    let mut live = vec![false; graph.nodes.len()];
    graph.inputs.iter().chain(&graph.outputs).for_each(|v| live[v.index()] = true);
    for i in (0..graph.nodes.len()).rev() {
        if live[i] {
            graph.nodes[i].inputs.iter().for_each(|v| live[v.index()] = true);
        }
    }
    let mut new = Rewriter::default();
    for (i, node) in graph.nodes.iter().enumerate().filter(|(i, _)| live[*i]) {
        new.copy(i, node)?;
    }
    new.finish(graph)
}
