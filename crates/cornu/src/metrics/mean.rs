//! Losses as metrics: running means.
use super::{MetricRule, update_mean};
use crate::utils::numerical::same_rank;
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// The mean of `(y_true - y_pred)^2`. Keras's metric `MeanSquaredError`.
#[config("keras.metrics")]
pub struct MeanSquaredErrorMetric {
    /// Name in logs.
    #[default("mean_squared_error")]
    pub name: String,
}

impl MetricRule for MeanSquaredErrorMetric {
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
        Ok(update_mean(state, &(y_true.cast(y_pred.dtype()) - y_pred).square().mean([-1]), weight))
    }
}

/// The mean of `|y_true - y_pred|`. Keras's metric `MeanAbsoluteError`.
#[config("keras.metrics")]
pub struct MeanAbsoluteErrorMetric {
    /// Name in logs.
    #[default("mean_absolute_error")]
    pub name: String,
}

impl MetricRule for MeanAbsoluteErrorMetric {
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
        Ok(update_mean(state, &(y_true.cast(y_pred.dtype()) - y_pred).abs().mean([-1]), weight))
    }
}
