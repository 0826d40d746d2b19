//! Gradients of embeddings: large arrays of zeros, to few rows of which a step adds. Such an array is kept from run to run, so that
//! only the rows of the last run are made zero again.
use super::Planner;
use crate::kernels;
use crate::schedule::{Unit, alias_of, is_view, root};
use cornu_graph::{Graph, Op, Tensor, ValueId};

/// Bytes from which on it is worth a place of its own.
const LARGE: usize = 64 << 10;

/// A scatter over zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// The units of the zeros and of the scatter.
    pub zeros_at: usize,
    pub at: usize,
    /// What they make.
    pub zeros: ValueId,
    pub value: ValueId,
}

/// Those of a graph whose memory is its own from run to run.
fn find(graph: &Graph, units: &[Unit]) -> Vec<Kept> {
    let scatter = |at: usize| {
        let &Unit::Node(i) = &units[at] else { return None };
        let node = &graph.nodes[i];
        let Op::Scatter(_) = node.op else { return None };
        let zeros = root(graph, node.inputs[0]);
        let zeros_at = units.iter().position(|u| matches!(u, &Unit::Node(n) if n == zeros.index()))?;
        let (bytes, updates) = (node.outputs[0].bytes(), graph.spec(node.inputs[2]).bytes());
        let is_sparse = bytes >= LARGE && 2 * updates <= bytes;
        let value = ValueId::new(i, 0);
        let is_output = graph.outputs.iter().any(|&v| [zeros, value].contains(&root(graph, v)));
        let is_kept = is_sparse && !is_output && is_zero(graph, zeros) && readers(graph, zeros) == 1;
        is_kept.then_some(Kept { zeros_at, at, zeros, value })
    };
    (0..units.len()).filter_map(scatter).collect()
}

/// Whether all bytes of a value are 0 in any run.
fn is_zero(graph: &Graph, v: ValueId) -> bool {
    let node = &graph.nodes[v.index()];
    let zero = |t: &Tensor| t.bytes().iter().all(|&b| b == 0);
    match &node.op {
        Op::Constant(c) => zero(&c.value),
        Op::Broadcast(_) => is_zero(graph, root(graph, node.inputs[0])),
        _ => false,
    }
}

/// Nodes that read the memory of a value, themselves or through views.
fn readers(graph: &Graph, v: ValueId) -> usize {
    let mut count = 0;
    for (i, node) in graph.nodes.iter().enumerate() {
        let same_memory = alias_of(graph, i).is_some();
        let reads = node.inputs.iter().filter(|&&input| root(graph, input) == v).count();
        count += if same_memory { 0 } else { reads * if is_view(graph, i) { 2 } else { 1 } };
    }
    count
}

impl Planner<'_> {
    /// The kernel of a kept scatter, and none for its zeros.
    pub(super) fn keep(&mut self) {
        for one in find(self.graph, self.units) {
            let node = &self.graph.nodes[one.value.index()];
            let Op::Scatter(op) = &node.op else { continue };
            let specs: Vec<_> = node.inputs.iter().map(|&v| self.graph.spec(v)).collect();
            if let Some(kernel) = kernels::scatter_over_zeros(op, &specs) {
                self.kernels[one.at] = Some(kernel);
                self.kernels[one.zeros_at] = None;
                self.kept.push(one);
            }
        }
    }

    /// Whether nothing else may be stored where a value is.
    pub(super) fn is_kept(&self, v: ValueId) -> bool {
        self.kept.iter().any(|kept| kept.value == v || kept.zeros == v)
    }
}
