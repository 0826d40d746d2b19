//! Focal cross-entropies, which attend to what is still predicted badly (Lin et al., 2018).
use super::cross_entropy::elementwise;
use super::{loss, pair, smoothed};
use crate::utils::numerical::EPSILON;
use cornu_graph::Value;

loss! {
    /// Focal cross-entropy of yes-or-no predictions, averaged over the last axis. Keras's `BinaryFocalCrossentropy`.
    pub struct BinaryFocalCrossentropy("binary_focal_crossentropy") {
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// How far targets are drawn toward 1/2, from 0 to 1.
        #[default(0.0)]
        pub label_smoothing: f64,
        /// The axis to average over; -1 by default.
        #[default(-1)]
        pub axis: i64,
        /// Whether the class 1 weighs `alpha` and the class 0 `1 - alpha`.
        #[default(false)]
        pub apply_class_balancing: bool,
        /// Weight of the class 1; 0.25 by default.
        #[default(0.25)]
        pub alpha: f64,
        /// The larger, the less samples count that are predicted well; 2 by default.
        #[default(2.0)]
        pub gamma: f64,
    }
    |self, y_true, y_pred| {
        let (balanced, alpha, gamma) = (self.apply_class_balancing, self.alpha, self.gamma);
        binary_focal_crossentropy(
            y_true, y_pred, balanced, alpha, gamma, self.from_logits, self.label_smoothing, self.axis,
        )
    }
}

loss! {
    /// Focal cross-entropy for one-hot targets. Keras's `CategoricalFocalCrossentropy`.
    pub struct CategoricalFocalCrossentropy("categorical_focal_crossentropy") {
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// How much of the targets is spread over all classes, from 0 to 1.
        #[default(0.0)]
        pub label_smoothing: f64,
        /// The axis of the classes; -1 by default.
        #[default(-1)]
        pub axis: i64,
        /// Weight of every class; 0.25 by default.
        #[default(0.25)]
        pub alpha: f64,
        /// The larger, the less samples count that are predicted well; 2 by default.
        #[default(2.0)]
        pub gamma: f64,
    }
    |self, y_true, y_pred| {
        let (alpha, gamma) = (self.alpha, self.gamma);
        categorical_focal_crossentropy(
            y_true, y_pred, alpha, gamma, self.from_logits, self.label_smoothing, self.axis,
        )
    }
}

/// Focal cross-entropy of yes-or-no predictions, averaged over the axis; see
/// [`BinaryFocalCrossentropy`](struct@BinaryFocalCrossentropy).
#[track_caller]
#[allow(clippy::too_many_arguments)] // As many as Keras's function has.
pub fn binary_focal_crossentropy(
    y_true: &Value,
    y_pred: &Value,
    apply_class_balancing: bool,
    alpha: f64,
    gamma: f64,
    from_logits: bool,
    label_smoothing: f64,
    axis: i64,
) -> Value {
    let (y_true, y_pred) = pair("binary_focal_crossentropy", y_true, y_pred);
    let y_true = smoothed(&y_true, label_smoothing, 2);
    let p = if from_logits { y_pred.sigmoid() } else { y_pred };
    let between = |one: &Value, zero: &Value| &y_true * one + (1.0 - &y_true) * zero;
    let right = between(&p, &(1.0 - &p));
    let losses = (1.0 - right).powf(gamma) * elementwise(&y_true, &p, false);
    let losses = if apply_class_balancing {
        losses * between(&p.scalar(alpha), &p.scalar(1.0 - alpha))
    } else {
        losses
    };
    losses.mean([axis])
}

/// Focal cross-entropy for one-hot targets along the axis; see
/// [`CategoricalFocalCrossentropy`](struct@CategoricalFocalCrossentropy).
#[track_caller]
pub fn categorical_focal_crossentropy(
    y_true: &Value,
    y_pred: &Value,
    alpha: f64,
    gamma: f64,
    from_logits: bool,
    label_smoothing: f64,
    axis: i64,
) -> Value {
    let (y_true, y_pred) = pair("categorical_focal_crossentropy", y_true, y_pred);
    let y_true = smoothed(&y_true, label_smoothing, y_true.dim(-1));
    let p = if from_logits { y_pred.softmax(axis) } else { y_pred };
    let p = (&p / p.sum_keepdims([axis])).clip(EPSILON, 1.0 - EPSILON);
    let losses = -(y_true * p.log());
    ((1.0 - p).powf(gamma) * alpha * losses).sum([axis])
}
