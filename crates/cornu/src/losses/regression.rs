//! Losses of regression.
use super::{LossRule, Reduction, same_shape};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// The mean of `(y_true - y_pred)^2` over the last axis. Keras's `MeanSquaredError`.
#[config("keras.losses")]
pub struct MeanSquaredError {
    /// Name in logs.
    #[default("mean_squared_error")]
    pub name: String,
    /// How the losses of samples become one number.
    #[default("sum_over_batch_size")]
    pub reduction: Reduction,
}

impl LossRule for MeanSquaredError {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        let y_true = y_true.cast(y_pred.dtype());
        same_shape(&self.name, &y_true, y_pred)?;
        Ok((y_true - y_pred).square().mean([-1]))
    }

    fn reduction(&self) -> Reduction {
        self.reduction.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// The mean of `|y_true - y_pred|` over the last axis. Keras's `MeanAbsoluteError`.
#[config("keras.losses")]
pub struct MeanAbsoluteError {
    /// Name in logs.
    #[default("mean_absolute_error")]
    pub name: String,
    /// How the losses of samples become one number.
    #[default("sum_over_batch_size")]
    pub reduction: Reduction,
}

impl LossRule for MeanAbsoluteError {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        let y_true = y_true.cast(y_pred.dtype());
        same_shape(&self.name, &y_true, y_pred)?;
        Ok((y_true - y_pred).abs().mean([-1]))
    }

    fn reduction(&self) -> Reduction {
        self.reduction.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
