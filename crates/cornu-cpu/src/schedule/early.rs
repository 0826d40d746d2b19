//! Updates of variables run as soon as they can, so that gradients need not all be kept to the end of a step.
use super::{Unit, root};
use cornu_graph::{Graph, Op, Spec};
use std::collections::{HashMap, HashSet};

/// Bytes of what is only a few numbers.
const SMALL: usize = 64;

/// Moves loops that end in new state, and that no other unit reads, to where what they read is there. One that has its place
/// after those that read the old state stays after them, so that it may be written over.
pub(super) fn updates(graph: &Graph, units: Vec<Unit>) -> Vec<Unit> {
    let reads = reads(graph, &units);
    let mut readers: HashMap<Source, Vec<usize>> = HashMap::new();
    for (at, sources) in reads.iter().enumerate() {
        sources.iter().for_each(|&source| readers.entry(source).or_default().push(at));
    }
    let mut state_of: HashMap<usize, Vec<usize>> = HashMap::new();
    for (old, &new) in graph.inputs.iter().zip(&graph.outputs[..graph.state]) {
        state_of.entry(root(graph, new).index()).or_default().push(old.index());
    }
    // The units that come behind each place: its own, and those that move there.
    let mut behind: Vec<Vec<usize>> = vec![vec![]; units.len()];
    let mut first: Vec<usize> = vec![];
    for (at, unit) in units.iter().enumerate() {
        let olds: Vec<usize> =
            unit.nodes().iter().filter_map(|i| state_of.get(i)).flatten().copied().collect();
        // Numbers for which nothing of the batch is needed, as how many steps there were, are what updates wait for.
        let is_first = |source: &Source| match source {
            Source::Unit(made) => first.contains(made),
            Source::Input(node) => graph.inputs[..graph.state].iter().any(|v| v.index() == *node),
        };
        let read_before = |old: &usize| {
            let readers = readers.get(&Source::Input(*old)).into_iter().flatten();
            readers.into_iter().all(|r| *r == at || first.contains(r))
        };
        let made = unit.nodes().iter().flat_map(|&i| &graph.nodes[i].outputs);
        if made.map(Spec::bytes).sum::<usize>() <= SMALL
            && reads[at].iter().all(is_first)
            && olds.iter().all(read_before)
        {
            first.push(at);
            continue;
        }
        let is_end =
            matches!(unit, Unit::Loop(_)) && !olds.is_empty() && !readers.contains_key(&Source::Unit(at));
        let made = reads[at].iter().filter_map(|source| match source {
            Source::Unit(made) => Some(*made),
            Source::Input(_) => None,
        });
        let read = olds.iter().filter_map(|&old| readers.get(&Source::Input(old))).flatten().copied();
        let last = made.chain(read).filter(|r| *r != at && !first.contains(r)).max();
        match last {
            Some(last) if is_end && last < at => behind[last].push(at),
            _ => behind[at].push(at),
        }
    }
    let order = first.into_iter().chain(behind.into_iter().flatten());
    let mut units: Vec<Option<Unit>> = units.into_iter().map(Some).collect();
    order.filter_map(|at| units[at].take()).collect()
}

/// What a unit reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    /// What the unit of this number made.
    Unit(usize),
    /// An input of the graph.
    Input(usize),
}

fn reads(graph: &Graph, units: &[Unit]) -> Vec<HashSet<Source>> {
    let mut unit_of: Vec<Option<usize>> = vec![None; graph.nodes.len()];
    for (at, unit) in units.iter().enumerate() {
        unit.nodes().iter().for_each(|&i| unit_of[i] = Some(at));
    }
    // Other names and views of a value are where it is.
    let mut sources: Vec<HashSet<Source>> = vec![HashSet::new(); graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        sources[i] = match (unit_of[i], &node.op) {
            (Some(unit), _) => HashSet::from([Source::Unit(unit)]),
            (None, Op::Input) => HashSet::from([Source::Input(i)]),
            (None, _) => node.inputs.iter().flat_map(|v| sources[v.index()].iter().copied()).collect(),
        };
    }
    let of = |(at, unit): (usize, &Unit)| {
        let inputs = unit.nodes().iter().flat_map(|&i| &graph.nodes[i].inputs);
        let mut read: HashSet<Source> = inputs.flat_map(|v| sources[v.index()].iter().copied()).collect();
        read.remove(&Source::Unit(at));
        read
    };
    units.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::schedule;
    use cornu_graph::{Builder, Result, Spec, Value};

    /// A step of two layers: a gradient of each kernel, and updates at the end of the graph.
    fn step() -> Result<Graph> {
        let b = Builder::new();
        let kernels: Vec<Value> = [[8, 16], [16, 4]].map(|shape| b.input(Spec::f32(shape))).into();
        let x = b.input(Spec::f32([32, 8]));
        let hidden = x.matmul(&kernels[0]).tanh();
        let loss = hidden.matmul(&kernels[1]).sum([0, 1]);
        let grads = cornu_graph::gradient(&loss, &kernels)?;
        let new: Vec<Value> = kernels.iter().zip(&grads).map(|(w, g)| w - &(g * 0.1)).collect();
        let mut graph = b.finish(&[new, vec![loss]].concat())?;
        graph.state = 2;
        cornu_graph::passes::optimize(&graph)
    }

    #[test]
    fn updates_follow_what_they_wait_for() {
        let graph = step().unwrap();
        let units = schedule(&graph);
        let at = |node: usize| units.iter().position(|u| u.nodes().contains(&node)).unwrap();
        let reads = reads(&graph, &units);
        for (unit, sources) in reads.iter().enumerate() {
            assert!(sources.iter().all(|s| !matches!(s, Source::Unit(made) if *made >= unit)), "{units:?}");
        }
        let update = |i: usize| at(root(&graph, graph.outputs[i]).index());
        // The last kernel's gradient is there first, but backpropagation reads that kernel once more.
        assert!(update(1) < update(0) && update(1) < units.len() - 2, "{units:?}");
        let old = Source::Input(graph.inputs[1].index());
        assert!((update(1) + 1..units.len()).all(|unit| !reads[unit].contains(&old)), "{units:?}");
    }
}
