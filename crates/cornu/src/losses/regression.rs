//! Losses of regression.
use super::{loss, pair};
use crate::activations::softplus;
use crate::regularizers::l2_normalize;
use crate::utils::numerical::EPSILON;
use cornu_graph::Value;
use std::f64::consts::LN_2;

/// The mean of `(y_true - y_pred)^2` over the last axis.
#[track_caller]
pub fn mean_squared_error(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = pair("mean_squared_error", y_true, y_pred);
    (y_true - y_pred).square().mean([-1])
}

/// The mean of `|y_true - y_pred|` over the last axis.
#[track_caller]
pub fn mean_absolute_error(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = pair("mean_absolute_error", y_true, y_pred);
    (y_true - y_pred).abs().mean([-1])
}

/// `100 |y_true - y_pred| / |y_true|`, averaged over the last axis; targets nearer to 0 than 1e-7 count as that.
#[track_caller]
pub fn mean_absolute_percentage_error(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = pair("mean_absolute_percentage_error", y_true, y_pred);
    let size = y_true.abs().maximum(&y_true.scalar(EPSILON));
    100.0 * ((y_true - y_pred) / size).abs().mean([-1])
}

/// The mean of `(log(y_true + 1) - log(y_pred + 1))^2` over the last axis; values below 1e-7 count as that.
#[track_caller]
pub fn mean_squared_logarithmic_error(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = pair("mean_squared_logarithmic_error", y_true, y_pred);
    let log = |y: &Value| (y.maximum(&y.scalar(EPSILON)) + 1.0).log();
    (log(&y_pred) - log(&y_true)).square().mean([-1])
}

/// `error^2 / 2` where the error is at most `delta`, `delta |error| - delta^2 / 2` beyond; averaged over the last axis.
#[track_caller]
pub fn huber(y_true: &Value, y_pred: &Value, delta: f64) -> Value {
    let (y_true, y_pred) = pair("huber", y_true, y_pred);
    let error = y_pred - y_true;
    let size = error.abs();
    let inner = 0.5 * error.square();
    let outer = delta * &size - 0.5 * delta * delta;
    size.le(&size.scalar(delta)).select(&inner, &outer).mean([-1])
}

/// `log(cosh(y_pred - y_true))`, averaged over the last axis.
#[track_caller]
pub fn log_cosh(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = pair("log_cosh", y_true, y_pred);
    let error = y_pred - y_true;
    (&error + softplus(&(&error * -2.0)) - LN_2).mean([-1])
}

/// Minus the cosine of the angle between targets and predictions along `axis`: -1 when they point the same way.
#[track_caller]
pub fn cosine_similarity(y_true: &Value, y_pred: &Value, axis: i64) -> Value {
    let (y_true, y_pred) = pair("cosine_similarity", y_true, y_pred);
    -(l2_normalize(&y_true, axis) * l2_normalize(&y_pred, axis)).sum([axis])
}

loss! {
    /// The mean of `(y_true - y_pred)^2` over the last axis. Keras's `MeanSquaredError`.
    pub struct MeanSquaredError("mean_squared_error") {}
    |self, y_true, y_pred| mean_squared_error(y_true, y_pred)
}

loss! {
    /// The mean of `|y_true - y_pred|` over the last axis. Keras's `MeanAbsoluteError`.
    pub struct MeanAbsoluteError("mean_absolute_error") {}
    |self, y_true, y_pred| mean_absolute_error(y_true, y_pred)
}

loss! {
    /// The mean error in percent of the targets. Keras's `MeanAbsolutePercentageError`.
    pub struct MeanAbsolutePercentageError("mean_absolute_percentage_error") {}
    |self, y_true, y_pred| mean_absolute_percentage_error(y_true, y_pred)
}

loss! {
    /// The mean squared difference of logarithms. Keras's `MeanSquaredLogarithmicError`.
    pub struct MeanSquaredLogarithmicError("mean_squared_logarithmic_error") {}
    |self, y_true, y_pred| mean_squared_logarithmic_error(y_true, y_pred)
}

loss! {
    /// Quadratic for small errors, linear for large ones. Keras's `Huber` (Huber, 1964).
    pub struct Huber("huber_loss") {
        /// Where it becomes linear; 1 by default.
        #[default(1.0)]
        #[omit_default]
        pub delta: f64,
    }
    |self, y_true, y_pred| huber(y_true, y_pred, self.delta)
}

loss! {
    /// The logarithm of the hyperbolic cosine of the error. Keras's `LogCosh`.
    pub struct LogCosh("log_cosh") {}
    |self, y_true, y_pred| log_cosh(y_true, y_pred)
}

loss! {
    /// Minus the cosine of the angle between targets and predictions. Keras's `CosineSimilarity`.
    pub struct CosineSimilarity("cosine_similarity") {
        /// Along which they are vectors; -1 by default.
        #[default(-1)]
        #[omit_default]
        pub axis: i64,
    }
    |self, y_true, y_pred| cosine_similarity(y_true, y_pred, self.axis)
}
