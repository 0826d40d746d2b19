//! Metrics: numbers to watch, gathered over batches.
mod accuracy;
mod mean;

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy};
pub use mean::{MeanAbsoluteErrorMetric, MeanSquaredErrorMetric};

use crate::object::{Saved, family};
use cornu_graph::{DType, Result, Spec, Tensor, Value};
use std::fmt;

/// What a metric gathers and gives.
pub trait MetricRule: Saved + fmt::Debug + Send + Sync {
    /// Name in logs.
    fn name(&self) -> String;

    /// The state at the start of an epoch: names and values. By default a running mean.
    ///
    /// # Errors
    /// When the metric does not fit such values.
    fn state(&self, y_true: &Spec, y_pred: &Spec) -> Result<Vec<(String, Tensor)>> {
        let _ = (y_true, y_pred);
        let zero = || Tensor::zeros([], DType::F32);
        Ok(vec![("total".into(), zero()), ("count".into(), zero())])
    }

    /// The state after one more batch.
    ///
    /// # Errors
    /// When the values do not fit.
    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>>;

    /// The metric from its state. By default a running mean, 0 before the first batch.
    ///
    /// # Errors
    /// When the state does not fit.
    fn result(&self, state: &[Value]) -> Result<Value> {
        let (total, count) = (&state[0], &state[1]);
        let zero = count.scalar(0.0);
        let safe = count.equal(&zero).select(&count.scalar(1.0), count);
        Ok(count.equal(&zero).select(&zero, &(total / safe)))
    }

    /// Names that stand for one of several metrics become that one, by the shapes of targets and predictions.
    fn resolve(&self, y_true: &Spec, y_pred: &Spec) -> Option<Metric> {
        let _ = (y_true, y_pred);
        None
    }
}

family! {
    /// A metric, by name (`"accuracy"`), as an object, or user code.
    Metric("metric"): MetricRule {
        Accuracy = "accuracy" | "acc",
        BinaryAccuracy = "binary_accuracy",
        CategoricalAccuracy = "categorical_accuracy",
        SparseCategoricalAccuracy = "sparse_categorical_accuracy",
        MeanSquaredErrorMetric = "mean_squared_error" | "mse" | "MSE",
        MeanAbsoluteErrorMetric = "mean_absolute_error" | "mae" | "MAE",
    }
}

impl Metric {
    /// Fails when the name given is none, suggesting the nearest.
    ///
    /// # Errors
    /// The unknown name.
    pub fn check(&self) -> Result<()> {
        self.get().map(|_| ())
    }

    /// Name in logs.
    pub fn name(&self) -> String {
        self.get().map_or_else(|_| "unknown".into(), |rule| rule.name())
    }

    pub(crate) fn resolve(&self, y_true: &Spec, y_pred: &Spec) -> Metric {
        self.get().ok().and_then(|rule| rule.resolve(y_true, y_pred)).unwrap_or_else(|| self.clone())
    }

    pub(crate) fn state(&self, y_true: &Spec, y_pred: &Spec) -> Result<Vec<(String, Tensor)>> {
        self.get()?.state(y_true, y_pred)
    }

    pub(crate) fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        self.get()?.update_state(state, y_true, y_pred, sample_weight)
    }

    pub(crate) fn result(&self, state: &[Value]) -> Result<Value> {
        self.get()?.result(state)
    }
}

/// Adds values, weighted, to a running mean.
pub(crate) fn update_mean(state: &[Value], values: &Value, sample_weight: Option<&Value>) -> Vec<Value> {
    let values = values.cast(DType::F32);
    let (total, count) = match sample_weight {
        None => {
            (values.sum(values.all_axes()), values.scalar(values.shape().iter().product::<usize>() as f64))
        }
        Some(weight) => {
            let mut weight = weight.cast(DType::F32);
            while weight.rank() > values.rank() && weight.dim(-1) == 1 {
                weight = weight.squeeze(-1);
            }
            while weight.rank() < values.rank() {
                weight = weight.expand_dims(-1);
            }
            let weight = weight.broadcast_to(values.shape());
            ((&values * &weight).sum(values.all_axes()), weight.sum(weight.all_axes()))
        }
    };
    vec![&state[0] + total, &state[1] + count]
}
