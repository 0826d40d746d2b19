//! The ReLU before a pooling: its gradient is 0 where the pooled result is not positive, which is known of far fewer elements.
use super::rewrite::{Rewriter, splat};
use crate::ops::{Broadcast, Compare, CompareKind, PoolKind, Select};
use crate::{Graph, Op, Result, ValueId};

/// What stands for a choice between the gradient of windows over `y` where `y > 0`, and 0 elsewhere: the gradient of what is
/// chosen by the results of the windows, each of which is the `y` that won.
///
/// # Errors
/// When the graph is malformed.
pub(super) fn relu_gradient(new: &mut Rewriter, at: usize) -> Result<Option<ValueId>> {
    let Some((y, g, zero)) = parts(&new.graph, at) else { return Ok(None) };
    let node = &new.graph.nodes[at];
    let (source, grad) = (node.source, node.inputs[1]);
    let Op::WindowGrad(grad) = new.graph.nodes[grad.index()].op.clone() else { return Ok(None) };
    let shape = new.graph.spec(g).shape.clone();
    let pooled = new.emit(grad.of.clone(), &[y], source)?;
    let zeros = new.emit(Broadcast { shape, dims: vec![] }, &[zero], source)?;
    let positive = new.emit(Compare { kind: CompareKind::Gt }, &[pooled, zeros], source)?;
    let chosen = new.emit(Select {}, &[positive, g, zeros], source)?;
    new.emit(grad, &[y, chosen], source).map(Some)
}

/// `y`, the gradient of the windows' results, and the number 0.
fn parts(graph: &Graph, at: usize) -> Option<(ValueId, ValueId, ValueId)> {
    let node = &graph.nodes[at];
    let (Op::Select(_), &[above, grad, rest]) = (&node.op, &node.inputs[..]) else { return None };
    let made = |v: ValueId| &graph.nodes[v.index()];
    let Op::WindowGrad(of) = &made(grad).op else { return None };
    let is_zero = |v: ValueId| splat(graph, v).is_some_and(|x| x.to_bits() == 0);
    let compares =
        made(above).op == Compare { kind: CompareKind::Gt }.into() && is_zero(made(above).inputs[1]);
    let y = made(grad).inputs[0];
    let same = compares && made(above).inputs[0] == y && is_zero(rest) && of.of.kind != PoolKind::Sum;
    let Op::Broadcast(_) = &made(rest).op else { return None };
    let zero = made(rest).inputs[0];
    (same && graph.spec(y).dtype.is_float() && graph.spec(zero).rank() == 0)
        .then(|| (y, made(grad).inputs[1], zero))
}
