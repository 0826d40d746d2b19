//! A graph as plain data.
use crate::{DType, Op};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::Location;

/// Shape and dtype of one value: all that inference needs to know. Every size is a number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Spec {
    /// Type of the elements.
    pub dtype: DType,
    /// Sizes of the axes.
    pub shape: Vec<usize>,
}

impl Spec {
    /// A spec from its parts.
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>) -> Spec {
        Spec { dtype, shape: shape.into() }
    }

    /// A spec of float32.
    pub fn f32(shape: impl Into<Vec<usize>>) -> Spec {
        Spec::new(DType::F32, shape)
    }

    /// The same dtype with another shape.
    pub fn with_shape(&self, shape: impl Into<Vec<usize>>) -> Spec {
        Spec::new(self.dtype, shape)
    }

    /// The same shape with another dtype.
    pub fn with_dtype(&self, dtype: DType) -> Spec {
        Spec::new(dtype, self.shape.clone())
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements; the largest number for shapes that no memory holds.
    pub fn len(&self) -> usize {
        crate::shape::count(&self.shape).unwrap_or(usize::MAX)
    }

    /// No elements at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all elements.
    pub fn bytes(&self) -> usize {
        self.len().saturating_mul(self.dtype.size())
    }
}

/// `float32[2,3]`.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        write!(f, "{}[{}]", self.dtype, sizes.join(","))
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One output of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId {
    /// Index of the node in [`Graph::nodes`].
    pub node: u32,
    /// Which of its outputs.
    pub output: u32,
}

impl ValueId {
    /// Output `output` of node `node`.
    pub fn new(node: usize, output: usize) -> ValueId {
        ValueId { node: node as u32, output: output as u32 }
    }

    /// The node as an index.
    pub fn index(self) -> usize {
        self.node as usize
    }
}

/// Where a node was made, in the user's source. Takes no part in comparisons.
#[derive(Clone, Copy, Default)]
pub struct Source(pub Option<&'static Location<'static>>);

impl PartialEq for Source {
    fn eq(&self, _: &Source) -> bool {
        true
    }
}
impl Eq for Source {}
impl Hash for Source {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "{at}"),
            None => f.write_str("-"),
        }
    }
}

/// An op on earlier values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From what; each is an output of an earlier node.
    pub inputs: Vec<ValueId>,
    /// Specs of the results.
    pub outputs: Vec<Spec>,
    /// Where it was made.
    pub source: Source,
}

/// A complete graph: nodes in an order in which each uses only earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Graph {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The inputs, each an [`Op::Input`] node.
    pub inputs: Vec<ValueId>,
    /// The results.
    pub outputs: Vec<ValueId>,
    /// The first `state` inputs are variables, and the first `state` outputs their new values, in the same order.
    pub state: usize,
}

impl Graph {
    /// Spec of a value.
    pub fn spec(&self, value: ValueId) -> &Spec {
        &self.nodes[value.index()].outputs[value.output as usize]
    }

    /// Floating point operations of a node, where it is made of matrix products or convolutions.
    pub fn flops(&self, node: usize) -> f64 {
        let node = &self.nodes[node];
        let inputs: Vec<&Spec> = node.inputs.iter().map(|&v| self.spec(v)).collect();
        node.op.flops(&inputs, &node.outputs)
    }

    /// For each node and output, how many nodes and graph outputs use it.
    pub fn uses(&self) -> Vec<Vec<u32>> {
        let mut uses: Vec<Vec<u32>> = self.nodes.iter().map(|n| vec![0; n.outputs.len()]).collect();
        for v in self.nodes.iter().flat_map(|n| &n.inputs).chain(&self.outputs) {
            uses[v.index()][v.output as usize] += 1;
        }
        uses
    }
}
