//! Connectionist temporal classification.
use super::loss;
use cornu_graph::{DType, Error, Result, Value};

/// The logarithm of a probability of 0.
const NEVER: f64 = -1e5;
/// The class between labels, and what short targets are filled up with.
const BLANK: usize = 0;

/// Minus the logarithm of the probability that the steps of `y_pred` spell the labels of `y_true`, blanks and repetitions
/// left out: the sum over all alignments, by the forward algorithm (Graves et al., 2006).
///
/// `y_true`: labels of shape (batch, labels), 0 after the last one. `y_pred`: logits of shape (batch, steps, classes) of
/// which class 0 is the blank. Gives one number for each sample.
///
/// # Errors
/// When the shapes are others.
pub fn ctc(y_true: &Value, y_pred: &Value) -> Result<Value> {
    if y_true.rank() != 2 || y_pred.rank() != 3 || y_true.dim(0) != y_pred.dim(0) {
        let message = format!("y_true has shape {:?} and y_pred {:?}", y_true.shape(), y_pred.shape());
        let help = "expected labels of shape (batch, labels) and logits of shape (batch, steps, classes)";
        return Err(Error::op("ctc", message).help(help));
    }
    let y_true = y_true.cast(DType::I32);
    let count = y_true.not_equal(&y_true.scalar(BLANK as f64)).cast(DType::I32).sum([-1]);
    align(&y_true, y_pred, &count, None, BLANK)
}

/// The loss over all alignments of the first `count` labels of each sample with its first `lengths` steps (all of them
/// without); class `blank` stands between labels.
pub(crate) fn align(
    y_true: &Value,
    y_pred: &Value,
    count: &Value,
    lengths: Option<&Value>,
    blank: usize,
) -> Result<Value> {
    let (batch, labels, steps) = (y_true.dim(0), y_true.dim(1), y_pred.dim(1));
    let log_p = y_pred.log_softmax(-1);
    let dtype = log_p.dtype();
    // By step: of each label, (steps, batch, labels), and of the blank, (steps, batch, 1).
    let hot = y_true.one_hot(y_pred.dim(2), -1, dtype);
    let of_labels = log_p.matmul(&hot.swap_axes(1, 2)).swap_axes(0, 1);
    let of_blank = log_p.slice_axis(2, blank, blank + 1).swap_axes(0, 1);
    // Whether the next label is the same: only a blank tells the two apart.
    let same = match labels {
        0 => y_true.cast(dtype),
        _ => {
            let next = y_true.slice_axis(1, 1, labels);
            y_true.slice_axis(1, 0, labels - 1).equal(&next).cast(dtype).pad_axis(1, 0, 1, 0.0)
        }
    };
    let zero = log_p.scalar(0.0);
    let never = |n: usize| log_p.scalar(NEVER).broadcast_to(&[batch, n]);
    let start = Value::concat(&[&zero.broadcast_to(&[batch, 1]), &never(labels)], 1);
    // Logarithms of the probability to stand before label n, between labels, and on label n.
    let carries = [start, never(labels)];
    let mut sequences = vec![of_labels, of_blank];
    if let Some(lengths) = lengths {
        let step = y_pred.builder().iota(DType::I32, [steps, batch, 1], 0);
        sequences.push(step.lt(&lengths.cast(DType::I32).reshape(&[1, batch, 1])));
    }
    let (last, _) = y_pred.builder().scan(&carries, &sequences, steps, false, |_, carry, now| {
        let ([between, on], [label, blank, within @ ..]) = (carry, now) else {
            return Err(Error::op("ctc", "lost its state"));
        };
        let reached = moved_on(between, &(on + &same * NEVER));
        let next_on = log_add(&(reached.slice_axis(1, 0, labels) + label), &(on + label));
        let next_between = moved_on(&(&reached + blank), &(on + blank + (1.0 - &same) * NEVER));
        let next = match within.first() {
            None => vec![next_between, next_on],
            Some(within) => {
                let stay = |next: &Value, old: &Value| within.broadcast_to(next.shape()).select(next, old);
                vec![stay(&next_between, between), stay(&next_on, on)]
            }
        };
        Ok((next, vec![]))
    })?;
    let ends = moved_on(&last[0], &last[1]);
    // There are no fewer than none, and no more than all.
    let all = count.full_like(labels as f64);
    let count = count.maximum(&count.full_like(0.0)).minimum(&all);
    Ok(-(ends * count.one_hot(labels + 1, -1, dtype)).sum([-1]))
}

/// Adds the probability to come from label n to that of standing after it.
fn moved_on(between: &Value, from: &Value) -> Value {
    let after = between.slice_axis(1, 1, between.dim(1));
    Value::concat(&[&between.slice_axis(1, 0, 1), &log_add(&after, from)], 1)
}

/// `log(exp(a) + exp(b))`
fn log_add(a: &Value, b: &Value) -> Value {
    let top = a.maximum(b).stop_gradient();
    ((a - &top).exp() + (b - &top).exp()).log() + top
}

loss! {
    /// How unlikely the labels are, over all ways to align them with the steps of a sequence. Keras's `CTC` (Graves et al.,
    /// 2006); see [`ctc`](fn@ctc) for the shapes.
    pub struct CTC("ctc") {}
    |self, y_true, y_pred| ctc(y_true, y_pred)?
}
