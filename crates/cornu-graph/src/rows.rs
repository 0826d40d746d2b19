//! Graphs that treat rows alike: made for another number of rows, so that an engine can share them among threads.
use crate::ops::{Broadcast, Concat, Dot, Pad, Reduce, Reshape, Slice, Softmax, Transpose};
use crate::{Graph, Node, Op, Spec, ValueId};

/// A graph made for fewer rows than it was written for.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The graph on the new number of rows.
    pub graph: Graph,
    /// For each input, whether its first axis is rows; the others are the same for all rows.
    pub inputs: Vec<bool>,
}

/// The same graph for `rows` instead of `size` rows: the first axis of its first `carries` inputs and of all outputs. `None`
/// where a row of an output may depend on other rows, or an op is not known to keep them apart.
///
/// ```
/// use cornu_graph::{Builder, Spec, by_rows};
/// let b = Builder::new();
/// let (state, kernel) = (b.input(Spec::f32([32, 8])), b.input(Spec::f32([8, 8])));
/// let graph = b.finish(&[state.matmul(&kernel).tanh()])?;
/// let part = by_rows(&graph, 1, 32, 16).expect("each row is multiplied by itself");
/// assert_eq!(part.inputs, [true, false]);
/// assert_eq!(part.graph.spec(part.graph.outputs[0]).shape, [16, 8]);
/// # Ok::<(), cornu_graph::Error>(())
/// ```
pub fn by_rows(graph: &Graph, carries: usize, size: usize, rows: usize) -> Option<Rows> {
    if graph.nodes.iter().any(|n| n.outputs.len() != 1) {
        return None;
    }
    let mut found = vec![false; graph.nodes.len()];
    let wanted = graph.inputs.iter().take(carries).chain(&graph.outputs);
    wanted.for_each(|v| found[v.index()] = true);
    // What is found for one node can decide about its neighbours on both sides.
    loop {
        let before = found.clone();
        for (i, node) in graph.nodes.iter().enumerate() {
            spread(graph, i, node, size, &mut found)?;
        }
        if found == before {
            break;
        }
    }
    let mut new = graph.clone();
    for (i, &by_row) in found.iter().enumerate() {
        if by_row {
            with_rows(&mut new.nodes[i], rows);
        }
        let node = &new.nodes[i];
        if node.op != Op::Input {
            let specs: Vec<&Spec> = node.inputs.iter().map(|&v| new.spec(v)).collect();
            // An op that does not fit together any more was taken for something it is not.
            if node.op.infer(&specs).ok()? != node.outputs {
                return None;
            }
        }
    }
    Some(Rows { inputs: graph.inputs.iter().map(|v| found[v.index()]).collect(), graph: new })
}

/// What follows for a node's inputs and output from those of them that are known to be rows. `None` where rows would mix.
fn spread(graph: &Graph, i: usize, node: &Node, size: usize, found: &mut [bool]) -> Option<()> {
    let first = |v: ValueId| graph.spec(v).shape.first() == Some(&size);
    let out = ValueId::new(i, 0);
    let by_row = found[i];
    if by_row && !first(out) {
        return None;
    }
    let of_input = |n: usize| found[node.inputs[n].index()];
    let any = by_row || node.inputs.iter().any(|v| found[v.index()]);
    if !any {
        return Some(());
    }
    // Whether the op keeps rows in order along the first axis, so that its output is rows if and only if its input is.
    let keeps = match &node.op {
        Op::Input => return Some(()),
        Op::Unary(_)
        | Op::Cast(_)
        | Op::StopGradient(_)
        | Op::Alias(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::Select(_) => true,
        Op::Concat(Concat { axis }) => *axis != 0,
        Op::Softmax(Softmax { axis }) => *axis != 0,
        Op::Transpose(Transpose { permutation }) => permutation.first() == Some(&0),
        Op::Reduce(Reduce { axes, .. }) => !axes.contains(&0),
        Op::Slice(Slice { start, limit, stride }) => (start[0], limit[0], stride[0]) == (0, size, 1),
        Op::Reshape(_) => first(node.inputs[0]) && first(out),
        Op::Broadcast(Broadcast { dims, .. }) => {
            let source =
                dims.iter().position(|&d| d == 0).filter(|&a| graph.spec(node.inputs[0]).shape[a] != 1);
            match source {
                Some(0) => true,
                Some(_) => return None,
                // Each row is the same: as many as are wanted.
                None => return if of_input(0) { None } else { Some(()) },
            }
        }
        Op::Pad(Pad { low, high, interior }) => {
            let rows_kept = (low[0], high[0], interior[0]) == (0, 0, 0);
            if !rows_kept || of_input(1) {
                return None;
            }
            let x = node.inputs[0];
            return same(&[x], out, first, found);
        }
        Op::Dot(dot) => return of_product(dot, node, out, first, found),
        _ => false,
    };
    if !keeps { None } else { same(&node.inputs, out, first, found) }
}

/// Inputs and output are rows, all of them.
fn same(inputs: &[ValueId], out: ValueId, first: impl Fn(ValueId) -> bool, found: &mut [bool]) -> Option<()> {
    inputs.iter().chain([&out]).try_for_each(|&v| {
        found[v.index()] = true;
        first(v).then_some(())
    })
}

/// Rows of the left operand become rows of the product; or both have them as their first batch axis.
fn of_product(
    dot: &Dot,
    node: &Node,
    out: ValueId,
    first: impl Fn(ValueId) -> bool,
    found: &mut [bool],
) -> Option<()> {
    let (a, b) = (node.inputs[0], node.inputs[1]);
    if dot.a_batch.first() == Some(&0) && dot.b_batch.first() == Some(&0) {
        return same(&[a, b], out, first, found);
    }
    if !dot.a_batch.is_empty() || dot.a_contract.contains(&0) || found[b.index()] {
        return None;
    }
    same(&[a], out, first, found)
}

/// Writes the new number of rows where a node has the old one.
fn with_rows(node: &mut Node, rows: usize) {
    node.outputs[0].shape[0] = rows;
    match &mut node.op {
        Op::Broadcast(Broadcast { shape, .. }) | Op::Reshape(Reshape { shape }) => shape[0] = rows,
        Op::Slice(Slice { limit, .. }) => limit[0] = rows,
        _ => {}
    }
}
