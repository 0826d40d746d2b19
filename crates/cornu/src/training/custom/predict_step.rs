//! What Keras's `predict_step` is for.
use super::{StepContext, Traced};
use crate::training::data::Data;
use cornu_graph::{Result, Tensor, Value};
use std::fmt;

/// What is to be known of models, computed by code of one's own and compiled once for each shape of batch: parts of several
/// models, what layers give on the way, gradients for inputs.
///
/// The closure is traced like that of a [`TrainStep`](super::TrainStep); what it returns comes back as tensors.
///
/// ```
/// use cornu::prelude::*;
///
/// let model = Sequential::new()
///     .add(Input::new([2]))
///     .add(Dense::new(1).use_bias(false).kernel_initializer("ones"));
/// let layer = model.as_layer()?;
/// // The square of the output, and how it changes with each input.
/// let mut slopes = PredictStep::new(|cx, batch| {
///     let y = ops::square(&cx.call(&layer, &batch[0], false)?);
///     let mut results = cx.value_gradients(&ops::sum(&y, None, false), &[&batch[0]])?;
///     results.push(y);
///     Ok(results)
/// });
/// let x = Tensor::new([1, 2], vec![1f32, 2.0])?;
/// let results = slopes.run([&x])?;
/// assert_eq!(results[0].to_f64(), [6.0, 6.0]);
/// assert_eq!(results[1].to_f64(), [9.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub struct PredictStep<'a>(Traced<'a>);

impl<'a> PredictStep<'a> {
    /// A step that computes what `body` says.
    pub fn new(body: impl Fn(&StepContext, &[Value]) -> Result<Vec<Value>> + 'a) -> PredictStep<'a> {
        PredictStep(Traced::new(move |cx, batch| Ok((vec![], body(cx, batch)?))))
    }

    /// What the closure computes from the arrays of a batch, in the order in which it takes them.
    ///
    /// # Errors
    /// What went wrong in the closure, or on the device.
    pub fn run(&mut self, batch: impl Into<Data>) -> Result<Vec<Tensor>> {
        Ok(self.0.run(&batch.into())?.outputs.clone())
    }
}

impl fmt::Debug for PredictStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PredictStep").field(&self.0).finish()
    }
}
