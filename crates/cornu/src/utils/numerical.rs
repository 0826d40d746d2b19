//! Arithmetic that losses, metrics and optimizers share.
use cornu_graph::Value;

/// The small number that keeps divisions and logarithms finite. Keras's `epsilon()`.
pub(crate) const EPSILON: f64 = 1e-7;

/// `a / b`, and 0 where `b` is 0.
pub(crate) fn divide_no_nan(a: &Value, b: &Value) -> Value {
    let is_zero = b.equal(&b.scalar(0.0));
    let ratio = a / is_zero.select(&b.full_like(1.0), b);
    let is_zero = is_zero.broadcast_to(ratio.shape());
    is_zero.select(&ratio.full_like(0.0), &ratio)
}

/// Brings two values whose ranks differ by one to the same rank, when the last axis of the larger has size 1: a vector
/// gets that axis too, anything else loses it. Keras's `squeeze_or_expand_to_same_rank`.
pub(crate) fn same_rank(a: &Value, b: &Value) -> (Value, Value) {
    if a.rank() == b.rank() + 1 && a.dim(-1) == 1 {
        if b.rank() == 1 { (a.clone(), b.expand_dims(-1)) } else { (a.squeeze(-1), b.clone()) }
    } else if b.rank() == a.rank() + 1 {
        let (b, a) = same_rank(b, a);
        (a, b)
    } else {
        (a.clone(), b.clone())
    }
}
