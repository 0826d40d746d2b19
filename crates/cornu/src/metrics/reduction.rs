//! Means and sums over samples.
use super::declare::{metric, shared_arguments};
use super::{MetricRule, zeros};
use crate::utils::numerical::same_rank;
use cornu_graph::{Result, Spec, Tensor, Value};

/// One number for each sample, weighted; and the weight of each. The axes after the first are reduced by `reduce`. Keras's
/// `reduce_to_samplewise_values`.
fn samplewise(
    values: &Value,
    sample_weight: Option<&Value>,
    reduce: impl Fn(&Value, Vec<i64>) -> Value,
) -> (Value, Option<Value>) {
    let from = |value: &Value, axis: usize| match value.rank() {
        rank if rank > axis => reduce(value, (axis as i64..rank as i64).collect()),
        _ => value.clone(),
    };
    let Some(weight) = sample_weight else { return (from(values, 1), None) };
    let (values, weight) = same_rank(values, &weight.cast(values.dtype()));
    let values = from(&values, weight.rank());
    let weight_rank = weight.rank();
    let weight = weight.broadcast_to(values.shape());
    let weighted = from(&(values * &weight), 1);
    (weighted, Some(if weight_rank > 1 { from(&weight, 1) } else { weight }))
}

/// Adds values to a running mean.
pub(super) fn update_mean(state: &[Value], values: &Value, sample_weight: Option<&Value>) -> Vec<Value> {
    let values = values.cast(state[0].dtype());
    let (values, weight) = samplewise(&values, sample_weight, |v, axes| v.mean(axes));
    let count = match weight {
        Some(weight) => weight.sum(weight.all_axes()),
        None => values.scalar(values.shape().first().copied().unwrap_or(1) as f64),
    };
    vec![&state[0] + values.sum(values.all_axes()), &state[1] + count]
}

metric! {
    /// The mean of the predictions, whatever the targets. Keras's `Mean`, whose `values` are the predictions here.
    pub struct Mean("mean") {}
    mean |self, _y_true, y_pred| y_pred.clone()
}

metric! {
    /// The sum of the predictions, whatever the targets. Keras's `Sum`, whose `values` are the predictions here.
    pub struct Sum("sum") {}
}

impl MetricRule for Sum {
    shared_arguments!();

    fn state(&self, _: &Spec, _: &Spec) -> Result<Vec<(String, Tensor)>> {
        zeros(self.dtype()?, &[("total", &[])])
    }

    fn update_state(
        &self,
        state: &[Value],
        _: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let (values, _) = samplewise(&y_pred.cast(state[0].dtype()), sample_weight, |v, axes| v.sum(axes));
        Ok(vec![&state[0] + values.sum(values.all_axes())])
    }

    fn result(&self, state: &[Value]) -> Result<Value> {
        Ok(state[0].clone())
    }
}
