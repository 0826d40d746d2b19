//! Numbers of right and wrong decisions.
use super::confusion::Counting;
use super::declare::{metric, shared_arguments};
use super::thresholds::{Thresholds, single, thresholds};
use super::{MetricRule, zeros};
use cornu_graph::{DType, Result, Spec, Tensor, Value};

macro_rules! count {
    ($(#[$doc:meta])* $Count:ident($name:literal) $which:ident) => {
        metric! {
            $(#[$doc])*
            pub struct $Count($name) {
                /// Predictions above it are positive; 0.5 by default.
                #[default(None)]
                pub thresholds: Option<Thresholds>,
            }
        }

        impl MetricRule for $Count {
            shared_arguments!();

            fn state(&self, _: &Spec, _: &Spec) -> Result<Vec<(String, Tensor)>> {
                zeros(DType::F32, &[("accumulator", &[thresholds(&self.thresholds, 0.5)?.len()])])
            }

            fn update_state(
                &self,
                state: &[Value],
                y_true: &Value,
                y_pred: &Value,
                sample_weight: Option<&Value>,
            ) -> Result<Vec<Value>> {
                let thresholds = thresholds(&self.thresholds, 0.5)?;
                let counting = Counting { thresholds: &thresholds, ..Counting::default() };
                Ok(vec![&state[0] + counting.count(y_true, y_pred, sample_weight)?.$which])
            }

            fn result(&self, state: &[Value]) -> Result<Value> {
                Ok(single(&state[0]))
            }
        }
    };
}

count! {
    /// How many targets of 1 are predicted. Keras's `TruePositives`.
    TruePositives("true_positives") true_positives
}
count! {
    /// How many targets of 0 are predicted as 0. Keras's `TrueNegatives`.
    TrueNegatives("true_negatives") true_negatives
}
count! {
    /// How many targets of 0 are predicted as 1. Keras's `FalsePositives`.
    FalsePositives("false_positives") false_positives
}
count! {
    /// How many targets of 1 are predicted as 0. Keras's `FalseNegatives`.
    FalseNegatives("false_negatives") false_negatives
}
