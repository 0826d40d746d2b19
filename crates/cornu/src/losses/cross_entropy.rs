//! Cross-entropies.
use super::{loss, smoothed};
use crate::activations::softplus;
use crate::utils::numerical::{EPSILON, same_rank};
use cornu_graph::{DType, Error, Value, normalize_axis};

/// `log(softmax)` of logits, or the log of probabilities, which are brought to the sum 1 first.
fn log_probabilities(y_pred: &Value, from_logits: bool, axis: i64) -> Value {
    if from_logits {
        return y_pred.log_softmax(axis);
    }
    let p = y_pred / y_pred.sum_keepdims([axis]);
    p.clip(EPSILON, 1.0 - EPSILON).log()
}

/// `-(y_true log p + (1 - y_true) log(1 - p))` of each element.
#[track_caller]
pub(crate) fn elementwise(y_true: &Value, y_pred: &Value, from_logits: bool) -> Value {
    if from_logits {
        return y_true * softplus(&-y_pred) + (1.0 - y_true) * softplus(y_pred);
    }
    let p = y_pred.clip(EPSILON, 1.0 - EPSILON);
    -(y_true * p.log() + (1.0 - y_true) * (1.0 - p).log())
}

/// `-(y_true log p + (1 - y_true) log(1 - p))`, averaged over `axis`; targets are drawn toward 1/2 by `label_smoothing`.
#[track_caller]
pub fn binary_crossentropy(
    y_true: &Value,
    y_pred: &Value,
    from_logits: bool,
    label_smoothing: f64,
    axis: i64,
) -> Value {
    let (y_true, y_pred) = of_one_shape("binary_crossentropy", y_true, y_pred);
    elementwise(&smoothed(&y_true, label_smoothing, 2), &y_pred, from_logits).mean([axis])
}

/// `-sum(y_true log p)` over `axis`; a part `label_smoothing` of the targets is spread over all classes.
#[track_caller]
pub fn categorical_crossentropy(
    y_true: &Value,
    y_pred: &Value,
    from_logits: bool,
    label_smoothing: f64,
    axis: i64,
) -> Value {
    let (y_true, y_pred) = of_one_shape("categorical_crossentropy", y_true, y_pred);
    // The last axis, as Keras has it, even where `axis` is another.
    let y_true = smoothed(&y_true, label_smoothing, y_true.dim(-1));
    -(y_true * log_probabilities(&y_pred, from_logits, axis)).sum([axis])
}

/// [`pair`] for losses that do not broadcast.
#[track_caller]
fn of_one_shape(name: &'static str, y_true: &Value, y_pred: &Value) -> (Value, Value) {
    let (alike, prediction) = same_rank(y_true, y_pred);
    if alike.shape() == prediction.shape() {
        return (alike.cast(prediction.dtype()), prediction);
    }
    let message = format!("y_true has shape {:?} and y_pred {:?}", y_true.shape(), y_pred.shape());
    let help = if name == "categorical_crossentropy" && y_true.dtype().is_int() {
        "labels as whole numbers want `sparse_categorical_crossentropy`, or `utils::to_categorical` before"
    } else {
        "the targets must have the shape of the output"
    };
    y_pred.fail(Error::op(name, message).help(help));
    (y_pred.clone(), y_pred.clone())
}

/// `-log p` of the class that each label names; 0 for labels `ignore_class`.
#[track_caller]
pub fn sparse_categorical_crossentropy(
    y_true: &Value,
    y_pred: &Value,
    from_logits: bool,
    ignore_class: Option<i64>,
    axis: i64,
) -> Value {
    let mut y_true = labels(y_true, y_pred, axis);
    let expected = match normalize_axis("sparse_categorical_crossentropy", axis, y_pred.rank()) {
        Ok(axis) => [&y_pred.shape()[..axis], &y_pred.shape()[axis + 1..]].concat(),
        Err(e) => return y_pred.fail(e),
    };
    if y_true.shape() != expected {
        let message =
            format!("the labels have shape {:?}, the predictions {:?}", y_true.shape(), y_pred.shape());
        let error = Error::op("sparse_categorical_crossentropy", message);
        let help = if y_true.shape() == y_pred.shape() {
            "one-hot targets want `categorical_crossentropy`".to_string()
        } else {
            format!("give one whole number for each sample: shape {expected:?}")
        };
        return y_pred.fail(error.help(help));
    }
    let counted = counted(&y_true, ignore_class);
    let mut y_pred = y_pred.clone();
    if let Some(counted) = &counted {
        y_true = counted.select(&y_true, &y_true.full_like(0.0));
        let counted = counted.expand_dims(axis).broadcast_to(y_pred.shape());
        y_pred = counted.select(&y_pred, &y_pred.full_like(0.0));
    }
    let hot = y_true.one_hot(y_pred.dim(axis), axis, y_pred.dtype());
    let losses = -(hot * log_probabilities(&y_pred, from_logits, axis)).sum([axis]);
    match counted {
        Some(counted) => counted.select(&losses, &losses.full_like(0.0)),
        None => losses,
    }
}

/// Labels without the axis of size 1 that predictions have their classes along.
fn labels(y_true: &Value, y_pred: &Value, axis: i64) -> Value {
    let squeezed = if y_true.rank() == y_pred.rank() && y_true.dim(axis) == 1 {
        y_true.squeeze(axis)
    } else {
        y_true.clone()
    };
    squeezed.cast(DType::I32)
}

/// Which labels are not `ignore_class`.
fn counted(labels: &Value, ignore_class: Option<i64>) -> Option<Value> {
    ignore_class.map(|class| labels.not_equal(&labels.scalar(class as f64)))
}

loss! {
    /// The cross-entropy of independent yes-or-no predictions, averaged over the last axis. Keras's `BinaryCrossentropy`.
    pub struct BinaryCrossentropy("binary_crossentropy") {
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// How far targets are drawn toward 1/2, from 0 to 1.
        #[default(0.0)]
        pub label_smoothing: f64,
        /// The axis to average over; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    |self, y_true, y_pred| {
        binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)
    }
}

loss! {
    /// `-sum(y_true log p)`, for one-hot targets or distributions. Keras's `CategoricalCrossentropy`.
    pub struct CategoricalCrossentropy("categorical_crossentropy") {
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// How much of the targets is spread over all classes, from 0 to 1 (Szegedy et al., 2015).
        #[default(0.0)]
        pub label_smoothing: f64,
        /// The axis of the classes; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    |self, y_true, y_pred| {
        categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)
    }
}

loss! {
    /// `-log p` of the class that the label names. Keras's `SparseCategoricalCrossentropy`.
    pub struct SparseCategoricalCrossentropy("sparse_categorical_crossentropy") {
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// A label whose samples do not count.
        #[default(None)]
        pub ignore_class: Option<i64>,
        /// The axis of the classes; -1 by default.
        #[default(-1)]
        #[omit_default]
        pub axis: i64,
    }
    |self, y_true, y_pred| {
        sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)
    },
    mask counted(&labels(y_true, y_pred, self.axis), self.ignore_class)
}

loss! {
    /// `(1 - p^q) / q` for the probability `p` of the class that the label names: between the cross-entropy (`q` near 0) and
    /// the mean absolute error (`q` near 1), for noisy labels. Keras's `CategoricalGeneralizedCrossEntropy` (Zhang and
    /// Sabuncu, 2018).
    pub struct CategoricalGeneralizedCrossEntropy("categorical_generalized_cross_entropy") {
        /// Between 0 and 1, both excluded; 0.5 by default.
        #[default(0.5)]
        pub q: f64,
    }
    |self, y_true, y_pred| {
        if !(self.q > 0.0 && self.q < 1.0) {
            let message = format!("must be in the interval (0, 1), got {}", self.q);
            return Err(Error::argument("CategoricalGeneralizedCrossEntropy.q", message));
        }
        // As in Keras, labels with an axis of size 1 more meet every prediction of the batch.
        let hot = y_true.cast(DType::I32).one_hot(y_pred.dim(-1), -1, y_pred.dtype());
        let p = (y_pred * hot).sum([-1]);
        (1.0 - p.pow(&p.scalar(self.q))) / self.q
    }
}
