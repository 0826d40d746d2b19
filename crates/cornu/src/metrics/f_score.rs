//! F-scores.
use super::declare::{metric, shared_arguments};
use super::{MetricRule, zeros};
use crate::utils::numerical::EPSILON;
use cornu_graph::{DType, Error, Result, Spec, Tensor, Value};
use serde::{Deserialize, Serialize};

/// How the scores of classes become one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Average {
    /// One score over all classes together.
    Micro,
    /// The mean over classes.
    Macro,
    /// The mean over classes, weighted by their numbers of samples.
    Weighted,
    /// A word that is none of these; an error where it is used.
    Unknown(String),
}

impl From<&str> for Average {
    fn from(word: &str) -> Self {
        match word {
            "micro" => Average::Micro,
            "macro" => Average::Macro,
            "weighted" => Average::Weighted,
            _ => Average::Unknown(word.into()),
        }
    }
}

impl From<String> for Average {
    fn from(word: String) -> Self {
        word.as_str().into()
    }
}

impl From<Average> for String {
    fn from(average: Average) -> String {
        match average {
            Average::Micro => "micro".into(),
            Average::Macro => "macro".into(),
            Average::Weighted => "weighted".into(),
            Average::Unknown(word) => word,
        }
    }
}

/// The arguments of an F-score, and its arithmetic.
struct Score<'a> {
    average: Option<&'a Average>,
    beta: f64,
    threshold: Option<f64>,
}

impl Score<'_> {
    fn check(&self) -> Result<()> {
        if let Some(Average::Unknown(word)) = self.average {
            return Err(Error::unknown("average", word, ["micro", "macro", "weighted"]));
        }
        if self.beta.is_nan() || self.beta <= 0.0 {
            return Err(Error::argument("beta", format!("must be > 0, got {}", self.beta)));
        }
        match self.threshold {
            Some(t) if !(t > 0.0 && t <= 1.0) => {
                Err(Error::argument("threshold", format!("must be more than 0 and at most 1, got {t}")))
            }
            _ => Ok(()),
        }
    }

    fn state(&self, dtype: DType, y_true: &Spec, y_pred: &Spec) -> Result<Vec<(String, Tensor)>> {
        self.check()?;
        if y_true.rank() != 2 || y_pred.rank() != 2 {
            let message = format!("y_true has shape {:?} and y_pred {:?}", y_true.shape, y_pred.shape);
            return Err(Error::Data(message).help("an F-score takes both of shape (batch, classes)"));
        }
        let shape: &[usize] = if self.average == Some(&Average::Micro) { &[] } else { &y_pred.shape[1..] };
        let names = ["true_positives", "false_positives", "false_negatives", "intermediate_weights"];
        zeros(dtype, &names.map(|name| (name, shape)))
    }

    fn update_state(
        &self,
        dtype: DType,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Vec<Value> {
        const LEAST: f64 = 1e-9;
        let (y_true, y_pred) = (y_true.cast(dtype), y_pred.cast(dtype));
        let positive = match self.threshold {
            Some(threshold) => y_pred.gt(&y_pred.scalar(threshold)),
            None => {
                let size = y_pred.abs();
                y_pred.ge(&y_pred.max_keepdims([-1])).and(&size.gt(&size.scalar(LEAST)))
            }
        };
        let y_pred = positive.cast(dtype);
        let weight = sample_weight.map(|w| w.cast(dtype).expand_dims(1));
        let axes: &[i64] = if self.average == Some(&Average::Micro) { &[0, 1] } else { &[0] };
        let sum = |x: Value| weight.as_ref().map_or_else(|| x.clone(), |w| &x * w).sum(axes);
        let batch = [
            sum(&y_pred * &y_true),
            sum(&y_pred * (1.0 - &y_true)),
            sum((1.0 - &y_pred) * &y_true),
            sum(y_true.clone()),
        ];
        state.iter().zip(batch).map(|(before, more)| before + more).collect()
    }

    fn result(&self, state: &[Value]) -> Value {
        let part = |wrong: &Value| &state[0] / (&state[0] + wrong + EPSILON);
        let (precision, recall) = (part(&state[1]), part(&state[2]));
        let square = self.beta * self.beta;
        let score = &precision * &recall / (&precision * square + &recall + EPSILON) * (1.0 + square);
        let all = score.all_axes();
        match self.average {
            None => score,
            Some(Average::Weighted) => {
                let weights = &state[3] / (state[3].sum(&all) + EPSILON);
                (score * weights).sum(&all)
            }
            Some(_) => score.mean(&all),
        }
    }
}

macro_rules! score {
    ($(#[$doc:meta])* $Score:ident($name:literal) { $($beta:tt)* } |$this:ident| $value:expr) => {
        metric! {
            $(#[$doc])*
            pub struct $Score($name) {
                /// `"micro"`, `"macro"` or `"weighted"`; by default one score for each class.
                #[default(None)]
                pub average: Option<Average>,
                $($beta)*
                /// Predictions above it are positive; by default the largest of each sample.
                #[default(None)]
                pub threshold: Option<f64>,
            }
        }

        impl $Score {
            fn score(&$this) -> Score<'_> {
                Score { average: $this.average.as_ref(), beta: $value, threshold: $this.threshold }
            }
        }

        impl MetricRule for $Score {
            shared_arguments!(Up);

            fn state(&self, y_true: &Spec, y_pred: &Spec) -> Result<Vec<(String, Tensor)>> {
                self.score().state(self.dtype()?, y_true, y_pred)
            }

            fn update_state(
                &self,
                state: &[Value],
                y_true: &Value,
                y_pred: &Value,
                sample_weight: Option<&Value>,
            ) -> Result<Vec<Value>> {
                Ok(self.score().update_state(self.dtype()?, state, y_true, y_pred, sample_weight))
            }

            fn result(&self, state: &[Value]) -> Result<Value> {
                Ok(self.score().result(state))
            }
        }
    };
}

score! {
    /// The harmonic mean of precision and recall. Keras's `F1Score`.
    F1Score("f1_score") {} |self| 1.0
}

score! {
    /// The harmonic mean of precision and recall, which counts `beta` times as much. Keras's `FBetaScore`.
    FBetaScore("fbeta_score") {
        /// How much recall counts; 1 by default.
        #[default(1.0)]
        pub beta: f64,
    }
    |self| self.beta
}
