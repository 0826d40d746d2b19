//! Precision and recall.
use super::confusion::{Counting, NEG_INF};
use super::declare::{metric, shared_arguments};
use super::thresholds::{Thresholds, single, thresholds};
use super::{MetricRule, zeros};
use crate::utils::numerical::divide_no_nan;
use cornu_graph::{DType, Result, Spec, Tensor, Value};

macro_rules! ratio {
    ($(#[$doc:meta])* $Ratio:ident($name:literal) of true_positives and $wrong:ident) => {
        metric! {
            $(#[$doc])*
            pub struct $Ratio($name) {
                /// Predictions above it are positive; 0.5 by default, and with `top_k` none.
                #[default(None)]
                pub thresholds: Option<Thresholds>,
                /// Only so many of the largest predictions of a sample can be positive.
                #[default(None)]
                pub top_k: Option<usize>,
                /// Only this class counts.
                #[default(None)]
                pub class_id: Option<usize>,
            }
        }

        impl $Ratio {
            fn thresholds_in_use(&self) -> Result<Vec<f64>> {
                thresholds(&self.thresholds, if self.top_k.is_some() { NEG_INF } else { 0.5 })
            }
        }

        impl MetricRule for $Ratio {
            shared_arguments!(Up);

            fn state(&self, _: &Spec, _: &Spec) -> Result<Vec<(String, Tensor)>> {
                let shape = [self.thresholds_in_use()?.len()];
                zeros(DType::F32, &[("true_positives", &shape), (stringify!($wrong), &shape)])
            }

            fn update_state(
                &self,
                state: &[Value],
                y_true: &Value,
                y_pred: &Value,
                sample_weight: Option<&Value>,
            ) -> Result<Vec<Value>> {
                let thresholds = self.thresholds_in_use()?;
                let (top_k, class_id) = (self.top_k, self.class_id);
                let counting = Counting { thresholds: &thresholds, top_k, class_id, ..Counting::default() };
                let counts = counting.count(y_true, y_pred, sample_weight)?;
                Ok(vec![&state[0] + counts.true_positives, &state[1] + counts.$wrong])
            }

            fn result(&self, state: &[Value]) -> Result<Value> {
                Ok(single(&divide_no_nan(&state[0], &(&state[0] + &state[1]))))
            }
        }
    };
}

ratio! {
    /// Which part of what is predicted as 1 is 1. Keras's `Precision`.
    Precision("precision") of true_positives and false_positives
}
ratio! {
    /// Which part of the targets of 1 is predicted as 1. Keras's `Recall`.
    Recall("recall") of true_positives and false_negatives
}
