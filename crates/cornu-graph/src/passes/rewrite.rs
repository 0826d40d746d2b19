//! Copying a graph node by node, with changes.
use crate::ops::Constant;
use crate::{Error, Graph, Node, Op, Result, Source, Spec, ValueId};
use std::collections::HashMap;

/// What stands for a node.
pub(super) enum Better {
    /// A value there is already.
    Same(ValueId),
    /// Another op.
    Op(Op, Vec<ValueId>),
}

/// A new graph in the making, and what stands in it for the values of the old one.
#[derive(Debug, Default)]
pub(super) struct Rewriter {
    pub graph: Graph,
    map: HashMap<ValueId, ValueId>,
}

impl Rewriter {
    /// What stands for a value of the old graph.
    ///
    /// # Errors
    /// When it was not copied.
    pub fn get(&self, old: ValueId) -> Result<ValueId> {
        let known = self.map.get(&old).copied();
        known.ok_or_else(|| Error::Graph(format!("a rewritten graph lacks {old:?}")))
    }

    /// Lets `new` stand for `old`.
    pub fn set(&mut self, old: ValueId, new: ValueId) {
        self.map.insert(old, new);
    }

    /// Copies node `i` of the old graph; the copy's number.
    ///
    /// # Errors
    /// When an input was not copied.
    pub fn copy(&mut self, i: usize, node: &Node) -> Result<usize> {
        let inputs = node.inputs.iter().map(|&v| self.get(v)).collect::<Result<_>>()?;
        let new = self.graph.nodes.len();
        self.graph.nodes.push(Node { inputs, ..node.clone() });
        for output in 0..node.outputs.len() {
            self.set(ValueId::new(i, output), ValueId::new(new, output));
        }
        Ok(new)
    }

    /// Adds a node on values of the new graph; its first output.
    ///
    /// # Errors
    /// When the op does not take them.
    pub fn emit(&mut self, op: impl Into<Op>, inputs: &[ValueId], source: Source) -> Result<ValueId> {
        let op = op.into();
        let specs: Vec<&Spec> = inputs.iter().map(|&v| self.graph.spec(v)).collect();
        let outputs = op.infer(&specs)?;
        self.graph.nodes.push(Node { op, inputs: inputs.to_vec(), outputs, source });
        Ok(ValueId::new(self.graph.nodes.len() - 1, 0))
    }

    /// Adds the nodes of `inner`, whose inputs are `args`; its outputs.
    ///
    /// # Errors
    /// When `inner` is malformed.
    pub fn inline(&mut self, inner: &Graph, args: &[ValueId]) -> Result<Vec<ValueId>> {
        let outer = std::mem::take(&mut self.map);
        inner.inputs.iter().zip(args).for_each(|(&v, &arg)| self.set(v, arg));
        for (i, node) in inner.nodes.iter().enumerate().filter(|(_, n)| n.op != Op::Input) {
            self.copy(i, node)?;
        }
        let outputs = inner.outputs.iter().map(|&v| self.get(v)).collect();
        self.map = outer;
        outputs
    }

    /// The new graph, with the inputs, outputs and state of the old one.
    ///
    /// # Errors
    /// When one of them was not copied.
    pub fn finish(mut self, old: &Graph) -> Result<Graph> {
        self.graph.inputs = old.inputs.iter().map(|&v| self.get(v)).collect::<Result<_>>()?;
        self.graph.outputs = old.outputs.iter().map(|&v| self.get(v)).collect::<Result<_>>()?;
        self.graph.state = old.state;
        Ok(self.graph)
    }
}

/// The number that all elements of a constant, or of the broadcast of one, are.
pub(super) fn splat(graph: &Graph, v: ValueId) -> Option<f64> {
    match &graph.nodes[v.index()].op {
        Op::Constant(Constant { value }) => {
            // Long constants are hardly ever splats.
            let all = if value.len() <= 64 { value.to_f64() } else { return None };
            let first = *all.first()?;
            all.iter().all(|x| x.to_bits() == first.to_bits()).then_some(first)
        }
        Op::Broadcast(_) | Op::Reshape(_) => splat(graph, graph.nodes[v.index()].inputs[0]),
        _ => None,
    }
}
