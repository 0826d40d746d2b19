//! Smooth functions, and the piecewise ones that imitate them.
use cornu_graph::Value;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

/// `x`
pub fn linear(x: &Value) -> Value {
    x.clone()
}

/// Hyperbolic tangent.
#[track_caller]
pub fn tanh(x: &Value) -> Value {
    x.tanh()
}

/// `log(1 + e^x)`
#[track_caller]
pub fn softplus(x: &Value) -> Value {
    // `max` gives half of the gradient to 0, which makes it exact there.
    x.maximum(&x.scalar(0.0)) + (-x.abs()).exp().log1p()
}

/// `x / (|x| + 1)`
#[track_caller]
pub fn softsign(x: &Value) -> Value {
    x / (x.abs() + 1.0)
}

/// `(x + sqrt(x² + b)) / 2`. Keras's default `b` is 4.
#[track_caller]
pub fn squareplus(x: &Value, b: f64) -> Value {
    (x + (x.square() + b).sqrt()) / 2.0
}

/// 0 where `x <= -1`, `x` where `x >= 1`, `(x + 1)² / 4` between.
#[track_caller]
pub fn sparse_plus(x: &Value) -> Value {
    let inner = x.ge(&x.scalar(1.0)).select(x, &((x + 1.0).square() / 4.0));
    x.le(&x.scalar(-1.0)).select(&x.scalar(0.0), &inner)
}

/// `x * P(X <= x)` for a standard normal X; `approximate`: by a tanh. Keras's default is exact.
///
/// Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
#[track_caller]
pub fn gelu(x: &Value, approximate: bool) -> Value {
    if approximate {
        let inner = FRAC_2_PI.sqrt() * (x + 0.044715 * (x * x * x));
        return x * (0.5 * (inner.tanh() + 1.0));
    }
    0.5 * x * ((x * FRAC_1_SQRT_2).erf() + 1.0)
}

/// `x * tanh(softplus(x))`
///
/// Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2019.
#[track_caller]
pub fn mish(x: &Value) -> Value {
    x * softplus(x).tanh()
}
