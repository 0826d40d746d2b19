//! How often predictions are right.
use super::{Metric, MetricRule, update_mean};
use crate::utils::numerical::same_rank;
use cornu_derive::config;
use cornu_graph::{DType, Result, Spec, Value};

/// How often predictions equal the targets. By the name `"accuracy"`, the accuracy that suits the shapes of targets and
/// predictions. Keras's `Accuracy`.
#[config("keras.metrics")]
pub struct Accuracy {
    /// Name in logs.
    #[default("accuracy")]
    pub name: String,
}

impl MetricRule for Accuracy {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let (y_true, y_pred) = same_rank(y_true, y_pred);
        let right = y_true.cast(y_pred.dtype()).equal(&y_pred);
        Ok(update_mean(state, &right, weight))
    }

    fn resolve(&self, y_true: &Spec, y_pred: &Spec) -> Option<Metric> {
        let last = |s: &Spec| s.shape.last().copied().unwrap_or(1);
        let name = self.name.clone();
        let binary = last(y_pred) == 1;
        let sparse = y_true.rank() < y_pred.rank() || (last(y_true) == 1 && last(y_pred) > 1);
        Some(if binary {
            BinaryAccuracy::new().name(name).into()
        } else if sparse {
            SparseCategoricalAccuracy::new().name(name).into()
        } else {
            CategoricalAccuracy::new().name(name).into()
        })
    }
}

/// How often predictions are on the right side of a threshold. Keras's `BinaryAccuracy`.
#[config("keras.metrics")]
pub struct BinaryAccuracy {
    /// Name in logs.
    #[default("binary_accuracy")]
    pub name: String,
    /// Predictions above it count as 1.
    #[default(0.5)]
    pub threshold: f64,
}

impl MetricRule for BinaryAccuracy {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let (y_true, y_pred) = same_rank(y_true, y_pred);
        let predicted = y_pred.gt(&y_pred.scalar(self.threshold)).cast(y_pred.dtype());
        let right = y_true.cast(y_pred.dtype()).equal(&predicted).cast(DType::F32);
        let right = if right.rank() > 1 { right.mean([-1]) } else { right };
        Ok(update_mean(state, &right, weight))
    }
}

/// How often the largest prediction is that of the one-hot target. Keras's `CategoricalAccuracy`.
#[config("keras.metrics")]
pub struct CategoricalAccuracy {
    /// Name in logs.
    #[default("categorical_accuracy")]
    pub name: String,
}

impl MetricRule for CategoricalAccuracy {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let right = y_true.argmax(-1).equal(&y_pred.argmax(-1));
        Ok(update_mean(state, &right, weight))
    }
}

/// How often the largest prediction is the one that the label names. Keras's `SparseCategoricalAccuracy`.
#[config("keras.metrics")]
pub struct SparseCategoricalAccuracy {
    /// Name in logs.
    #[default("sparse_categorical_accuracy")]
    pub name: String,
}

impl MetricRule for SparseCategoricalAccuracy {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let labels = if y_true.rank() == y_pred.rank() && y_true.dim(-1) == 1 {
            y_true.squeeze(-1)
        } else {
            y_true.clone()
        };
        let right = labels.cast(DType::I32).equal(&y_pred.argmax(-1));
        Ok(update_mean(state, &right, weight))
    }
}
