//! The calls for a single batch.
use crate::models::Model;
use crate::ops::run;
use crate::training::class_weight::class_weights;
use crate::training::data::{Data, SampleWeight, Samples};
use crate::training::evaluate::one;
use crate::training::history::Logs;
use crate::training::step::Phase;
use cornu_graph::{Result, Tensor};

impl Model {
    /// The output for one batch, whole. The fast way to ask a model.
    ///
    /// # Errors
    /// When the data does not fit the model, or the model has several outputs.
    pub fn predict_on_batch(&mut self, x: impl Into<Data>) -> Result<Tensor> {
        one(self.predict_many_on_batch(x)?)
    }

    /// [`Model::predict_on_batch`] for a model with several outputs.
    ///
    /// # Errors
    /// When the data does not fit the model.
    pub fn predict_many_on_batch(&mut self, x: impl Into<Data>) -> Result<Vec<Tensor>> {
        self.trainer.check()?;
        let batches = self.batches(x.into(), None, None)?;
        let Samples { tensors, count } = &batches.samples;
        self.with_program(batches.step_spec(Phase::Predict, *count), |program| {
            program.batch.clone_from_slice(tensors);
            program.run()?;
            Ok(program.outputs.clone())
        })
    }

    /// One step of training on one batch; loss and metrics since the last [`Model::reset_metrics`].
    ///
    /// # Errors
    /// When the model is not compiled, or the data does not fit it.
    pub fn train_on_batch(&mut self, x: impl Into<Data>, y: impl Into<Data>) -> Result<Logs> {
        self.on_batch(Phase::Train, x.into(), y.into(), None)
    }

    /// [`Model::train_on_batch`] with a weight for each sample.
    ///
    /// # Errors
    /// When the model is not compiled, or the data does not fit it.
    pub fn train_on_weighted_batch(
        &mut self,
        x: impl Into<Data>,
        y: impl Into<Data>,
        sample_weight: impl Into<SampleWeight>,
    ) -> Result<Logs> {
        self.on_batch(Phase::Train, x.into(), y.into(), Some(sample_weight.into()))
    }

    /// Loss and metrics of one batch, since the last [`Model::reset_metrics`].
    ///
    /// # Errors
    /// When the model is not compiled, or the data does not fit it.
    pub fn test_on_batch(&mut self, x: impl Into<Data>, y: impl Into<Data>) -> Result<Logs> {
        self.on_batch(Phase::Test, x.into(), y.into(), None)
    }

    /// [`Model::train_on_batch`] with a weight for each class, as [`Fit::class_weight`](super::Fit::class_weight).
    ///
    /// # Errors
    /// When the model is not compiled or has several outputs, or the data does not fit it.
    pub fn train_on_class_weighted_batch(
        &mut self,
        x: impl Into<Data>,
        y: impl Into<Data>,
        class_weight: impl IntoIterator<Item = (i64, f64)>,
    ) -> Result<Logs> {
        let y = y.into();
        let weight = class_weights(&y, &class_weight.into_iter().collect())?;
        self.on_batch(Phase::Train, x.into(), y, Some(weight))
    }

    /// [`Model::test_on_batch`] with a weight for each sample.
    ///
    /// # Errors
    /// When the model is not compiled, or the data does not fit it.
    pub fn test_on_weighted_batch(
        &mut self,
        x: impl Into<Data>,
        y: impl Into<Data>,
        sample_weight: impl Into<SampleWeight>,
    ) -> Result<Logs> {
        self.on_batch(Phase::Test, x.into(), y.into(), Some(sample_weight.into()))
    }

    fn on_batch(&mut self, phase: Phase, x: Data, y: Data, weight: Option<SampleWeight>) -> Result<Logs> {
        self.trainer.check()?;
        let batches = self.batches(x, Some(y), weight)?;
        let Samples { tensors, count } = &batches.samples;
        self.with_program(batches.step_spec(phase, *count), |program| {
            program.batch.clone_from_slice(tensors);
            program.run()?;
            let mut logs = Logs::new();
            program.read_logs(&mut logs)?;
            Ok(logs)
        })
    }

    /// Loss and metrics since the last [`Model::reset_metrics`] or the start of the last epoch, by name in Keras's order.
    ///
    /// # Errors
    /// When the model was not trained or evaluated since it was compiled, or the device fails.
    pub fn get_metrics_result(&self) -> Result<Logs> {
        let ready = self.trainer.ready()?;
        let mut results = vec![];
        for mean in &ready.loss_means {
            let (total, count) = (mean.total.value()?.item()?, mean.count.value()?.item()?);
            results.push((&mean.name, Tensor::scalar(if count == 0.0 { 0.0 } else { total / count })));
        }
        for m in &ready.metrics {
            let state = m.state.iter().map(|v| v.value()).collect::<Result<Vec<_>>>()?;
            let result = run(&state, |_, state| Ok(vec![m.metric.result(state)?]))?.remove(0);
            results.push((&m.name, result));
        }
        results.sort_by_key(|(name, _)| *name);
        let mut logs = Logs::new();
        results.iter().try_for_each(|(name, value)| logs.set_tensor(name, value))?;
        Ok(logs)
    }

    /// Starts the means of loss and metrics over.
    ///
    /// # Errors
    /// When the device fails.
    pub fn reset_metrics(&mut self) -> Result<()> {
        self.trainer.ready.as_ref().map_or(Ok(()), |ready| self.trainer.reset(ready))
    }
}
