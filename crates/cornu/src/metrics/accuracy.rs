//! How often predictions are right.
use super::declare::metric;
use super::{
    BinaryCrossentropy, CategoricalCrossentropy, Direction, Metric, MetricRule, SparseCategoricalCrossentropy,
};
use crate::losses::Task;
use crate::object::Saved;
use crate::utils::numerical::same_rank;
use cornu_graph::{DType, Result, Spec, Value};
use serde_json::Value as Json;

metric! {
    /// How often predictions equal the targets. Keras's `Accuracy`; the name `"accuracy"` stands for the one of several
    /// accuracies that suits the shapes of targets and predictions.
    pub struct Accuracy("accuracy") {}
    mean Up |self, y_true, y_pred| {
        let (y_true, y_pred) = same_rank(&y_true.cast(y_pred.dtype()), y_pred);
        y_true.equal(&y_pred)
    }
}

metric! {
    /// How often predictions are on the right side of a threshold. Keras's `BinaryAccuracy`.
    pub struct BinaryAccuracy("binary_accuracy") {
        /// Predictions above it count as 1; 0.5 by default.
        #[default(0.5)]
        pub threshold: f64,
    }
    mean Up |self, y_true, y_pred| {
        let (y_true, y_pred) = same_rank(y_true, y_pred);
        let predicted = y_pred.gt(&y_pred.scalar(self.threshold)).cast(y_true.dtype());
        y_true.equal(&predicted)
    }
}

metric! {
    /// How often the largest prediction is that of the one-hot target. Keras's `CategoricalAccuracy`.
    pub struct CategoricalAccuracy("categorical_accuracy") {}
    mean Up |self, y_true, y_pred| y_true.argmax(-1).equal(&y_pred.argmax(-1))
}

metric! {
    /// How often the largest prediction is the one that the label names. Keras's `SparseCategoricalAccuracy`.
    pub struct SparseCategoricalAccuracy("sparse_categorical_accuracy") {}
    mean Up |self, y_true, y_pred| {
        let squeeze = y_true.rank() == y_pred.rank() && y_true.dim(-1) == 1;
        let labels = if squeeze { y_true.squeeze(-1) } else { y_true.clone() };
        let right = labels.cast(DType::F32).equal(&y_pred.argmax(-1).cast(DType::F32));
        if right.rank() > 1 && right.dim(-1) == 1 { right.squeeze(-1) } else { right }
    }
}

/// What the names `"accuracy"` and `"crossentropy"` stand for.
#[derive(Debug)]
pub(super) struct ByShape {
    pub name: String,
}

impl ByShape {
    pub const ACCURACY: [&str; 2] = ["accuracy", "acc"];
    pub const CROSSENTROPY: [&str; 2] = ["crossentropy", "ce"];

    fn is_crossentropy(&self) -> bool {
        ByShape::CROSSENTROPY.contains(&self.name.to_lowercase().as_str())
    }

    fn choose(&self, y_true: &Spec, y_pred: &Spec) -> Metric {
        let name = self.name.as_str();
        if self.is_crossentropy() {
            return match Task::of(y_true, y_pred) {
                Task::Binary => BinaryCrossentropy::new().name(name).into(),
                Task::Sparse => SparseCategoricalCrossentropy::new().name(name).into(),
                Task::Categorical => CategoricalCrossentropy::new().name(name).into(),
            };
        }
        match Task::of(y_true, y_pred) {
            Task::Binary => BinaryAccuracy::new().name(name).into(),
            Task::Sparse => SparseCategoricalAccuracy::new().name(name).into(),
            Task::Categorical => CategoricalAccuracy::new().name(name).into(),
        }
    }
}

impl Saved for ByShape {
    fn saved(&self) -> Result<Json> {
        Ok(self.name.as_str().into())
    }
}

impl MetricRule for ByShape {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn takes_mask(&self) -> bool {
        true
    }

    fn direction(&self) -> Option<Direction> {
        Some(if self.is_crossentropy() { Direction::Down } else { Direction::Up })
    }

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        self.choose(y_true.spec(), y_pred.spec()).update_state(state, y_true, y_pred, sample_weight)
    }
}
