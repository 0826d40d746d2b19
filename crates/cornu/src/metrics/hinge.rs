//! Margins of classification.
use super::declare::metric;
use crate::losses;
use cornu_graph::Value;

metric! {
    /// The mean of `max(1 - y_true y_pred, 0)`. Keras's metric `Hinge`.
    pub struct Hinge("hinge") {}
    mean Down |self, y_true, y_pred| losses::hinge(y_true, y_pred)
}

metric! {
    /// The mean of `max(1 - y_true y_pred, 0)^2`. Keras's metric `SquaredHinge`.
    pub struct SquaredHinge("squared_hinge") {}
    mean Down |self, y_true, y_pred| losses::squared_hinge(y_true, y_pred)
}

metric! {
    /// How far the right class is from leading all others by 1. Keras's metric `CategoricalHinge`.
    pub struct CategoricalHinge("categorical_hinge") {}
    mean Down |self, y_true, y_pred| losses::categorical_hinge(y_true, y_pred)
}
