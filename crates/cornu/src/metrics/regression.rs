//! Errors of regression.
use super::MetricRule;
use super::declare::{metric, shared_arguments};
use super::reduction::update_mean;
use crate::losses;
use crate::utils::numerical::{divide_no_nan, same_rank};
use cornu_graph::{Result, Value};

metric! {
    /// The mean of `(y_true - y_pred)^2`. Keras's metric `MeanSquaredError`.
    pub struct MeanSquaredError("mean_squared_error") {}
    mean Down |self, y_true, y_pred| losses::mean_squared_error(y_true, y_pred)
}

metric! {
    /// The mean of `|y_true - y_pred|`. Keras's metric `MeanAbsoluteError`.
    pub struct MeanAbsoluteError("mean_absolute_error") {}
    mean Down |self, y_true, y_pred| losses::mean_absolute_error(y_true, y_pred)
}

metric! {
    /// The mean error in percent of the targets. Keras's metric `MeanAbsolutePercentageError`.
    pub struct MeanAbsolutePercentageError("mean_absolute_percentage_error") {}
    mean Down |self, y_true, y_pred| losses::mean_absolute_percentage_error(y_true, y_pred)
}

metric! {
    /// The mean squared difference of logarithms. Keras's metric `MeanSquaredLogarithmicError`.
    pub struct MeanSquaredLogarithmicError("mean_squared_logarithmic_error") {}
    mean Down |self, y_true, y_pred| losses::mean_squared_logarithmic_error(y_true, y_pred)
}

metric! {
    /// The mean cosine of the angle between targets and predictions: 1 when they point the same way. Keras's metric
    /// `CosineSimilarity`.
    pub struct CosineSimilarity("cosine_similarity") {
        /// Along which they are vectors; -1 by default.
        #[default(-1)]
        #[omit_default]
        pub axis: i64,
    }
    mean Up |self, y_true, y_pred| -losses::cosine_similarity(y_true, y_pred, self.axis)
}

metric! {
    /// The mean of `log(cosh(y_pred - y_true))`. Keras's `LogCoshError`.
    pub struct LogCoshError("logcosh") {}
    mean Down |self, y_true, y_pred| losses::log_cosh(y_true, y_pred)
}

metric! {
    /// The root of the mean of `(y_true - y_pred)^2`. Keras's `RootMeanSquaredError`.
    pub struct RootMeanSquaredError("root_mean_squared_error") {}
}

impl MetricRule for RootMeanSquaredError {
    shared_arguments!(Down);

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let dtype = self.dtype()?;
        let (y_true, y_pred) = same_rank(&y_true.cast(dtype), &y_pred.cast(dtype));
        Ok(update_mean(state, &(y_pred - y_true).square(), sample_weight))
    }

    fn result(&self, state: &[Value]) -> Result<Value> {
        Ok(divide_no_nan(&state[0], &state[1]).sqrt())
    }
}
