//! Cross-entropies and divergences.
use super::declare::metric;
use crate::losses;
use crate::object::Whole;
use cornu_graph::Value;

metric! {
    /// The mean Kullback-Leibler divergence of predictions from targets. Keras's metric `KLDivergence`.
    pub struct KLDivergence("kl_divergence") {}
    mean Down |self, y_true, y_pred| losses::kl_divergence(y_true, y_pred)
}

metric! {
    /// The mean of `y_pred - y_true log(y_pred)`. Keras's metric `Poisson`.
    pub struct Poisson("poisson") {}
    mean Down |self, y_true, y_pred| losses::poisson(y_true, y_pred)
}

metric! {
    /// The mean cross-entropy of yes-or-no predictions. Keras's metric `BinaryCrossentropy`.
    pub struct BinaryCrossentropy("binary_crossentropy") {
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// How far targets are drawn toward 1/2, from 0 to 1.
        #[default(0.0)]
        #[save_as(Whole)]
        pub label_smoothing: f64,
    }
    mean Down |self, y_true, y_pred| {
        losses::binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, -1)
    }
}

metric! {
    /// The mean cross-entropy for one-hot targets. Keras's metric `CategoricalCrossentropy`.
    pub struct CategoricalCrossentropy("categorical_crossentropy") {
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// How much of the targets is spread over all classes, from 0 to 1.
        #[default(0.0)]
        #[save_as(Whole)]
        pub label_smoothing: f64,
        /// The axis of the classes; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    mean Down |self, y_true, y_pred| {
        losses::categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)
    }
}

metric! {
    /// The mean of `-log p` of the class that the label names. Keras's metric `SparseCategoricalCrossentropy`.
    pub struct SparseCategoricalCrossentropy("sparse_categorical_crossentropy") {
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// A label whose samples count as 0.
        #[default(None)]
        pub ignore_class: Option<i64>,
        /// The axis of the classes; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    mean Down |self, y_true, y_pred| {
        losses::sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)
    }
}
