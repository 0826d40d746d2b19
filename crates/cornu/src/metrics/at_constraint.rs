//! The best of one rate where another is at least what is asked for.
use super::confusion::{Confusion, Counting};
use super::declare::{metric, shared_arguments};
use super::thresholds::even;
use super::{MetricRule, zeros};
use crate::utils::numerical::divide_no_nan;
use cornu_graph::{DType, Error, Result, Spec, Tensor, Value};

impl Confusion {
    fn recall(&self) -> Value {
        divide_no_nan(&self.true_positives, &(&self.true_positives + &self.false_negatives))
    }

    fn precision(&self) -> Value {
        divide_no_nan(&self.true_positives, &(&self.true_positives + &self.false_positives))
    }

    fn specificity(&self) -> Value {
        divide_no_nan(&self.true_negatives, &(&self.true_negatives + &self.false_positives))
    }
}

macro_rules! at_constraint {
    ($(#[$doc:meta])* $Metric:ident($name:literal) $best:ident where $(#[$of:meta])* $argument:ident is $constrained:ident) => {
        metric! {
            $(#[$doc])*
            pub struct $Metric($name) {
                /// Only this class counts.
                #[default(None)]
                pub class_id: Option<usize>,
                /// How many thresholds from 0 to 1 are tried; 200 by default.
                #[default(200)]
                pub num_thresholds: usize,
                $(#[$of])*
                pub $argument: f64,
            }
        }

        impl $Metric {
            fn check(&self) -> Result<()> {
                if self.num_thresholds == 0 {
                    return Err(Error::argument("num_thresholds", "must be at least 1, got 0"));
                }
                if !(0.0..=1.0).contains(&self.$argument) {
                    let message = format!("must be in the range [0, 1], got {}", self.$argument);
                    return Err(Error::argument(stringify!($argument), message));
                }
                Ok(())
            }
        }

        impl MetricRule for $Metric {
            shared_arguments!(Up);

            fn state(&self, _: &Spec, _: &Spec) -> Result<Vec<(String, Tensor)>> {
                self.check()?;
                let shape = [self.num_thresholds];
                zeros(DType::F32, &Confusion::NAMES.map(|name| (name, &shape[..])))
            }

            fn update_state(
                &self,
                state: &[Value],
                y_true: &Value,
                y_pred: &Value,
                sample_weight: Option<&Value>,
            ) -> Result<Vec<Value>> {
                let thresholds = even(self.num_thresholds)?;
                let counting =
                    Counting { thresholds: &thresholds, class_id: self.class_id, ..Counting::default() };
                Ok(counting.count(y_true, y_pred, sample_weight)?.add_to(state))
            }

            fn result(&self, state: &[Value]) -> Result<Value> {
                let confusion = Confusion::from_state(state);
                let (best, constrained) = (confusion.$best(), confusion.$constrained());
                let feasible = constrained.ge(&constrained.scalar(self.$argument));
                Ok(feasible.select(&best, &best.full_like(0.0)).max([0]))
            }
        }
    };
}

at_constraint! {
    /// The best sensitivity (recall) at thresholds where the specificity is at least what is asked for. Keras's
    /// `SensitivityAtSpecificity`.
    SensitivityAtSpecificity("sensitivity_at_specificity") recall where
    /// The specificity that is asked for: which part of the targets of 0 is predicted as 0.
    specificity is specificity
}
at_constraint! {
    /// The best specificity at thresholds where the sensitivity (recall) is at least what is asked for. Keras's
    /// `SpecificityAtSensitivity`.
    SpecificityAtSensitivity("specificity_at_sensitivity") specificity where
    /// The sensitivity that is asked for: which part of the targets of 1 is predicted as 1.
    sensitivity is recall
}
at_constraint! {
    /// The best precision at thresholds where the recall is at least what is asked for. Keras's `PrecisionAtRecall`.
    PrecisionAtRecall("precision_at_recall") precision where
    /// The recall that is asked for: which part of the targets of 1 is predicted as 1.
    recall is recall
}
at_constraint! {
    /// The best recall at thresholds where the precision is at least what is asked for. Keras's `RecallAtPrecision`.
    RecallAtPrecision("recall_at_precision") recall where
    /// The precision that is asked for: which part of what is predicted as 1 is 1.
    precision is precision
}
