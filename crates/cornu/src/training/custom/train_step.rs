//! What Keras's `train_step` is for, outside of `fit`.
use super::{StepContext, Traced, reported};
use crate::training::data::Data;
use crate::training::history::Logs;
use cornu_graph::{Result, Value};
use std::fmt;

/// A step of training written by hand, compiled once for each shape of batch.
///
/// The closure is traced like the `call` of a layer: it gets the arrays of a batch as [`Value`]s, calls models, computes
/// losses, and says which weights follow which loss. What it returns are the scalars to report. Models take part as layers
/// ([`Model::as_layer`](crate::models::Model::as_layer)), which share the model's weights. For epochs, callbacks and validation
/// there is [`Model::set_train_step`](crate::models::Model::set_train_step).
///
/// ```
/// use cornu::prelude::*;
///
/// let model = Sequential::new().add(Input::new([1])).add(Dense::new(1));
/// let line = model.as_layer()?;
/// let mut step = TrainStep::new(move |cx, batch| {
///     let y = cx.call(&line, &batch[0], true)?;
///     let loss = ops::mean(&ops::square(&y - &batch[1]), None, false);
///     cx.minimize(&loss, &line, &SGD::new().learning_rate(0.1).into())?;
///     Ok(vec![("loss", loss)])
/// });
/// let x = Tensor::new([3, 1], vec![0f32, 1.0, 2.0])?;
/// let y = Tensor::new([3, 1], vec![1f32, 3.0, 5.0])?;
/// let first = step.run([&x, &y])?.get("loss");
/// for _ in 0..100 {
///     step.run([&x, &y])?;
/// }
/// assert!(step.run([&x, &y])?.get("loss") < first);
/// # Ok::<(), cornu::Error>(())
/// ```
pub struct TrainStep<'a>(Traced<'a>);

impl<'a> TrainStep<'a> {
    /// A step that does what `body` says.
    pub fn new(
        body: impl Fn(&StepContext, &[Value]) -> Result<Vec<(&'static str, Value)>> + 'a,
    ) -> TrainStep<'a> {
        TrainStep(Traced::new(move |cx, batch| reported(body(cx, batch)?)))
    }

    /// Does one step on the arrays of a batch, in the order in which the closure takes them; what the closure reports.
    ///
    /// # Errors
    /// What went wrong in the closure: weights are as before the step then. Or on the device, of which some engines then lose
    /// them, and say so.
    pub fn run(&mut self, batch: impl Into<Data>) -> Result<Logs> {
        let mut logs = Logs::new();
        self.0.run(&batch.into())?.read_logs(&mut logs)?;
        Ok(logs)
    }
}

impl fmt::Debug for TrainStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrainStep").field(&self.0).finish()
    }
}
