//! Losses of maximum-margin classification.
use super::{as_given, loss, pair};
use cornu_graph::Value;

/// Targets of 0 and 1 alone as -1 and 1; any others as they are.
fn signs(y_true: &Value) -> Value {
    let (zero, one) = (y_true.scalar(0.0), y_true.scalar(1.0));
    let other = y_true.equal(&zero).or(&y_true.equal(&one)).not().cast(y_true.dtype());
    let is_binary = other.sum(other.all_axes()).equal(&zero).broadcast_to(y_true.shape());
    is_binary.select(&(y_true * 2.0 - 1.0), y_true)
}

fn margins(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = as_given("hinge", y_true, y_pred);
    let margin = 1.0 - signs(&y_true) * y_pred;
    margin.maximum(&margin.scalar(0.0))
}

/// The mean of `max(1 - y_true y_pred, 0)` over the last axis, for targets -1 and 1, or 0 and 1.
#[track_caller]
pub fn hinge(y_true: &Value, y_pred: &Value) -> Value {
    margins(y_true, y_pred).mean([-1])
}

/// The mean of `max(1 - y_true y_pred, 0)^2` over the last axis, for targets -1 and 1, or 0 and 1.
#[track_caller]
pub fn squared_hinge(y_true: &Value, y_pred: &Value) -> Value {
    margins(y_true, y_pred).square().mean([-1])
}

/// `max(largest prediction of another class - that of the right class + 1, 0)`, for one-hot targets.
#[track_caller]
pub fn categorical_hinge(y_true: &Value, y_pred: &Value) -> Value {
    let (y_true, y_pred) = as_given("categorical_hinge", y_true, y_pred);
    let right = (&y_true * &y_pred).sum([-1]);
    let wrong = ((1.0 - y_true) * y_pred).max([-1]);
    let margin = wrong - right + 1.0;
    margin.maximum(&margin.scalar(0.0))
}

loss! {
    /// `max(1 - y_true y_pred, 0)`, averaged over the last axis. Keras's `Hinge`.
    pub struct Hinge("hinge") {}
    |self, y_true, y_pred| {
        let (y_true, y_pred) = pair("hinge", y_true, y_pred);
        hinge(&y_true, &y_pred)
    }
}

loss! {
    /// `max(1 - y_true y_pred, 0)^2`, averaged over the last axis. Keras's `SquaredHinge`.
    pub struct SquaredHinge("squared_hinge") {}
    |self, y_true, y_pred| {
        let (y_true, y_pred) = pair("squared_hinge", y_true, y_pred);
        squared_hinge(&y_true, &y_pred)
    }
}

loss! {
    /// How far the right class is from leading all others by 1. Keras's `CategoricalHinge`.
    pub struct CategoricalHinge("categorical_hinge") {}
    |self, y_true, y_pred| {
        let (y_true, y_pred) = pair("categorical_hinge", y_true, y_pred);
        categorical_hinge(&y_true, &y_pred)
    }
}
