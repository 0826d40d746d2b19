//! A model's own steps within `fit` and `evaluate`: what overriding Keras's `train_step` and `test_step` is for.
use super::{Given, OfModel, State, StepContext, reported};
use crate::layers::Trace;
use crate::models::Model;
use crate::training::step::Phase;
use cornu_graph::{Result, Tensor, Value};
use std::fmt;

type Body = dyn Fn(&StepContext, &[Value]) -> Result<Vec<(&'static str, Value)>> + Send + Sync;

/// What is done with a batch instead of what `compile` says.
pub(crate) struct OwnStep {
    body: Box<Body>,
    state: State,
}

impl OwnStep {
    /// Traces the step on inputs, targets and sample weights; what it reports.
    pub fn trace(&self, trace: &Trace, model: OfModel, batch: &[Value]) -> Result<Given> {
        reported((self.body)(&StepContext::new(trace, &self.state, Some(model)), batch)?)
    }

    /// Sets means back, as at the start of an epoch.
    pub fn reset(&self) -> Result<()> {
        let zero = Tensor::scalar(0f32);
        let means = self.state.means.borrow();
        means.iter().try_for_each(|m| m.total.assign(&zero).and_then(|()| m.count.assign(&zero)))
    }
}

impl fmt::Debug for OwnStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnStep").finish_non_exhaustive()
    }
}

impl Model {
    /// Lets `fit` and `train_on_batch` do this with each batch, instead of minimizing the losses of `compile`; epochs, callbacks,
    /// validation and progress stay theirs. Keras's `train_step`, overridden.
    ///
    /// The closure gets the arrays of a batch: inputs, targets, then sample weights, as many as there are. What it returns are the
    /// scalars that logs and history show, those of the last batch in an epoch unless they are means
    /// ([`StepContext::mean`]). It is no part of what is saved.
    ///
    /// ```
    /// use cornu::prelude::*;
    ///
    /// let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(1));
    /// model.set_train_step(|cx, batch| {
    ///     let y = cx.call(cx.model()?, &batch[0], true)?;
    ///     let loss = ops::mean(&ops::square(y - &batch[1]), None, false);
    ///     cx.optimize(&loss)?;
    ///     Ok(vec![("loss", cx.mean("loss", &loss)?)])
    /// });
    /// model.compile(Compile::new(SGD::new().learning_rate(0.1), ()))?;
    /// let (x, y) = (Tensor::from([[0f32, 1.0], [1.0, 0.0]]), Tensor::from([[2f32], [3.0]]));
    /// let history = model.fit(&x, &y, Fit::new().epochs(20).verbose(0))?;
    /// assert!(history.last("loss") < Some(history.get("loss")[0]));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn set_train_step(
        &mut self,
        step: impl Fn(&StepContext, &[Value]) -> Result<Vec<(&'static str, Value)>> + Send + Sync + 'static,
    ) {
        self.set_own(Phase::Train, Box::new(step));
    }

    /// Lets `evaluate`, `test_on_batch` and validation do this with each batch, instead of losses and metrics of `compile`: as
    /// [`Model::set_train_step`]. Keras's `test_step`, overridden.
    pub fn set_test_step(
        &mut self,
        step: impl Fn(&StepContext, &[Value]) -> Result<Vec<(&'static str, Value)>> + Send + Sync + 'static,
    ) {
        self.set_own(Phase::Test, Box::new(step));
    }

    fn set_own(&mut self, phase: Phase, body: Box<Body>) {
        self.trainer.programs.clear();
        self.trainer.own.insert(phase, OwnStep { body, state: State::new() });
    }
}
