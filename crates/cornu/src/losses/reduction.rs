//! From the losses of samples to one number.
use crate::arguments::keyword;
use crate::utils::numerical::{divide_no_nan, same_rank};
use cornu_graph::Value;

keyword! {
    /// Keras's `reduction`.
    Reduction as "reduction" or Reduction::None => {
        /// The sum divided by the number of losses.
        SumOverBatchSize "sum_over_batch_size",
        /// The sum.
        Sum "sum",
        /// The same as [`Reduction::SumOverBatchSize`].
        Mean "mean",
        /// The sum divided by the sum of the weights.
        MeanWithSampleWeight "mean_with_sample_weight",
        /// The losses as they are.
        None "none",
    }
}

impl Reduction {
    fn divides_by_count(&self) -> bool {
        matches!(self, Reduction::SumOverBatchSize | Reduction::Mean)
    }

    /// Weighs and reduces. A mask leaves losses out; a mean is over the others.
    pub(super) fn reduce(
        &self,
        losses: &Value,
        sample_weight: Option<&Value>,
        mask: Option<&Value>,
    ) -> Value {
        let weight = sample_weight.map(|w| w.cast(losses.dtype()));
        let weight = match mask {
            None => weight,
            Some(mask) => {
                let mut mask = mask.cast(losses.dtype());
                if self.divides_by_count() {
                    let count: usize = mask.shape().iter().product();
                    let valid = mask.sum(mask.all_axes());
                    mask = mask * divide_no_nan(&valid.scalar(count as f64), &valid);
                }
                Some(merge_mask(weight.as_ref(), &mask))
            }
        };
        let (losses, weight) = match weight {
            None => (losses.clone(), None),
            Some(weight) => {
                let (losses, weight) = same_rank(losses, &weight);
                (losses * &weight, Some(weight))
            }
        };
        if *self == Reduction::None || losses.rank() == 0 {
            return losses;
        }
        let sum = losses.sum(losses.all_axes());
        match (self, weight) {
            (Reduction::Sum, _) => sum,
            (Reduction::MeanWithSampleWeight, Some(weight)) => {
                divide_no_nan(&sum, &weight.sum(weight.all_axes()))
            }
            _ => {
                let count: usize = losses.shape().iter().product();
                if count == 0 { sum } else { sum / count as f64 }
            }
        }
    }
}

/// Weights of which only those under the mask are left.
pub(crate) fn merge_mask(sample_weight: Option<&Value>, mask: &Value) -> Value {
    match sample_weight {
        None => mask.clone(),
        Some(weight) => {
            let (mask, weight) = same_rank(mask, &weight.cast(mask.dtype()));
            weight * mask
        }
    }
}
