//! Convolutions of padded images pad themselves.
use super::rewrite::{Better, splat};
use crate::ops::{ConvInputGrad, ConvWindow, Slice};
use crate::{Graph, Node, Op, Spec};

/// The window that sees as much more of the image's surroundings; `None` where there would be zeros between images or channels,
/// or within gaps.
fn wider(window: &ConvWindow, low: &[i64], high: &[i64]) -> Option<ConvWindow> {
    let channels = low.len().checked_sub(1)?;
    let none = |axis: usize| low[axis] == 0 && high[axis] == 0;
    let mut wider = window.clone();
    for (i, padding) in wider.padding.iter_mut().enumerate() {
        if !none(i + 1) && window.lhs_dilation[i] != 1 {
            return None;
        }
        padding.0 += low[i + 1];
        padding.1 += high[i + 1];
    }
    (none(0) && none(channels)).then_some(wider)
}

/// A convolution, or its gradient by the kernel, of the image that `pad` makes.
pub(super) fn of_image(graph: &Graph, node: &Node, pad: &Node) -> Option<Better> {
    let Op::Pad(p) = &pad.op else { return None };
    let zeros = splat(graph, pad.inputs[1]).is_some_and(|x| x == 0.0);
    if !zeros || p.interior.iter().any(|&n| n != 0) {
        return None;
    }
    let mut op = node.op.clone();
    match &mut op {
        Op::Conv(conv) => conv.window = wider(&conv.window, &p.low, &p.high)?,
        Op::ConvKernelGrad(grad) => grad.window = wider(&grad.window, &p.low, &p.high)?,
        _ => return None,
    }
    Some(Better::Op(op, vec![pad.inputs[0], node.inputs[1]]))
}

/// The part of an image's gradient, of the spec given, that a slice keeps: what was cut off was padding.
pub(super) fn of_gradient(slice: &Slice, made: &Node, grad: &ConvInputGrad, whole: &Spec) -> Option<Better> {
    if slice.stride.iter().any(|&s| s != 1) {
        return None;
    }
    let low: Vec<i64> = slice.start.iter().map(|&n| n as i64).collect();
    let high: Vec<i64> =
        whole.shape.iter().zip(&slice.limit).map(|(&size, &limit)| (size - limit) as i64).collect();
    let window = wider(&grad.window, &low, &high)?;
    let shape = slice.start.iter().zip(&slice.limit).map(|(start, limit)| limit - start).collect();
    Some(Better::Op(ConvInputGrad { window, shape }.into(), made.inputs.clone()))
}
