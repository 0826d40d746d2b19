//! Functions along an axis.
use cornu_graph::Value;

/// `e^x / sum(e^x)` over `axes`, counted from the end when negative.
#[track_caller]
pub fn softmax(x: &Value, axes: impl AsRef<[i64]>) -> Value {
    let axes = axes.as_ref();
    let e = (x - x.max_keepdims(axes).stop_gradient()).exp();
    &e / e.sum_keepdims(axes)
}

/// `log(softmax(x))` over `axes`, without its loss of digits.
#[track_caller]
pub fn log_softmax(x: &Value, axes: impl AsRef<[i64]>) -> Value {
    let axes = axes.as_ref();
    let shifted = x - x.max_keepdims(axes).stop_gradient();
    &shifted - shifted.exp().sum_keepdims(axes).log()
}
