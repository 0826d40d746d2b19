//! Metrics of arrays, outside of models.
use super::Metric;
use crate::ops::run;
use cornu_graph::{Result, Spec, Tensor, Value};

/// A metric with its state: what a metric object of Keras is outside of a model.
///
/// ```
/// use cornu::metrics::{AUC, Meter};
/// use cornu::prelude::*;
///
/// let mut auc = Meter::new(AUC::new());
/// auc.update_state(&Tensor::from([0f32, 0.0, 1.0, 1.0]), &Tensor::from([0f32, 0.5, 0.3, 0.9]))?;
/// assert!((auc.result()?.item()? - 0.75).abs() < 1e-6);
/// auc.reset_state();
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Meter {
    metric: Metric,
    /// None before the first batch.
    state: Option<Vec<Tensor>>,
}

impl Meter {
    /// A metric, by name or as an object, that has seen nothing.
    pub fn new(metric: impl Into<Metric>) -> Meter {
        Meter { metric: metric.into(), state: None }
    }

    /// Gathers a batch. [`Mean`](super::Mean) and [`Sum`](super::Sum) are those of the second argument.
    ///
    /// # Errors
    /// When the metric is unknown, an argument of it makes no sense, or the arrays do not fit it.
    pub fn update_state(&mut self, y_true: &Tensor, y_pred: &Tensor) -> Result<()> {
        self.update(y_true, y_pred, None)
    }

    /// [`Meter::update_state`] with a weight for each sample.
    ///
    /// # Errors
    /// As [`Meter::update_state`].
    pub fn update_weighted_state(
        &mut self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: &Tensor,
    ) -> Result<()> {
        self.update(y_true, y_pred, Some(sample_weight))
    }

    fn update(&mut self, y_true: &Tensor, y_pred: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        let state = match &self.state {
            Some(state) => state.clone(),
            None => self.start(&spec(y_true), &spec(y_pred))?,
        };
        let count = state.len();
        let mut tensors = state;
        tensors.extend([y_true, y_pred].into_iter().chain(sample_weight).cloned());
        let next = run(&tensors, |_, values: &[Value]| {
            let (state, batch) = values.split_at(count);
            self.metric.update_state(state, &batch[0], &batch[1], batch.get(2))
        })?;
        self.state = Some(next);
        Ok(())
    }

    /// The metric of all batches so far: a number, or several. Before the first batch, that of one sample of no weight, which
    /// is 0 for most.
    ///
    /// # Errors
    /// When the metric is unknown, an argument of it makes no sense, or it needs the shape of a batch to begin.
    pub fn result(&self) -> Result<Tensor> {
        let state = match &self.state {
            Some(state) => state.clone(),
            None => {
                let nothing = Spec::new(cornu_graph::DType::F32, [1, 1]);
                self.start(&nothing, &nothing)?
            }
        };
        Ok(run(&state, |_, state| Ok(vec![self.metric.result(state)?]))?.remove(0))
    }

    /// Forgets all batches.
    pub fn reset_state(&mut self) {
        self.state = None;
    }

    /// Name in logs.
    pub fn name(&self) -> String {
        self.metric.name()
    }

    fn start(&self, y_true: &Spec, y_pred: &Spec) -> Result<Vec<Tensor>> {
        self.metric.check()?;
        Ok(self.metric.state(y_true, y_pred)?.into_iter().map(|(_, value)| value).collect())
    }
}

fn spec(tensor: &Tensor) -> Spec {
    Spec::new(tensor.dtype(), tensor.shape())
}
