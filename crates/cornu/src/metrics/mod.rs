//! Metrics: numbers to watch, gathered over batches.
mod accuracy;
mod at_constraint;
mod auc;
mod confusion;
mod correlation;
mod counts;
mod declare;
mod f_score;
mod hinge;
mod iou;
mod meter;
mod precision_recall;
mod probabilistic;
mod r2_score;
mod reduction;
mod regression;
mod thresholds;
mod top_k;

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy};
pub use at_constraint::{
    PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity,
};
pub use auc::{AUC, Curve, LabelWeights, SummationMethod};
pub use correlation::{ConcordanceCorrelation, PearsonCorrelation};
pub use counts::{FalseNegatives, FalsePositives, TrueNegatives, TruePositives};
pub use f_score::{Average, F1Score, FBetaScore};
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge};
pub use iou::{BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU};
pub use meter::Meter;
pub use precision_recall::{Precision, Recall};
pub use probabilistic::{
    BinaryCrossentropy, CategoricalCrossentropy, KLDivergence, Poisson, SparseCategoricalCrossentropy,
};
pub use r2_score::{ClassAggregation, R2Score};
pub use reduction::{Mean, Sum};
pub use regression::{
    CosineSimilarity, LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, RootMeanSquaredError,
};
pub use thresholds::Thresholds;
pub use top_k::{SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy};

/// Losses that are metrics, too: by name (`"huber"`), or in [`Metric::function`].
pub use crate::losses::{binary_focal_crossentropy, categorical_focal_crossentropy, huber, log_cosh};

use crate::object::number::refuse_nan_in;
use crate::object::{Saved, family, function_envelope};
use crate::utils::numerical::divide_no_nan;
use cornu_graph::{DType, Result, Spec, Tensor, Value, memory};
use serde_json::Value as Json;
use std::fmt;

/// Where a metric goes when a model becomes better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is better, as of an accuracy.
    Up,
    /// Less is better, as of an error.
    Down,
}

/// What a metric gathers and gives.
pub trait MetricRule: Saved + fmt::Debug + Send + Sync {
    /// Name in logs.
    fn name(&self) -> String;

    /// In which dtype values are gathered; float32 by default.
    ///
    /// # Errors
    /// When there is no such dtype.
    fn dtype(&self) -> Result<DType> {
        Ok(DType::F32)
    }

    /// The state at the start of an epoch: names and values. By default a running mean.
    ///
    /// # Errors
    /// When the metric does not fit such values.
    fn state(&self, y_true: &Spec, y_pred: &Spec) -> Result<Vec<(String, Tensor)>> {
        let _ = (y_true, y_pred);
        zeros(self.dtype()?, &[("total", &[]), ("count", &[])])
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
        Ok(divide_no_nan(&state[0], &state[1]))
    }

    /// Whether a mask of the predictions leaves values out; in Keras only means of values heed it.
    fn takes_mask(&self) -> bool {
        false
    }

    /// Where the metric goes when a model becomes better, for callbacks that watch it; `None` by default: they must be told.
    fn direction(&self) -> Option<Direction> {
        None
    }

    /// The same under another name, where it can be renamed.
    fn renamed(&self, name: &str) -> Option<Metric> {
        let _ = name;
        None
    }
}

family! {
    /// A metric, by name (`"accuracy"`), as an object, or user code.
    Metric("metric", by_name, Named): MetricRule {
        Accuracy = "accuracy",
        BinaryAccuracy = "binary_accuracy",
        CategoricalAccuracy = "categorical_accuracy",
        SparseCategoricalAccuracy = "sparse_categorical_accuracy",
        TopKCategoricalAccuracy = "top_k_categorical_accuracy",
        SparseTopKCategoricalAccuracy = "sparse_top_k_categorical_accuracy",
        Mean = "mean",
        Sum = "sum",
        MeanSquaredError = "mean_squared_error" | "mse" | "MSE",
        RootMeanSquaredError = "root_mean_squared_error",
        MeanAbsoluteError = "mean_absolute_error" | "mae" | "MAE",
        MeanAbsolutePercentageError = "mean_absolute_percentage_error" | "mape" | "MAPE",
        MeanSquaredLogarithmicError = "mean_squared_logarithmic_error" | "msle" | "MSLE",
        CosineSimilarity = "cosine_similarity",
        LogCoshError = "log_cosh_error",
        R2Score = "r2_score",
        PearsonCorrelation = "pearson_correlation",
        ConcordanceCorrelation = "concordance_correlation",
        KLDivergence = "kl_divergence",
        Poisson = "poisson",
        BinaryCrossentropy = "binary_crossentropy" | "bce" | "BCE",
        CategoricalCrossentropy = "categorical_crossentropy",
        SparseCategoricalCrossentropy = "sparse_categorical_crossentropy",
        Hinge = "hinge",
        SquaredHinge = "squared_hinge",
        CategoricalHinge = "categorical_hinge",
        TruePositives = "true_positives",
        TrueNegatives = "true_negatives",
        FalsePositives = "false_positives",
        FalseNegatives = "false_negatives",
        Precision = "precision",
        Recall = "recall",
        AUC = "auc",
        SensitivityAtSpecificity,
        SpecificityAtSensitivity,
        PrecisionAtRecall,
        RecallAtPrecision,
        F1Score = "f1_score",
        FBetaScore = "f_beta_score",
        IoU,
        BinaryIoU = "binary_io_u",
        MeanIoU,
        OneHotIoU,
        OneHotMeanIoU,
    }
}

impl Metric {
    /// The mean of what a function gives for each sample or element of targets and predictions. It is saved by its name
    /// alone. Keras's `MeanMetricWrapper`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let largest = Metric::function("largest_error", |y_true, y_pred| (y_true - y_pred).abs().max([-1]));
    /// # let _ = largest;
    /// ```
    pub fn function(
        name: impl Into<String>,
        function: impl Fn(&Value, &Value) -> Value + Send + Sync + 'static,
    ) -> Metric {
        Metric::custom(Function { name: name.into(), function, direction: None })
    }

    /// The mean of a loss.
    fn of_loss(name: &str, function: impl Fn(&Value, &Value) -> Value + Send + Sync + 'static) -> Metric {
        Metric::custom(Function { name: name.into(), function, direction: Some(Direction::Down) })
    }

    /// Logs show a metric under the name by which it was asked for; `"accuracy"` and `"crossentropy"` are those that suit the
    /// shapes.
    fn by_name(self, name: &str) -> Metric {
        let small = name.to_lowercase();
        if [accuracy::ByShape::ACCURACY, accuracy::ByShape::CROSSENTROPY].concat().contains(&small.as_str()) {
            return Metric::custom(accuracy::ByShape { name: name.into() });
        }
        match name {
            "huber" => Metric::of_loss(name, |y_true, y_pred| huber(y_true, y_pred, 1.0)),
            "log_cosh" => Metric::of_loss(name, log_cosh),
            "binary_focal_crossentropy" => Metric::of_loss(name, |y_true, y_pred| {
                binary_focal_crossentropy(y_true, y_pred, false, 0.25, 2.0, false, 0.0, -1)
            }),
            "categorical_focal_crossentropy" => Metric::of_loss(name, |y_true, y_pred| {
                categorical_focal_crossentropy(y_true, y_pred, 0.25, 2.0, false, 0.0, -1)
            }),
            _ => self.get().ok().and_then(|rule| rule.renamed(name)).unwrap_or(self),
        }
    }

    /// Fails when the name given is none, suggesting the nearest.
    ///
    /// # Errors
    /// The unknown name.
    pub fn check(&self) -> Result<()> {
        let rule = self.get()?;
        rule.dtype()?;
        refuse_nan_in(rule.saved())
    }

    /// Name in logs.
    pub fn name(&self) -> String {
        self.get().map_or_else(|_| "unknown".into(), |rule| rule.name())
    }

    /// Where the metric goes when a model becomes better, if that is known.
    pub(crate) fn direction(&self) -> Option<Direction> {
        self.get().ok()?.direction()
    }

    pub(crate) fn takes_mask(&self) -> bool {
        self.get().is_ok_and(|rule| rule.takes_mask())
    }

    /// The state to start with, for targets and predictions of these specs: names and values.
    ///
    /// # Errors
    /// When the metric does not fit such values, or an argument makes no sense.
    pub fn state(&self, y_true: &Spec, y_pred: &Spec) -> Result<Vec<(String, Tensor)>> {
        self.get()?.state(y_true, y_pred)
    }

    /// The state after a batch, as a part of a graph. Keras's `stateless_update_state`.
    ///
    /// # Errors
    /// When the values do not fit the metric.
    pub fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let state = self.get()?.update_state(state, y_true, y_pred, sample_weight)?;
        y_pred.builder().check()?;
        Ok(state)
    }

    /// The metric from its state, as a part of a graph: a number, or several. Keras's `stateless_result`.
    ///
    /// # Errors
    /// When the state does not fit the metric.
    pub fn result(&self, state: &[Value]) -> Result<Value> {
        self.get()?.result(state)
    }
}

/// Variables of zeros.
///
/// # Errors
/// When there is no memory for them.
fn zeros(dtype: DType, variables: &[(&str, &[usize])]) -> Result<Vec<(String, Tensor)>> {
    let zeros = |&(name, shape): &(&str, &[usize])| {
        memory::room(&Spec::new(dtype, shape))?;
        Ok((name.to_string(), Tensor::zeros(shape, dtype)))
    };
    variables.iter().map(zeros).collect()
}

struct Function<F> {
    name: String,
    function: F,
    direction: Option<Direction>,
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.name)
    }
}

impl<F> Saved for Function<F> {
    fn saved(&self) -> Result<Json> {
        Ok(function_envelope(&self.name))
    }
}

impl<F: Fn(&Value, &Value) -> Value + Send + Sync> MetricRule for Function<F> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn takes_mask(&self) -> bool {
        true
    }

    fn direction(&self) -> Option<Direction> {
        self.direction
    }

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        Ok(reduction::update_mean(state, &(self.function)(y_true, y_pred), sample_weight))
    }
}
