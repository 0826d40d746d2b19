//! Sigmoids and what is gated by them.
use super::rectified::relu6;
use super::smooth::softplus;
use cornu_graph::Value;

/// `1 / (1 + e^-x)`
#[track_caller]
pub fn sigmoid(x: &Value) -> Value {
    x.sigmoid()
}

/// `log(sigmoid(x))`
#[track_caller]
pub fn log_sigmoid(x: &Value) -> Value {
    -softplus(&-x)
}

/// `min(max(x + 3, 0), 6) / 6`
#[track_caller]
pub fn hard_sigmoid(x: &Value) -> Value {
    relu6(&(x + 3.0)) / 6.0
}

/// `min(max(x + 1, 0), 2) / 2`
#[track_caller]
pub fn sparse_sigmoid(x: &Value) -> Value {
    0.5 * (x + 1.0).maximum(&x.scalar(0.0)).minimum(&x.scalar(2.0))
}

/// `x * sigmoid(x)`, also called swish.
///
/// Ramachandran et al., "Searching for Activation Functions", 2017.
#[track_caller]
pub fn silu(x: &Value) -> Value {
    x * x.sigmoid()
}

/// `x * hard_sigmoid(x)`, also called hard swish.
///
/// Howard et al., "Searching for MobileNetV3", 2019.
#[track_caller]
pub fn hard_silu(x: &Value) -> Value {
    x * hard_sigmoid(x)
}
