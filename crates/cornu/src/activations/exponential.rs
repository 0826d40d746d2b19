//! Exponentials and exponential linear units.
use cornu_graph::Value;

/// `e^x`
#[track_caller]
pub fn exponential(x: &Value) -> Value {
    x.exp()
}

/// Exponential linear unit: `x` where `x > 0`, `alpha * (e^x - 1)` elsewhere. Keras's default `alpha` is 1.
///
/// Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2015.
#[track_caller]
pub fn elu(x: &Value, alpha: f64) -> Value {
    let zero = x.scalar(0.0);
    let positive = x.gt(&zero);
    // What is not chosen must not overflow, or its gradient would be 0 times infinity.
    positive.select(x, &(alpha * positive.select(&zero, x).expm1()))
}

/// Scaled exponential linear unit: [`elu`] scaled so that activations keep mean 0 and variance 1.
///
/// Klambauer et al., "Self-Normalizing Neural Networks", 2017.
#[track_caller]
pub fn selu(x: &Value) -> Value {
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    const SCALE: f64 = 1.050_700_987_355_480_5;
    SCALE * elu(x, ALPHA)
}

/// Continuously differentiable [`elu`]: `max(x, 0) + alpha * (e^(min(x, 0) / alpha) - 1)`. Keras's default `alpha` is 1.
///
/// Barron, "Continuously Differentiable Exponential Linear Units", 2017.
#[track_caller]
pub fn celu(x: &Value, alpha: f64) -> Value {
    let zero = x.scalar(0.0);
    x.maximum(&zero) + alpha * (x.minimum(&zero) / alpha).expm1()
}
