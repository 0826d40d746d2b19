//! Names that stand for one of several losses or metrics, by the shapes of targets and predictions.
use super::{BinaryCrossentropy, CategoricalCrossentropy, LossRule, SparseCategoricalCrossentropy};
use crate::object::Saved;
use cornu_graph::{Result, Spec, Value};
use serde_json::Value as Json;

/// What is to be learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Yes or no: one number is predicted.
    Binary,
    /// One of several classes, which labels name.
    Sparse,
    /// One of several classes, as one-hot targets.
    Categorical,
}

impl Task {
    /// The task that such targets and predictions suggest.
    pub fn of(y_true: &Spec, y_pred: &Spec) -> Task {
        let last = |s: &Spec| s.shape.last().copied().unwrap_or(1);
        if last(y_pred) == 1 {
            Task::Binary
        } else if y_true.rank() < y_pred.rank() || last(y_true) == 1 {
            Task::Sparse
        } else {
            Task::Categorical
        }
    }
}

/// What the names `"crossentropy"` and `"ce"` stand for.
#[derive(Debug)]
pub(super) struct Crossentropy {
    pub name: String,
}

impl Crossentropy {
    pub const NAMES: [&str; 2] = ["crossentropy", "ce"];

    fn choose(&self, y_true: &Value, y_pred: &Value) -> Box<dyn LossRule> {
        match Task::of(y_true.spec(), y_pred.spec()) {
            Task::Binary => Box::new(BinaryCrossentropy::new()),
            Task::Sparse => Box::new(SparseCategoricalCrossentropy::new()),
            Task::Categorical => Box::new(CategoricalCrossentropy::new()),
        }
    }
}

impl Saved for Crossentropy {
    fn saved(&self) -> Result<Json> {
        Ok(self.name.as_str().into())
    }
}

impl LossRule for Crossentropy {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        self.choose(y_true, y_pred).call(y_true, y_pred)
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
