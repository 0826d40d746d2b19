//! Which nodes run together, and in which order.
mod affine;
mod chain;
mod early;

pub(crate) use affine::Affine;
pub(crate) use chain::Chain;

use crate::elementwise::{MAX_NODES, can_sum};
use cornu_graph::ops::{BinaryKind, UnaryKind};
use cornu_graph::{DType, Graph, Op, Spec, ValueId};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Bytes of an array for which a way through memory counts.
const LARGE: usize = 64 << 10;

/// A step of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Elementwise nodes of one shape, in one loop over tiles.
    Loop(Vec<usize>),
    /// A node with a kernel.
    Node(usize),
    /// A product or convolution, with the nodes that its epilogue computes.
    Affine(Affine),
    /// Units that samples go through one by one.
    Chain(Box<Chain>),
}

impl Unit {
    /// Its nodes, in order.
    pub fn nodes(&self) -> &[usize] {
        match self {
            Unit::Loop(nodes) => nodes,
            Unit::Node(node) => std::slice::from_ref(node),
            Unit::Affine(affine) => &affine.nodes,
            Unit::Chain(chain) => &chain.nodes,
        }
    }
}

/// A dtype that loops hold in 32-bit lanes.
pub(crate) fn is_lane(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::I32 | DType::U32 | DType::Bool)
}

/// What a loop reads as lanes when it casts it: the bytes of images and the labels of data sets.
fn is_loadable(dtype: DType) -> bool {
    is_lane(dtype) || matches!(dtype, DType::U8 | DType::I8 | DType::I64)
}

/// Whether a node runs in a loop over elements.
fn is_elementwise(graph: &Graph, node: usize) -> bool {
    let n = &graph.nodes[node];
    let input = |i: usize| graph.spec(n.inputs[i]);
    let out = &n.outputs[0];
    let lanes = || is_lane(out.dtype) && n.inputs.iter().all(|&v| is_lane(graph.spec(v).dtype));
    match &n.op {
        Op::Unary(op) => {
            let integer = [UnaryKind::Not, UnaryKind::Neg, UnaryKind::Abs, UnaryKind::Sign, UnaryKind::Relu];
            lanes() && (input(0).dtype == DType::F32 || integer.contains(&op.kind))
        }
        Op::Binary(op) => {
            use BinaryKind::*;
            // Rare integer arithmetic is left to the plain kernel.
            lanes() && (out.dtype == DType::F32 || !matches!(op.kind, Pow | Rem | Div | Atan2))
        }
        Op::Compare(_) | Op::Select(_) => lanes(),
        Op::Cast(_) => is_lane(out.dtype) && is_loadable(input(0).dtype),
        _ => false,
    }
}

/// The value that node `node` is another name of, in the same memory.
pub(crate) fn alias_of(graph: &Graph, node: usize) -> Option<ValueId> {
    let n = &graph.nodes[node];
    let same = match &n.op {
        Op::Alias(_) | Op::StopGradient(_) | Op::Reshape(_) => true,
        Op::Cast(op) => graph.spec(n.inputs[0]).dtype == op.dtype,
        Op::Transpose(op) => is_reshape(&graph.spec(n.inputs[0]).shape, &op.permutation),
        Op::Broadcast(op) => graph.spec(n.inputs[0]).len() == op.shape.iter().product::<usize>(),
        _ => false,
    };
    same.then(|| n.inputs[0])
}

/// A transpose that moves only axes of size 1 leaves the memory as it is.
fn is_reshape(shape: &[usize], permutation: &[usize]) -> bool {
    let moved: Vec<usize> = permutation.iter().copied().filter(|&p| shape[p] != 1).collect();
    moved.windows(2).all(|w| w[0] < w[1])
}

/// The value whose memory `v` is in.
pub(crate) fn root(graph: &Graph, mut v: ValueId) -> ValueId {
    while let Some(inner) = alias_of(graph, v.index()) {
        v = inner;
    }
    v
}

/// The nodes that the outputs need.
fn live(graph: &Graph) -> Vec<bool> {
    let mut live = vec![false; graph.nodes.len()];
    graph.outputs.iter().for_each(|v| live[v.index()] = true);
    for i in (0..graph.nodes.len()).rev() {
        if live[i] {
            graph.nodes[i].inputs.iter().for_each(|v| live[v.index()] = true);
        }
    }
    live
}

/// Whether loops read a node's result where its input lies, with strides, so that it need not be made.
pub(crate) fn is_view(graph: &Graph, node: usize) -> bool {
    /// Shortest row of a slice that is read so.
    const ROW: usize = 8;
    let n = &graph.nodes[node];
    match &n.op {
        Op::Broadcast(_) => true,
        Op::Slice(slice) => {
            let row = n.outputs[0].shape.last().copied().unwrap_or(1);
            is_lane(n.outputs[0].dtype) && slice.stride.last().is_none_or(|&s| s == 1) && row >= ROW
        }
        _ => false,
    }
}

/// What is known before the first run.
pub(crate) fn is_constant(graph: &Graph, node: usize) -> bool {
    matches!(graph.nodes[node].op, Op::Constant(_) | Op::Iota(_))
}

/// The steps in order. A broadcast or slice that only loops read is no step: they read its input with strides. What loops make
/// only to be joined is stored where it belongs in the whole.
///
/// Elementwise nodes get the level of their inputs, everything else one more: nodes of one level that are joined may run
/// in one loop, since no path between them leaves the level.
pub(crate) fn schedule(graph: &Graph) -> Vec<Unit> {
    let count = graph.nodes.len();
    let live = live(graph);
    let computed: Vec<bool> =
        (0..count).map(|i| live[i] && !is_constant(graph, i) && graph.nodes[i].op != Op::Input).collect();
    let affine = affine::units(graph, &computed);
    let in_affine: HashSet<usize> = affine.iter().flat_map(|a| a.nodes.iter().copied()).collect();
    let elementwise: Vec<bool> = (0..count)
        .map(|i| {
            computed[i] && !in_affine.contains(&i) && alias_of(graph, i).is_none() && is_elementwise(graph, i)
        })
        .collect();
    let (mut loops, level) = loops(graph, &elementwise, &in_affine);
    let mut taken = join(graph, &computed, &mut loops);
    taken.extend(sum_up(graph, &computed, &level, &mut loops));
    // The product of an affine unit reads its operands as they stand in memory.
    let products: HashSet<usize> = affine.iter().map(|a| a.nodes[0]).collect();
    let reads_through = |i: usize| elementwise[i] || in_affine.contains(&i) && !products.contains(&i);
    let through: Vec<bool> = (0..count).map(reads_through).collect();
    let made = views_to_make(graph, &computed, &through);

    let mut units: Vec<Unit> = loops.into_iter().map(Unit::Loop).collect();
    units.extend(affine.into_iter().map(Unit::Affine));
    units.extend((0..count).filter_map(|i| {
        let node = computed[i] && !elementwise[i] && !in_affine.contains(&i) && !taken.contains(&i);
        let view = is_view(graph, i);
        (node && alias_of(graph, i).is_none() && (!view || made.contains(&i))).then_some(Unit::Node(i))
    }));
    early::updates(graph, chain::join(graph, order(graph, units)))
}

/// Groups of elementwise nodes that run as one loop, and the levels of all nodes.
fn loops(graph: &Graph, elementwise: &[bool], in_affine: &HashSet<usize>) -> (Vec<Vec<usize>>, Vec<usize>) {
    let count = graph.nodes.len();
    let mut level = vec![0usize; count];
    for i in 0..count {
        let before = graph.nodes[i].inputs.iter().map(|v| level[v.index()]).max().unwrap_or(0);
        let broadcast = matches!(graph.nodes[i].op, Op::Broadcast(_));
        let stays = elementwise[i] || broadcast || graph.nodes[i].inputs.is_empty();
        level[i] = if stays && !in_affine.contains(&i) { before } else { before + 1 };
    }
    sink(graph, elementwise, &mut level);
    // Joined nodes of one level and shape, by union and find.
    let mut parent: Vec<usize> = (0..count).collect();
    fn find(parent: &mut [usize], mut i: usize) -> usize {
        while parent[i] != i {
            parent[i] = parent[parent[i]];
            i = parent[i];
        }
        i
    }
    let shape = |i: usize| -> &Spec { &graph.nodes[i].outputs[0] };
    let mut readers: HashMap<(ValueId, usize), usize> = HashMap::new();
    for i in (0..count).filter(|&i| elementwise[i]) {
        for &v in &graph.nodes[i].inputs {
            let j = v.index();
            if elementwise[j] && level[j] == level[i] && shape(j).shape == shape(i).shape {
                let (a, b) = (find(&mut parent, i), find(&mut parent, j));
                parent[a] = b;
            } else if shape(j).shape == shape(i).shape {
                // Readers of one value from outside, so that it is read once.
                let other = *readers.entry((v, level[i])).or_insert(i);
                let (a, b) = (find(&mut parent, i), find(&mut parent, other));
                parent[a] = b;
            }
        }
    }
    let mut groups: HashMap<usize, usize> = HashMap::new();
    let mut loops: Vec<Vec<usize>> = vec![];
    for i in (0..count).filter(|&i| elementwise[i]) {
        let r = find(&mut parent, i);
        let at = *groups.entry(r).or_insert_with(|| {
            loops.push(vec![]);
            loops.len() - 1
        });
        // A group that is too large goes on in another loop.
        if loops[at].len() == MAX_NODES {
            loops.push(vec![i]);
            groups.insert(r, loops.len() - 1);
        } else {
            loops[at].push(i);
        }
    }
    (loops, level)
}

/// Moves elementwise nodes to the level of their first readers, where these are elementwise too: their results then need
/// not be kept in memory, only what they are computed from. Not so what is small, of something large that nothing else reads
/// for long: there the large one goes.
fn sink(graph: &Graph, elementwise: &[bool], level: &mut [usize]) {
    /// Levels that are long.
    const FAR: usize = 4;
    let mut last_reader = vec![0; graph.nodes.len()];
    let mut readers = vec![0; graph.nodes.len()];
    graph.outputs.iter().for_each(|v| last_reader[v.index()] = usize::MAX);
    for (i, node) in graph.nodes.iter().enumerate().rev() {
        let read = if alias_of(graph, i).is_some() { last_reader[i] } else { level[i] };
        for v in &node.inputs {
            readers[v.index()] += 1;
            last_reader[v.index()] = last_reader[v.index()].max(read);
        }
    }
    let goes = |i: usize, reader: usize| {
        let node = &graph.nodes[i];
        let bytes = node.outputs[0].bytes();
        let in_memory = |v: &&ValueId| !is_view(graph, v.index()) && !is_constant(graph, v.index());
        let large = |v: &&ValueId| graph.spec(**v).bytes() >= LARGE;
        let mut large = node.inputs.iter().filter(in_memory).filter(large);
        let (Some(v), None) = (large.next(), large.next()) else { return false };
        let made = graph.nodes[v.index()].op != Op::Input && alias_of(graph, v.index()).is_none();
        let read = readers[v.index()] > 1 && last_reader[v.index()].saturating_add(FAR) <= reader;
        made && read && 4 * bytes <= graph.spec(*v).bytes()
    };
    let mut first_reader = vec![usize::MAX; graph.nodes.len()];
    let mut sinks = elementwise.to_vec();
    graph.outputs.iter().for_each(|v| sinks[v.index()] = false);
    for i in (0..graph.nodes.len()).rev() {
        if sinks[i] && first_reader[i] != usize::MAX && !goes(i, first_reader[i]) {
            level[i] = first_reader[i];
        }
        for v in &graph.nodes[i].inputs {
            let j = v.index();
            let same_shape = graph.spec(*v).shape == graph.nodes[i].outputs[0].shape;
            sinks[j] &= elementwise[i] && same_shape;
            first_reader[j] = first_reader[j].min(level[i]);
        }
    }
}

/// Adds to each loop the concatenations of what it alone makes and nothing else reads; which nodes they are.
fn join(graph: &Graph, computed: &[bool], loops: &mut [Vec<usize>]) -> HashSet<usize> {
    let mut loop_of = HashMap::new();
    for (at, nodes) in loops.iter().enumerate() {
        nodes.iter().for_each(|&i| {
            loop_of.insert(i, at);
        });
    }
    let uses = graph.uses();
    let mut joined = HashSet::new();
    for i in (0..graph.nodes.len()).filter(|&i| computed[i] && matches!(graph.nodes[i].op, Op::Concat(_))) {
        let node = &graph.nodes[i];
        let spec = |v: &ValueId| graph.spec(*v);
        let alone = |v: &ValueId| uses[v.index()][v.output as usize] == 1 && is_lane(spec(v).dtype);
        let Some(&at) = loop_of.get(&node.inputs[0].index()) else { continue };
        let ours = node
            .inputs
            .iter()
            .all(|v| loop_of.get(&v.index()) == Some(&at) && alone(v) && spec(v).dtype != DType::Bool);
        if ours && loops[at].len() < MAX_NODES {
            loops[at].push(i);
            joined.insert(i);
        }
    }
    joined
}

/// Adds to each loop the sums of what it makes, or reads anyway; which nodes they are. A loop that reads what is summed up must
/// be of the level before the sum: nothing that it waits for then waits for the sum.
fn sum_up(graph: &Graph, computed: &[bool], level: &[usize], loops: &mut [Vec<usize>]) -> HashSet<usize> {
    let mut readers: HashMap<ValueId, Vec<usize>> = HashMap::new();
    let mut loop_of = HashMap::new();
    for (at, nodes) in loops.iter().enumerate() {
        for &i in nodes {
            loop_of.insert(i, at);
            for &v in &graph.nodes[i].inputs {
                readers.entry(v).or_default().push(at);
            }
        }
    }
    let mut added: HashMap<usize, Vec<usize>> = HashMap::new();
    for i in (0..graph.nodes.len()).filter(|&i| computed[i]) {
        let node = &graph.nodes[i];
        let (Op::Reduce(_), Some(&x)) = (&node.op, node.inputs.first()) else { continue };
        // What a loop stores in parts, it does not hold as a whole.
        let in_parts = matches!(graph.nodes[x.index()].op, Op::Concat(_));
        if in_parts || is_view(graph, x.index()) || alias_of(graph, x.index()).is_some() {
            continue;
        }
        let reads = |at: &&usize| {
            let first = loops[**at][0];
            let same_shape = graph.nodes[first].outputs[0].shape == graph.spec(x).shape;
            same_shape && level[first] + 1 == level[i]
        };
        let at = match loop_of.get(&x.index()) {
            Some(&at) => Some(at),
            None => readers.get(&x).and_then(|all| all.iter().find(reads)).copied(),
        };
        let Some(at) = at else { continue };
        let sums = added.entry(at).or_default();
        sums.push(i);
        let reductions: Vec<_> = sums
            .iter()
            .filter_map(|&i| match &graph.nodes[i].op {
                Op::Reduce(reduce) => Some((reduce, graph.spec(graph.nodes[i].inputs[0]))),
                _ => None,
            })
            .collect();
        let own: HashSet<usize> = loops[at].iter().copied().collect();
        let from_elsewhere =
            loops[at].iter().flat_map(|&i| &graph.nodes[i].inputs).filter(|v| !own.contains(&v.index()));
        let read = from_elsewhere.collect::<HashSet<_>>().len();
        if loops[at].len() + sums.len() > MAX_NODES || !can_sum(&reductions, loops[at].len(), read) {
            sums.pop();
        }
    }
    for (&at, sums) in &added {
        loops[at].extend(sums);
    }
    added.into_values().flatten().collect()
}

/// Broadcasts and slices that something else reads than the nodes that read through them.
fn views_to_make(graph: &Graph, computed: &[bool], through: &[bool]) -> HashSet<usize> {
    let of_root = |v: &ValueId| root(graph, *v).index();
    let mut needed: HashSet<usize> =
        graph.outputs.iter().map(of_root).filter(|&i| is_view(graph, i)).collect();
    for (i, node) in graph.nodes.iter().enumerate().filter(|(i, _)| computed[*i]) {
        for v in &node.inputs {
            // They read a view through only when it is their operand as it stands.
            let made = of_root(v);
            if is_view(graph, made) && !(through[i] && made == v.index()) {
                needed.insert(made);
            }
        }
    }
    needed
}

/// Topological order; among those that are ready, the one whose last node comes first in the graph.
fn order(graph: &Graph, units: Vec<Unit>) -> Vec<Unit> {
    let mut unit_of: Vec<Option<usize>> = vec![None; graph.nodes.len()];
    for (u, unit) in units.iter().enumerate() {
        unit.nodes().iter().for_each(|&i| unit_of[i] = Some(u));
    }
    // A value that no unit makes is made where its inputs are.
    let mut makers: Vec<HashSet<usize>> = vec![HashSet::new(); graph.nodes.len()];
    for i in 0..graph.nodes.len() {
        makers[i] = match unit_of[i] {
            Some(unit) => HashSet::from([unit]),
            None => graph.nodes[i].inputs.iter().flat_map(|v| makers[v.index()].iter().copied()).collect(),
        };
    }
    let mut waits = vec![0usize; units.len()];
    let mut followers: Vec<Vec<usize>> = vec![vec![]; units.len()];
    for (u, unit) in units.iter().enumerate() {
        let inputs = unit.nodes().iter().flat_map(|&i| &graph.nodes[i].inputs);
        let mut before: HashSet<usize> = inputs.flat_map(|v| makers[v.index()].iter().copied()).collect();
        before.remove(&u);
        waits[u] = before.len();
        before.into_iter().for_each(|b| followers[b].push(u));
    }
    let priority = |u: usize| units[u].nodes().last().copied().unwrap_or(0);
    let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
        (0..units.len()).filter(|&u| waits[u] == 0).map(|u| Reverse((priority(u), u))).collect();
    let mut ordered = Vec::with_capacity(units.len());
    while let Some(Reverse((_, u))) = ready.pop() {
        ordered.push(units[u].clone());
        for &f in &followers[u] {
            waits[f] -= 1;
            if waits[f] == 0 {
                ready.push(Reverse((priority(f), f)));
            }
        }
    }
    debug_assert_eq!(ordered.len(), units.len(), "units wait for each other");
    ordered
}
