//! From the losses of samples to one number.
use crate::arguments::keyword;
use cornu_graph::{Result, Value};

keyword! {
    /// Keras's `reduction`.
    Reduction as "reduction" {
        /// The sum divided by the number of losses.
        SumOverBatchSize "sum_over_batch_size",
        /// The sum.
        Sum "sum",
        /// The mean.
        Mean "mean",
        /// The sum divided by the sum of the weights.
        MeanWithSampleWeight "mean_with_sample_weight",
        /// The losses as they are.
        None "none",
    }
}

impl Default for Reduction {
    fn default() -> Self {
        Reduction::SumOverBatchSize
    }
}

impl Reduction {
    /// Weighs and reduces. A mask leaves samples out and makes the others count as if they were all.
    ///
    /// # Errors
    /// When the word given is none.
    pub(super) fn reduce(
        &self,
        losses: &Value,
        sample_weight: Option<&Value>,
        mask: Option<&Value>,
    ) -> Result<Value> {
        self.check()?;
        let mut weight = sample_weight.map(|w| w.cast(losses.dtype()));
        if let Some(mask) = mask {
            let mask = mask.cast(losses.dtype());
            if *self == Reduction::SumOverBatchSize
                || *self == Reduction::MeanWithSampleWeight
                || *self == Reduction::Mean
            {
                let count: usize = mask.shape().iter().product();
                let valid = mask.sum(mask.all_axes());
                let scale = valid.scalar(count as f64) / (&valid + 1e-7);
                let mask = mask * scale;
                weight = Some(weight.map_or_else(|| mask.clone(), |w| join(&w, &mask)));
            } else {
                weight = Some(weight.map_or_else(|| mask.clone(), |w| join(&w, &mask)));
            }
        }
        let weighted = match &weight {
            Some(weight) => join(losses, weight),
            None => losses.clone(),
        };
        let axes = weighted.all_axes();
        let count: usize = weighted.shape().iter().product();
        Ok(match self {
            Reduction::None => weighted,
            Reduction::Sum => weighted.sum(axes),
            Reduction::MeanWithSampleWeight => match &weight {
                Some(weight) => {
                    let spread = join(&losses.full_like(1.0), weight);
                    weighted.sum(&axes) / (spread.sum(axes) + 1e-7)
                }
                None => weighted.sum(axes) * (1.0 / count as f64),
            },
            _ => weighted.sum(axes) * (1.0 / count as f64),
        })
    }
}

/// The product of losses and weights, whose last axes may be missing.
fn join(a: &Value, b: &Value) -> Value {
    let (mut a, mut b) = (a.clone(), b.clone());
    while a.rank() < b.rank() {
        a = a.expand_dims(-1);
    }
    while b.rank() < a.rank() {
        b = b.expand_dims(-1);
    }
    a * b
}
