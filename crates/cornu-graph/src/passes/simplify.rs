//! Algebra: nodes that do nothing, or that something cheaper does, go. Nothing changes a result by more than its last bit.
use super::rewrite::{Better, Rewriter, splat};
use super::{padding, pooled};
use crate::ops::{
    Binary, BinaryKind, Broadcast, Compare, CompareKind, Concat, Dot, Reshape, Select, Transpose, Unary,
    UnaryKind,
};
use crate::{Graph, Node, Op, Result, Spec, ValueId};

/// Simplifies each node once, given its simplified inputs.
///
/// # Errors
/// When the graph is malformed.
pub fn simplify(graph: &Graph) -> Result<Graph> {
    let mut new = Rewriter::default();
    let uses = graph.uses();
    for (i, node) in graph.nodes.iter().enumerate() {
        if let Op::CustomVjp(op) = &node.op {
            for k in 0..op.outputs {
                let value = new.get(node.inputs[k])?;
                new.set(ValueId::new(i, k), value);
            }
            continue;
        }
        let copy = new.copy(i, node)?;
        let grad = node.inputs.get(1).filter(|v| uses[v.index()][v.output as usize] == 1);
        if let Some(better) = grad.map(|_| pooled::relu_gradient(&mut new, copy)).transpose()?.flatten() {
            new.set(ValueId::new(i, 0), better);
            continue;
        }
        // A rewritten node may become simpler still.
        let mut at = copy;
        let alone = node.inputs.first().is_some_and(|v| uses[v.index()][v.output as usize] == 1);
        while let Some(better) = rule(&new.graph, at, alone) {
            match better {
                Better::Same(v) => {
                    new.set(ValueId::new(i, 0), v);
                    break;
                }
                Better::Op(op, inputs) => {
                    let v = new.emit(op, &inputs, node.source)?;
                    new.set(ValueId::new(i, 0), v);
                    at = v.index();
                }
            }
        }
    }
    new.finish(graph)
}

/// `alone` says that nothing else reads the first input.
fn rule(graph: &Graph, i: usize, alone: bool) -> Option<Better> {
    let node = &graph.nodes[i];
    let input = |k: usize| node.inputs.get(k).copied();
    let x = input(0)?;
    let made = &graph.nodes[x.index()];
    let (spec, out) = (graph.spec(x), node.outputs.first()?);
    if does_nothing(node, spec) {
        return Some(Better::Same(x));
    }
    match (&node.op, &made.op) {
        (Op::Reshape(_), Op::Reshape(_)) => Some(reshape(made.inputs[0], out)),
        (Op::Transpose(outer), Op::Transpose(inner)) => {
            let permutation = outer.permutation.iter().map(|&p| inner.permutation[p]).collect();
            Some(Better::Op(Transpose { permutation }.into(), made.inputs.clone()))
        }
        (Op::Transpose(t), Op::Dot(dot)) if alone => turned(graph, made, dot, &t.permutation),
        (Op::Broadcast(outer), Op::Broadcast(inner)) => {
            let dims = inner.dims.iter().map(|&d| outer.dims[d]).collect();
            let op = Broadcast { shape: outer.shape.clone(), dims };
            Some(Better::Op(op.into(), made.inputs.clone()))
        }
        (Op::Unary(Unary { kind: UnaryKind::Neg }), Op::Unary(Unary { kind: UnaryKind::Neg })) => {
            Some(Better::Same(made.inputs[0]))
        }
        (Op::Reduce(r), _) if !r.axes.is_empty() && r.axes.iter().all(|&a| spec.shape[a] == 1) => {
            Some(reshape(x, out))
        }
        (Op::Select(Select {}), _) => match splat(graph, x) {
            Some(holds) => Some(Better::Same(input(if holds != 0.0 { 1 } else { 2 })?)),
            None if input(1) == input(2) => Some(Better::Same(input(1)?)),
            None => capped(graph, node),
        },
        (Op::Conv(_) | Op::ConvKernelGrad(_), Op::Pad(_)) => padding::of_image(graph, node, made),
        (Op::Slice(slice), Op::ConvInputGrad(grad)) if alone => padding::of_gradient(slice, made, grad, spec),
        (Op::Binary(b), _) => {
            binary(graph, b.kind, x, input(1)?).or_else(|| side_by_side(graph, ValueId::new(i, 0)))
        }
        (Op::Dot(dot), _) => untransposed(graph, node, dot),
        _ => None,
    }
}

fn reshape(x: ValueId, out: &Spec) -> Better {
    Better::Op(Reshape { shape: out.shape.clone() }.into(), vec![x])
}

/// Whether the result is the first input.
fn does_nothing(node: &Node, x: &Spec) -> bool {
    if node.outputs != [x.clone()] {
        return false;
    }
    let rising = |axes: &[usize]| axes.iter().enumerate().all(|(i, &a)| i == a);
    match &node.op {
        Op::Alias(_) | Op::StopGradient(_) | Op::Reshape(_) | Op::Cast(_) | Op::Slice(_) => true,
        Op::Transpose(t) => rising(&t.permutation),
        Op::Broadcast(b) => rising(&b.dims),
        Op::Concat(_) => node.inputs.len() == 1,
        Op::Reduce(r) => r.axes.is_empty(),
        Op::Reverse(r) => r.axes.iter().all(|&a| x.shape[a] == 1),
        Op::Pad(p) => {
            p.low.iter().chain(&p.high).all(|&n| n == 0)
                && p.interior.iter().zip(&x.shape).all(|(&n, &size)| n == 0 || size <= 1)
        }
        _ => false,
    }
}

/// `c` where `x >= c`, else the ReLU of `x`: the ReLU, at most `c`.
fn capped(graph: &Graph, node: &Node) -> Option<Better> {
    let [above, cap, rest] = node.inputs[..] else { return None };
    let made = |v: ValueId| &graph.nodes[v.index()];
    let compares = made(above).op == Compare { kind: CompareKind::Ge }.into();
    let is_relu = made(rest).op == Unary { kind: UnaryKind::Relu }.into();
    if !compares || !is_relu || !graph.spec(rest).dtype.is_float() {
        return None;
    }
    let most = splat(graph, cap)?;
    let same =
        made(above).inputs[0] == made(rest).inputs[0] && splat(graph, made(above).inputs[1]) == Some(most);
    (same && most >= 0.0).then(|| Better::Op(Binary { kind: BinaryKind::Min }.into(), vec![rest, cap]))
}

/// `x + -0`, `x - 0`, `x * 1`, `x / 1`, `x^1`, `x^2` and the like.
fn binary(graph: &Graph, kind: BinaryKind, a: ValueId, b: ValueId) -> Option<Better> {
    use BinaryKind::*;
    if graph.spec(a).dtype == crate::DType::Bool {
        return None;
    }
    let float = graph.spec(a).dtype.is_float();
    // Adding 0 turns -0 into 0; only -0 adds nothing to any float.
    let nothing = |x: f64| x == 0.0 && (!float || x.is_sign_negative());
    match (kind, splat(graph, a), splat(graph, b)) {
        (Add, _, Some(x)) if nothing(x) => Some(Better::Same(a)),
        (Add, Some(x), _) if nothing(x) => Some(Better::Same(b)),
        (Sub, _, Some(x)) if x == 0.0 && (!float || x.is_sign_positive()) => Some(Better::Same(a)),
        (Mul | Div | Pow, _, Some(1.0)) => Some(Better::Same(a)),
        (Mul, Some(1.0), _) => Some(Better::Same(b)),
        (Pow, _, Some(2.0)) => Some(Better::Op(Binary { kind: Mul }.into(), vec![a, a])),
        _ => None,
    }
}

/// A sum of values that are padded with zeros so that they lie side by side, as the gradients of the parts of a split are,
/// joins them.
fn side_by_side(graph: &Graph, sum: ValueId) -> Option<Better> {
    /// Longer sums are not looked through.
    const MOST: usize = 16;
    let mut parts = vec![];
    let mut open = vec![sum];
    while let Some(v) = open.pop() {
        let node = &graph.nodes[v.index()];
        match &node.op {
            Op::Binary(b) if b.kind == BinaryKind::Add => open.extend(&node.inputs),
            Op::Pad(p) if splat(graph, node.inputs[1]) == Some(0.0) && p.interior.iter().all(|&n| n == 0) => {
                parts.push((&p.low, &p.high, node.inputs[0]));
            }
            _ => return None,
        }
        if parts.len() + open.len() > MOST {
            return None;
        }
    }
    let padded = |axis: usize| parts.iter().any(|(low, high, _)| low[axis] != 0 || high[axis] != 0);
    let shape = &graph.spec(sum).shape;
    let mut axes = (0..shape.len()).filter(|&a| padded(a));
    let (axis, None) = (axes.next()?, axes.next()) else { return None };
    parts.sort_by_key(|(low, ..)| low[axis]);
    let mut end = 0;
    for (low, _, v) in &parts {
        if low[axis] != end {
            return None;
        }
        end += graph.spec(*v).shape[axis] as i64;
    }
    let inputs = parts.into_iter().map(|(.., v)| v).collect();
    (end == shape[axis] as i64).then(|| Better::Op(Concat { axis }.into(), inputs))
}

/// A product whose free axes change sides is that of its operands in the other order.
fn turned(graph: &Graph, node: &Node, dot: &Dot, permutation: &[usize]) -> Option<Better> {
    let batch = dot.a_batch.len();
    let rows = graph.spec(node.inputs[0]).rank() - batch - dot.a_contract.len();
    let turned = (0..batch).chain(batch + rows..permutation.len()).chain(batch..batch + rows);
    let inputs = node.inputs.iter().rev().copied().collect();
    turned.eq(permutation.iter().copied()).then(|| {
        let Dot { a_batch, b_batch, a_contract, b_contract } = dot.clone();
        let other =
            Dot { a_batch: b_batch, b_batch: a_batch, a_contract: b_contract, b_contract: a_contract };
        Better::Op(other.into(), inputs)
    })
}

/// Whether batches of products may as well be stored in the order that a transpose gives them: whoever reads them then finds
/// the axes of a sample together.
fn is_stored_so(graph: &Graph, x: ValueId, t: &Transpose) -> bool {
    let node = &graph.nodes[x.index()];
    let Op::Dot(dot) = &node.op else { return false };
    let ranks = [0, 1].map(|side| graph.spec(node.inputs[side]).rank());
    !dot.a_batch.is_empty() && dot.last_side(ranks, &t.permutation).is_some()
}

/// A product of a transposed operand contracts other axes instead, where the result keeps its order.
fn untransposed(graph: &Graph, node: &Node, dot: &Dot) -> Option<Better> {
    for side in 0..2 {
        let v = node.inputs[side];
        let Op::Transpose(t) = &graph.nodes[v.index()].op else { continue };
        if is_stored_so(graph, graph.nodes[v.index()].inputs[0], t) {
            continue;
        }
        let (batch, contract) = match side {
            0 => (&dot.a_batch, &dot.a_contract),
            _ => (&dot.b_batch, &dot.b_contract),
        };
        let free = Dot::free(t.permutation.len(), batch, contract);
        let through = |axes: &[usize]| -> Vec<usize> { axes.iter().map(|&a| t.permutation[a]).collect() };
        if !through(&free).is_sorted() {
            continue;
        }
        let mut new = dot.clone();
        match side {
            0 => (new.a_batch, new.a_contract) = (through(batch), through(contract)),
            _ => (new.b_batch, new.b_contract) = (through(batch), through(contract)),
        }
        let mut inputs = node.inputs.clone();
        inputs[side] = graph.nodes[v.index()].inputs[0];
        return Some(Better::Op(new.into(), inputs));
    }
    None
}
