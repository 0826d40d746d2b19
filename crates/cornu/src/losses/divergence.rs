//! Losses between distributions and for counts.
use super::{as_given, loss, pair};
use crate::utils::numerical::EPSILON;
use cornu_graph::Value;

/// The sum of `y_true log(y_true / y_pred)` over the last axis; both are kept within 1e-7 and 1.
#[track_caller]
pub fn kl_divergence(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = as_given("kl_divergence", y_true, y_pred);
    let (y_true, y_pred) = (y_true.clip(EPSILON, 1.0), y_pred.clip(EPSILON, 1.0));
    (&y_true * (&y_true / y_pred).log()).sum([-1])
}

/// The mean of `y_pred - y_true log(y_pred + 1e-7)` over the last axis.
#[track_caller]
pub fn poisson(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = as_given("poisson", y_true, y_pred);
    (&y_pred - y_true * (&y_pred + EPSILON).log()).mean([-1])
}

loss! {
    /// `sum(y_true log(y_true / y_pred))` over the last axis. Keras's `KLDivergence` (Kullback and Leibler, 1951).
    pub struct KLDivergence("kl_divergence") {}
    |self, y_true, y_pred| {
        let (y_true, y_pred) = pair("kl_divergence", y_true, y_pred);
        kl_divergence(&y_true, &y_pred)
    }
}

loss! {
    /// Minus the log-likelihood of counts whose rate is predicted, up to a constant. Keras's `Poisson`.
    pub struct Poisson("poisson") {}
    |self, y_true, y_pred| {
        let (y_true, y_pred) = pair("poisson", y_true, y_pred);
        poisson(&y_true, &y_pred)
    }
}
