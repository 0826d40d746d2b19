//! What a legal graph is, checked between passes.
use crate::{Error, Graph, Op, Result, Spec};

/// Checks that every node uses only earlier values, states the specs that its op gives, and that inputs, outputs and
/// state fit. Bodies of loops are checked too.
///
/// # Errors
/// The first rule broken, with the node.
pub fn verify(graph: &Graph) -> Result<()> {
    let bad =
        |i: usize, why: String| Err(Error::Graph(format!("node {i} ({}): {why}", graph.nodes[i].op.name())));
    let exists =
        |node: usize, output: u32| graph.nodes.get(node).is_some_and(|n| (output as usize) < n.outputs.len());
    for (i, node) in graph.nodes.iter().enumerate() {
        if let Some(v) = node.inputs.iter().find(|v| v.index() >= i || !exists(v.index(), v.output)) {
            return bad(i, format!("uses {v:?}, which is not an earlier value"));
        }
        if node.op == Op::Input {
            if node.outputs.len() != 1 || !node.inputs.is_empty() {
                return bad(i, "an input has one output and no inputs".into());
            }
            if !graph.inputs.iter().any(|v| v.index() == i) {
                return bad(i, "is not in the list of inputs".into());
            }
            continue;
        }
        let specs: Vec<&Spec> = node.inputs.iter().map(|&v| graph.spec(v)).collect();
        let given = node.op.infer(&specs).map_err(|e| Error::Graph(format!("node {i}: {e}")))?;
        if given != node.outputs {
            return bad(i, format!("states {:?}, gives {given:?}", node.outputs));
        }
        node.op.bodies().into_iter().try_for_each(verify)?;
    }
    for v in &graph.inputs {
        if !exists(v.index(), v.output) || graph.nodes[v.index()].op != Op::Input {
            return Err(Error::Graph(format!("input {v:?} is not an input node")));
        }
    }
    if let Some(v) = graph.outputs.iter().find(|v| !exists(v.index(), v.output)) {
        return Err(Error::Graph(format!("output {v:?} does not exist")));
    }
    if graph.state > graph.inputs.len() || graph.state > graph.outputs.len() {
        return Err(Error::Graph(format!("{} variables, but fewer inputs or outputs", graph.state)));
    }
    for (i, (&before, &after)) in graph.inputs.iter().zip(&graph.outputs).take(graph.state).enumerate() {
        if graph.spec(before) != graph.spec(after) {
            let message = format!("variable {i} is {} and becomes {}", graph.spec(before), graph.spec(after));
            return Err(Error::Graph(message));
        }
    }
    Ok(())
}
