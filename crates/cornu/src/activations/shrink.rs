//! Functions that cut off: small values, large values, or below a threshold.
use cornu_graph::Value;

/// `x` where `x > threshold`, else `default_value`.
#[track_caller]
pub fn threshold(x: &Value, threshold: f64, default_value: f64) -> Value {
    x.gt(&x.scalar(threshold)).select(x, &x.scalar(default_value))
}

/// `x` within -1 and 1.
#[track_caller]
pub fn hard_tanh(x: &Value) -> Value {
    let (low, high) = (x.scalar(-1.0), x.scalar(1.0));
    x.gt(&high).select(&high, &x.lt(&low).select(&low, x))
}

/// `x` where `|x| > threshold`, else 0. Keras's default threshold is 0.5.
#[track_caller]
pub fn hard_shrink(x: &Value, threshold: f64) -> Value {
    x.abs().gt(&x.scalar(threshold)).select(x, &x.scalar(0.0))
}

/// `x` moved toward 0 by `threshold`, 0 within it. Keras's default threshold is 0.5.
#[track_caller]
pub fn soft_shrink(x: &Value, threshold: f64) -> Value {
    let below = x.lt(&x.scalar(-threshold)).select(&(x + threshold), &x.scalar(0.0));
    x.gt(&x.scalar(threshold)).select(&(x - threshold), &below)
}

/// `x - tanh(x)`
#[track_caller]
pub fn tanh_shrink(x: &Value) -> Value {
    x - x.tanh()
}
