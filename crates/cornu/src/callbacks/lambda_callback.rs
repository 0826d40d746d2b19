//! A callback from closures.
use crate::callbacks::{Callback, Context};
use crate::training::Logs;
use cornu_graph::{Result, Tensor};

type Begin<'a> = Box<dyn FnMut(&mut Context) -> Result<()> + 'a>;
type End<'a> = Box<dyn FnMut(&mut Context, &Logs) -> Result<()> + 'a>;
type At<'a> = Box<dyn FnMut(&mut Context, usize) -> Result<()> + 'a>;
type AtEnd<'a> = Box<dyn FnMut(&mut Context, usize, &Logs) -> Result<()> + 'a>;
type EpochEnd<'a> = Box<dyn FnMut(&mut Context, usize, &mut Logs) -> Result<()> + 'a>;
type Outputs<'a> = Box<dyn FnMut(&mut Context, usize, &[Tensor]) -> Result<()> + 'a>;

/// A callback made of closures. Keras's `LambdaCallback`.
///
/// ```
/// use cornu::prelude::*;
/// let callback = LambdaCallback::new().on_epoch_end(|_, epoch, logs| {
///     println!("{epoch}: {:?}", logs.get("loss"));
///     Ok(())
/// });
/// # drop(callback);
/// ```
#[derive(Default)]
pub struct LambdaCallback<'a> {
    on_epoch_begin: Option<At<'a>>,
    on_epoch_end: Option<EpochEnd<'a>>,
    on_train_begin: Option<Begin<'a>>,
    on_train_end: Option<End<'a>>,
    on_train_batch_begin: Option<At<'a>>,
    on_train_batch_end: Option<AtEnd<'a>>,
    on_test_begin: Option<Begin<'a>>,
    on_test_end: Option<End<'a>>,
    on_test_batch_begin: Option<At<'a>>,
    on_test_batch_end: Option<AtEnd<'a>>,
    on_predict_begin: Option<Begin<'a>>,
    on_predict_end: Option<Begin<'a>>,
    on_predict_batch_begin: Option<At<'a>>,
    on_predict_batch_end: Option<Outputs<'a>>,
}

impl<'a> LambdaCallback<'a> {
    /// A callback that does nothing yet.
    pub fn new() -> LambdaCallback<'a> {
        LambdaCallback::default()
    }

    /// Before each epoch.
    pub fn on_epoch_begin(mut self, f: impl FnMut(&mut Context, usize) -> Result<()> + 'a) -> Self {
        self.on_epoch_begin = Some(Box::new(f));
        self
    }

    /// After each epoch. What is added to the logs goes to the callbacks that follow and to `History`.
    pub fn on_epoch_end(mut self, f: impl FnMut(&mut Context, usize, &mut Logs) -> Result<()> + 'a) -> Self {
        self.on_epoch_end = Some(Box::new(f));
        self
    }

    /// Before training.
    pub fn on_train_begin(mut self, f: impl FnMut(&mut Context) -> Result<()> + 'a) -> Self {
        self.on_train_begin = Some(Box::new(f));
        self
    }

    /// After training.
    pub fn on_train_end(mut self, f: impl FnMut(&mut Context, &Logs) -> Result<()> + 'a) -> Self {
        self.on_train_end = Some(Box::new(f));
        self
    }

    /// Before each training step.
    pub fn on_train_batch_begin(mut self, f: impl FnMut(&mut Context, usize) -> Result<()> + 'a) -> Self {
        self.on_train_batch_begin = Some(Box::new(f));
        self
    }

    /// After each training step.
    pub fn on_train_batch_end(
        mut self,
        f: impl FnMut(&mut Context, usize, &Logs) -> Result<()> + 'a,
    ) -> Self {
        self.on_train_batch_end = Some(Box::new(f));
        self
    }

    /// Before each evaluation or validation.
    pub fn on_test_begin(mut self, f: impl FnMut(&mut Context) -> Result<()> + 'a) -> Self {
        self.on_test_begin = Some(Box::new(f));
        self
    }

    /// After each evaluation or validation.
    pub fn on_test_end(mut self, f: impl FnMut(&mut Context, &Logs) -> Result<()> + 'a) -> Self {
        self.on_test_end = Some(Box::new(f));
        self
    }

    /// Before each batch of evaluation.
    pub fn on_test_batch_begin(mut self, f: impl FnMut(&mut Context, usize) -> Result<()> + 'a) -> Self {
        self.on_test_batch_begin = Some(Box::new(f));
        self
    }

    /// After each batch of evaluation.
    pub fn on_test_batch_end(mut self, f: impl FnMut(&mut Context, usize, &Logs) -> Result<()> + 'a) -> Self {
        self.on_test_batch_end = Some(Box::new(f));
        self
    }

    /// Before each prediction.
    pub fn on_predict_begin(mut self, f: impl FnMut(&mut Context) -> Result<()> + 'a) -> Self {
        self.on_predict_begin = Some(Box::new(f));
        self
    }

    /// After each prediction.
    pub fn on_predict_end(mut self, f: impl FnMut(&mut Context) -> Result<()> + 'a) -> Self {
        self.on_predict_end = Some(Box::new(f));
        self
    }

    /// Before each batch of prediction.
    pub fn on_predict_batch_begin(mut self, f: impl FnMut(&mut Context, usize) -> Result<()> + 'a) -> Self {
        self.on_predict_batch_begin = Some(Box::new(f));
        self
    }

    /// After each batch of prediction, with the outputs.
    pub fn on_predict_batch_end(
        mut self,
        f: impl FnMut(&mut Context, usize, &[Tensor]) -> Result<()> + 'a,
    ) -> Self {
        self.on_predict_batch_end = Some(Box::new(f));
        self
    }
}

impl Callback for LambdaCallback<'_> {
    fn watches_batches(&self) -> bool {
        self.on_train_batch_begin.is_some()
            || self.on_train_batch_end.is_some()
            || self.on_test_batch_begin.is_some()
            || self.on_test_batch_end.is_some()
            || self.on_predict_batch_begin.is_some()
            || self.on_predict_batch_end.is_some()
    }

    fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.on_train_begin.as_mut().map_or(Ok(()), |f| f(cx))
    }

    fn on_train_end(&mut self, cx: &mut Context, logs: &Logs) -> Result<()> {
        self.on_train_end.as_mut().map_or(Ok(()), |f| f(cx, logs))
    }

    fn on_epoch_begin(&mut self, cx: &mut Context, epoch: usize) -> Result<()> {
        self.on_epoch_begin.as_mut().map_or(Ok(()), |f| f(cx, epoch))
    }

    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.on_epoch_end.as_mut().map_or(Ok(()), |f| f(cx, epoch, logs))
    }

    fn on_train_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        self.on_train_batch_begin.as_mut().map_or(Ok(()), |f| f(cx, batch))
    }

    fn on_train_batch_end(&mut self, cx: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        self.on_train_batch_end.as_mut().map_or(Ok(()), |f| f(cx, batch, logs))
    }

    fn on_test_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.on_test_begin.as_mut().map_or(Ok(()), |f| f(cx))
    }

    fn on_test_end(&mut self, cx: &mut Context, logs: &Logs) -> Result<()> {
        self.on_test_end.as_mut().map_or(Ok(()), |f| f(cx, logs))
    }

    fn on_test_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        self.on_test_batch_begin.as_mut().map_or(Ok(()), |f| f(cx, batch))
    }

    fn on_test_batch_end(&mut self, cx: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        self.on_test_batch_end.as_mut().map_or(Ok(()), |f| f(cx, batch, logs))
    }

    fn on_predict_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.on_predict_begin.as_mut().map_or(Ok(()), |f| f(cx))
    }

    fn on_predict_end(&mut self, cx: &mut Context) -> Result<()> {
        self.on_predict_end.as_mut().map_or(Ok(()), |f| f(cx))
    }

    fn on_predict_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        self.on_predict_batch_begin.as_mut().map_or(Ok(()), |f| f(cx, batch))
    }

    fn on_predict_batch_end(&mut self, cx: &mut Context, batch: usize, outputs: &[Tensor]) -> Result<()> {
        self.on_predict_batch_end.as_mut().map_or(Ok(()), |f| f(cx, batch, outputs))
    }
}
