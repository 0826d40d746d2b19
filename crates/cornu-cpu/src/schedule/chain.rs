//! Steps that pass arrays from one to the next that are too large for the caches, while what they do to one sample of a batch
//! does not depend on the others: each task takes one sample through all of them. So attention keeps the scores of a sample in
//! the second cache, and those that nothing else reads never have an array for the whole batch.
use super::{Unit, is_constant};
use cornu_graph::{Graph, Node, Op, Rows, ValueId, by_rows};
use std::collections::{HashMap, HashSet};

/// Fewest samples.
const SAMPLES: usize = 4;
/// Bytes of an array that the second cache of a core would hardly keep until the next step.
const LARGE: usize = 512 << 10;

/// Units one after the other, as a graph of their own that is run for each sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The nodes of all units.
    pub nodes: Vec<usize>,
    /// What the chain reads that others made, and whether each sample has a part of its own of it.
    pub inputs: Vec<(ValueId, bool)>,
    /// What others read of it.
    pub outputs: Vec<ValueId>,
    pub samples: usize,
    /// The graph of one sample.
    pub graph: Graph,
}

/// Joins units that follow each other into chains that begin with a product of batches, where that saves the way to memory.
pub(super) fn join(graph: &Graph, units: Vec<Unit>) -> Vec<Unit> {
    let finder = Finder::new(graph, &units);
    let fits =
        |run: &[Unit]| run.first().is_some_and(|u| finder.is_product(u)) && finder.chain(run).is_some();
    let (mut joined, mut run) = (vec![], vec![]);
    for unit in units {
        run.push(unit);
        if !fits(&run) {
            let last = run.split_off(run.len() - 1);
            finder.end(run, &mut joined);
            run = last;
            if !fits(&run) {
                joined.append(&mut run);
            }
        }
    }
    finder.end(run, &mut joined);
    joined
}

struct Finder<'a> {
    graph: &'a Graph,
    /// Whether a unit makes a node.
    in_unit: Vec<bool>,
    /// The nodes that read each node.
    readers: Vec<Vec<usize>>,
}

impl Finder<'_> {
    fn new<'a>(graph: &'a Graph, units: &[Unit]) -> Finder<'a> {
        let mut in_unit = vec![false; graph.nodes.len()];
        units.iter().flat_map(Unit::nodes).for_each(|&i| in_unit[i] = true);
        let mut readers = vec![vec![]; graph.nodes.len()];
        for (i, node) in graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|v| readers[v.index()].push(i));
        }
        Finder { graph, in_unit, readers }
    }

    /// Adds a run of units to `joined`, as a chain if that saves anything.
    fn end(&self, mut run: Vec<Unit>, joined: &mut Vec<Unit>) {
        match self.chain(&run).filter(|_| self.passes_on(&run)) {
            Some(chain) => joined.push(Unit::Chain(Box::new(chain))),
            None => joined.append(&mut run),
        }
    }

    /// Whether a unit is a product of batches.
    fn is_product(&self, unit: &Unit) -> bool {
        let first = unit.nodes().first().map(|&i| &self.graph.nodes[i].op);
        let is_batch = |axes: &[usize]| axes.first() == Some(&0);
        matches!((unit, first), (Unit::Node(_) | Unit::Affine(_), Some(Op::Dot(dot)))
            if is_batch(&dot.a_batch) && is_batch(&dot.b_batch))
    }

    /// Whether a large array goes from one of these units to another.
    fn passes_on(&self, units: &[Unit]) -> bool {
        units.iter().any(|unit| {
            let reads = |r: &usize| units.iter().any(|other| other != unit && other.nodes().contains(r));
            let large = |i: &usize| self.graph.spec(ValueId::new(*i, 0)).bytes() >= LARGE;
            unit.nodes().iter().any(|i| large(i) && self.readers[*i].iter().any(reads))
        })
    }

    /// Whether a unit could be part of a chain: it reads or makes a large array.
    fn fits(&self, unit: &Unit) -> bool {
        let known = match unit {
            Unit::Node(i) => {
                let op = &self.graph.nodes[*i].op;
                matches!(op, Op::Softmax(_) | Op::Reduce(_) | Op::Transpose(_)) || self.is_product(unit)
            }
            Unit::Affine(_) => self.is_product(unit),
            Unit::Loop(_) => true,
            Unit::Chain(_) => false,
        };
        let reads = unit.nodes().iter().flat_map(|&i| self.graph.nodes[i].inputs.iter().copied());
        let makes = unit.nodes().iter().map(|&i| ValueId::new(i, 0));
        known && reads.chain(makes).any(|v| self.graph.spec(v).bytes() >= LARGE)
    }

    /// The units as a chain, if each sample goes through all of them alone.
    fn chain(&self, units: &[Unit]) -> Option<Chain> {
        let first = *units.first()?.nodes().first()?;
        let samples = *self.graph.nodes[first].outputs[0].shape.first()?;
        if samples < SAMPLES || !units.iter().all(|u| self.fits(u)) {
            return None;
        }
        let nodes: Vec<usize> = units.iter().flat_map(Unit::nodes).copied().collect();
        let within: HashSet<usize> = nodes.iter().copied().collect();
        let outputs = nodes.iter().filter(|&&i| self.leaves(i, &within)).map(|&i| ValueId::new(i, 0));
        let outputs: Vec<ValueId> = outputs.collect();
        let (whole, places, inputs) = self.alone(&within, &outputs);
        let Rows { graph, inputs: by_row } = by_rows(&whole, 0, samples, 1)?;
        // What does not depend on the sample would be made again for each, by several threads in one place.
        let size = |graph: &Graph, i: usize| graph.nodes[i].outputs[0].shape.first().copied();
        let of_sample = |&i: &usize| {
            let part = places.get(&i).and_then(|&at| size(&graph, at));
            (size(self.graph, i), part) == (Some(samples), Some(1))
        };
        nodes.iter().all(of_sample).then(|| Chain {
            inputs: inputs.into_iter().zip(by_row).collect(),
            nodes,
            outputs,
            samples,
            graph,
        })
    }

    /// Whether something outside of these nodes reads a node, under whatever name.
    fn leaves(&self, i: usize, within: &HashSet<usize>) -> bool {
        let reads = |&r: &usize| !within.contains(&r) && (self.in_unit[r] || self.leaves(r, within));
        self.graph.outputs.iter().any(|v| v.index() == i) || self.readers[i].iter().any(reads)
    }

    /// Nodes as a graph of their own, with the views that they read through; where in it each is, and what its inputs are.
    fn alone(
        &self,
        within: &HashSet<usize>,
        outputs: &[ValueId],
    ) -> (Graph, HashMap<usize, usize>, Vec<ValueId>) {
        let graph = self.graph;
        let is_input = |i: usize| {
            let made = graph.nodes[i].op == Op::Input || is_constant(graph, i) || self.in_unit[i];
            made && !within.contains(&i)
        };
        let mut wanted: HashSet<usize> = within.clone();
        let mut open: Vec<usize> = within.iter().copied().collect();
        while let Some(i) = open.pop() {
            let views = graph.nodes[i].inputs.iter().map(|v| v.index()).filter(|&j| !is_input(j));
            open.extend(views.filter(|&j| wanted.insert(j)));
        }
        let mut wanted: Vec<usize> = wanted.into_iter().collect();
        wanted.sort_unstable();
        let mut alone = Graph::default();
        let (mut places, mut inputs, mut values) = (HashMap::new(), vec![], HashMap::new());
        for i in wanted {
            let node = &graph.nodes[i];
            for &v in &node.inputs {
                values.entry(v).or_insert_with(|| {
                    let new = ValueId::new(alone.nodes.len(), 0);
                    let (op, outputs) = (Op::Input, vec![graph.spec(v).clone()]);
                    alone.nodes.push(Node { op, inputs: vec![], outputs, source: node.source });
                    alone.inputs.push(new);
                    inputs.push(v);
                    new
                });
            }
            places.insert(i, alone.nodes.len());
            values.insert(ValueId::new(i, 0), ValueId::new(alone.nodes.len(), 0));
            let inputs = node.inputs.iter().map(|v| values[v]).collect();
            alone.nodes.push(Node { inputs, ..node.clone() });
        }
        alone.outputs = outputs.iter().map(|v| values[v]).collect();
        (alone, places, inputs)
    }
}
