//! Ops that an engine lacks become simpler ones.
use super::dce;
use super::rewrite::Rewriter;
use crate::{Builder, Graph, Op, Result, Spec, Value, ValueId};

/// Whether an engine runs an op on inputs and outputs of these specs.
pub type IsNative<'a> = dyn Fn(&Op, &[&Spec], &[Spec]) -> bool + 'a;

/// Decomposes what is not native, down to what is. What has no decomposition stays.
///
/// # Errors
/// When a decomposition fails.
pub fn legalize(graph: &Graph, is_native: &IsNative) -> Result<Graph> {
    let graph = &super::with_bodies(graph, &|body| legalize(body, is_native))?;
    let mut new = Rewriter::default();
    for (i, node) in graph.nodes.iter().enumerate() {
        let inputs: Vec<&Spec> = node.inputs.iter().map(|&v| graph.spec(v)).collect();
        if node.op == Op::Input || is_native(&node.op, &inputs, &node.outputs) {
            new.copy(i, node)?;
            continue;
        }
        let Some(simpler) = decomposition(&node.op, &inputs)? else {
            new.copy(i, node)?;
            continue;
        };
        let simpler = legalize(&simpler, is_native)?;
        let args = node.inputs.iter().map(|&v| new.get(v)).collect::<Result<Vec<_>>>()?;
        for (output, v) in new.inline(&simpler, &args)?.into_iter().enumerate() {
            new.set(ValueId::new(i, output), v);
        }
    }
    dce(&new.finish(graph)?)
}

/// The op as a graph of simpler ones.
fn decomposition(op: &Op, inputs: &[&Spec]) -> Result<Option<Graph>> {
    let builder = Builder::new();
    let values: Vec<Value> = inputs.iter().map(|&spec| builder.input(spec.clone())).collect();
    if values.is_empty() {
        return Ok(None);
    }
    op.decompose(&values).map(|outputs| builder.finish(&outputs)).transpose()
}
