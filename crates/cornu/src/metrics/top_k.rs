//! How often the right class is among the largest predictions.
use super::declare::metric;
use cornu_graph::{DType, Value};

/// Whether fewer than `k` predictions along the last axis are larger than that of the label.
fn in_top_k(labels: &Value, y_pred: &Value, k: usize) -> Value {
    let given = y_pred.take_along_axis(&labels.expand_dims(-1), -1);
    let given = given.is_nan().select(&given.full_like(f64::NEG_INFINITY), &given);
    let larger = y_pred.gt(&given).cast(DType::I32).sum([-1]);
    larger.lt(&larger.scalar(k as f64))
}

metric! {
    /// How often the class of the one-hot target is among the `k` largest predictions. Keras's `TopKCategoricalAccuracy`.
    pub struct TopKCategoricalAccuracy("top_k_categorical_accuracy") {
        /// How many predictions count; 5 by default.
        #[default(5)]
        pub k: usize,
    }
    mean Up |self, y_true, y_pred| in_top_k(&y_true.argmax(-1), y_pred, self.k)
}

metric! {
    /// How often the class that the label names is among the `k` largest predictions. Keras's
    /// `SparseTopKCategoricalAccuracy`.
    pub struct SparseTopKCategoricalAccuracy("sparse_top_k_categorical_accuracy") {
        /// How many predictions count; 5 by default.
        #[default(5)]
        pub k: usize,
        /// Whether predictions are classes from the most likely on, rather than a number for each class.
        #[default(false)]
        #[omit_default]
        pub from_sorted_ids: bool,
    }
    mean Up |self, y_true, y_pred| {
        // One label to a row of predictions, whatever axis of size 1 is missing or left over.
        let rows = &y_pred.shape()[..y_pred.rank().saturating_sub(1)];
        let labels = y_true.reshape(rows);
        let right = if self.from_sorted_ids {
            let first = y_pred.slice_axis(-1, 0, self.k.min(y_pred.dim(-1)));
            let right = first.equal(&labels.cast(y_pred.dtype()).expand_dims(-1));
            let count = right.cast(DType::I32).sum([-1]);
            count.gt(&count.scalar(0.0))
        } else {
            in_top_k(&labels.cast(DType::I32), y_pred, self.k)
        };
        right.reshape(y_true.shape())
    }
}
