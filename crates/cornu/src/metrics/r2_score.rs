//! The coefficient of determination.
use super::declare::{metric, shared_arguments};
use super::{MetricRule, zeros};
use crate::utils::numerical::same_rank;
use cornu_graph::{DType, Error, Result, Spec, Tensor, Value};
use serde::{Deserialize, Serialize};

/// How the scores of outputs become one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ClassAggregation {
    /// The mean over outputs.
    UniformAverage,
    /// The mean over outputs, weighted by the variance of their targets.
    VarianceWeightedAverage,
    /// A word that is none of these; an error where it is used.
    Unknown(String),
}

impl From<&str> for ClassAggregation {
    fn from(word: &str) -> Self {
        match word {
            "uniform_average" => ClassAggregation::UniformAverage,
            "variance_weighted_average" => ClassAggregation::VarianceWeightedAverage,
            _ => ClassAggregation::Unknown(word.into()),
        }
    }
}

impl From<String> for ClassAggregation {
    fn from(word: String) -> Self {
        word.as_str().into()
    }
}

impl From<ClassAggregation> for String {
    fn from(aggregation: ClassAggregation) -> String {
        match aggregation {
            ClassAggregation::UniformAverage => "uniform_average".into(),
            ClassAggregation::VarianceWeightedAverage => "variance_weighted_average".into(),
            ClassAggregation::Unknown(word) => word,
        }
    }
}

metric! {
    /// Which part of the variance of the targets is predicted. Keras's `R2Score`.
    pub struct R2Score("r2_score") {
        /// `"uniform_average"` (the default), `"variance_weighted_average"`, or none: one score for each output.
        #[default("uniform_average")]
        pub class_aggregation: Option<ClassAggregation>,
        /// The number of independent variables, for the adjusted score; 0 by default, for the plain one.
        #[default(0)]
        pub num_regressors: usize,
    }
}

impl MetricRule for R2Score {
    shared_arguments!(Up);

    fn state(&self, y_true: &Spec, y_pred: &Spec) -> Result<Vec<(String, Tensor)>> {
        if let Some(ClassAggregation::Unknown(word)) = &self.class_aggregation {
            let known = ["uniform_average", "variance_weighted_average"];
            return Err(Error::unknown("class_aggregation", word, known));
        }
        if y_pred.rank() != 2 || y_true.rank() == 0 {
            let message = format!("y_true has shape {:?} and y_pred {:?}", y_true.shape, y_pred.shape);
            return Err(Error::Data(message).help("R2Score takes both of shape (batch, outputs)"));
        }
        let outputs = &y_pred.shape[1..];
        let sums = ["squared_sum", "sum", "residual", "count"].map(|name| (name, outputs));
        zeros(DType::F32, &[&[("num_samples", &[][..])], &sums[..]].concat())
    }

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let dtype = self.dtype()?;
        let (y_true, y_pred) = same_rank(&y_true.cast(dtype), &y_pred.cast(dtype));
        let weight = match sample_weight.map(|w| w.cast(dtype)) {
            None => y_true.full_like(1.0),
            Some(w) if w.rank() == 1 => w.expand_dims(1).broadcast_to(y_true.shape()),
            Some(w) => w.broadcast_to(y_true.shape()),
        };
        let weighted = &y_true * &weight;
        let elements: usize = y_true.shape().iter().product();
        let more = [
            y_true.scalar(elements as f64),
            (&y_true * &weighted).sum([0]),
            weighted.sum([0]),
            ((&y_true - y_pred).square() * &weight).sum([0]),
            weight.sum([0]),
        ];
        Ok(state.iter().zip(more).map(|(before, more)| before + more.cast(before.dtype())).collect())
    }

    fn result(&self, state: &[Value]) -> Result<Value> {
        let [samples, squares, sum, residual, count] = state else {
            return Err(Error::State("R2Score has five variables".into()));
        };
        let total = squares - sum * (sum / count);
        let scores = 1.0 - residual / &total;
        // Infinite where the targets do not vary; NaN stays.
        let keep = scores.is_finite().or(&scores.is_nan());
        let scores = keep.select(&scores, &scores.full_like(0.0));
        let score = match self.class_aggregation {
            None => scores,
            Some(ClassAggregation::VarianceWeightedAverage) => (&total * scores).sum([0]) / total.sum([0]),
            Some(_) => scores.mean([0]),
        };
        if self.num_regressors == 0 {
            return Ok(score);
        }
        let degrees = samples - 1.0;
        let left = &degrees - self.num_regressors;
        let adjusted = 1.0 - (1.0 - &score) * degrees / &left;
        // Too few samples to adjust for.
        let enough = left.gt(&left.scalar(0.0)).broadcast_to(score.shape());
        Ok(enough.select(&adjusted, &score))
    }
}
