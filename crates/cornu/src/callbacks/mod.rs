//! Callbacks: user code that runs along with training.
mod backup_and_restore;
mod csv_logger;
mod early_stopping;
mod event_file;
mod filepath;
mod lambda_callback;
mod learning_rate_scheduler;
mod model_checkpoint;
mod monitor;
mod rates;
mod reduce_lr_on_plateau;
mod remote_monitor;
mod save_freq;
mod saved;
mod swap_ema_weights;
mod tensorboard;
mod terminate_on_nan;

pub use backup_and_restore::BackupAndRestore;
pub use csv_logger::CSVLogger;
pub use early_stopping::EarlyStopping;
pub use lambda_callback::LambdaCallback;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use model_checkpoint::ModelCheckpoint;
pub use monitor::Mode;
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use remote_monitor::RemoteMonitor;
pub use save_freq::SaveFreq;
pub use saved::from_saved;
pub use swap_ema_weights::SwapEMAWeights;
pub use tensorboard::{EmbeddingsMetadata, TensorBoard, UpdateFreq};
pub use terminate_on_nan::TerminateOnNaN;

use crate::models::Model;
use crate::training::Logs;
use cornu_graph::{Result, Tensor};

/// What a callback can do to the model that is running.
pub struct Context<'a> {
    model: &'a mut Model,
    steps: Option<usize>,
}

impl Context<'_> {
    /// The model: its weights, its learning rate, whatever a callback looks at or changes.
    pub fn model(&mut self) -> &mut Model {
        self.model
    }

    /// Ends training after this step or epoch.
    pub fn stop_training(&mut self) {
        self.model.trainer.stop_training = true;
    }

    /// Ends the evaluation or validation that is running after this batch. Keras's attribute `stop_evaluating`.
    pub fn stop_evaluating(&mut self) {
        self.model.trainer.stop_evaluating = true;
    }

    /// Ends the prediction that is running after this batch. Keras's attribute `stop_predicting`.
    pub fn stop_predicting(&mut self) {
        self.model.trainer.stop_predicting = true;
    }

    /// Whether training ends after this step or epoch.
    pub fn stops(&self) -> bool {
        self.model.trainer.stop_training
    }

    /// The epoch that `fit` ends before.
    pub fn epochs(&self) -> usize {
        self.model.trainer.epochs
    }

    /// How many batches an epoch of this call has, or the evaluation or prediction, if that is known: `steps` of Keras's `params`.
    pub fn steps(&self) -> Option<usize> {
        self.steps
    }

    /// Lets `fit` begin with another epoch than it was told; before the first.
    pub fn start_at(&mut self, epoch: usize) {
        self.model.trainer.initial_epoch = Some(epoch);
    }
}

/// Code that runs at the stations of training. Every method does nothing by default.
///
/// Keras's `keras.callbacks.Callback`, with the model in the [`Context`].
#[allow(unused_variables)]
pub trait Callback {
    /// Whether the `batch` methods are of interest. Where no callback's are, whole epochs run without a stop.
    fn watches_batches(&self) -> bool {
        true
    }

    /// Before the first epoch.
    ///
    /// # Errors
    /// Ends `fit` with this error, as every other method's does.
    fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
        Ok(())
    }

    /// After the last epoch, with its logs.
    ///
    /// # Errors
    /// Ends `fit`.
    fn on_train_end(&mut self, cx: &mut Context, logs: &Logs) -> Result<()> {
        Ok(())
    }

    /// Before an epoch, counted from 0.
    ///
    /// # Errors
    /// Ends `fit`.
    fn on_epoch_begin(&mut self, cx: &mut Context, epoch: usize) -> Result<()> {
        Ok(())
    }

    /// After an epoch and its validation. What is added to `logs` goes to the callbacks that follow and to `History`.
    ///
    /// # Errors
    /// Ends `fit`.
    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        Ok(())
    }

    /// Before a training step, counted from 0 in each epoch.
    ///
    /// # Errors
    /// Ends `fit`.
    fn on_train_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        Ok(())
    }

    /// After a training step, with the means since the start of the epoch.
    ///
    /// # Errors
    /// Ends `fit`.
    fn on_train_batch_end(&mut self, cx: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        Ok(())
    }

    /// Before an evaluation or validation.
    ///
    /// # Errors
    /// Ends the call.
    fn on_test_begin(&mut self, cx: &mut Context) -> Result<()> {
        Ok(())
    }

    /// After an evaluation or validation.
    ///
    /// # Errors
    /// Ends the call.
    fn on_test_end(&mut self, cx: &mut Context, logs: &Logs) -> Result<()> {
        Ok(())
    }

    /// Before a batch of evaluation.
    ///
    /// # Errors
    /// Ends the call.
    fn on_test_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        Ok(())
    }

    /// After a batch of evaluation.
    ///
    /// # Errors
    /// Ends the call.
    fn on_test_batch_end(&mut self, cx: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        Ok(())
    }

    /// Before a prediction.
    ///
    /// # Errors
    /// Ends the call.
    fn on_predict_begin(&mut self, cx: &mut Context) -> Result<()> {
        Ok(())
    }

    /// After a prediction.
    ///
    /// # Errors
    /// Ends the call.
    fn on_predict_end(&mut self, cx: &mut Context) -> Result<()> {
        Ok(())
    }

    /// Before a batch of prediction.
    ///
    /// # Errors
    /// Ends the call.
    fn on_predict_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        Ok(())
    }

    /// After a batch of prediction, with the outputs of the model.
    ///
    /// # Errors
    /// Ends the call.
    fn on_predict_batch_end(&mut self, cx: &mut Context, batch: usize, outputs: &[Tensor]) -> Result<()> {
        Ok(())
    }
}

/// A borrowed callback, to look at after training.
macro_rules! forward {
    ($($f:ident($($arg:ident: $t:ty),*);)*) => {
        impl<C: Callback + ?Sized> Callback for &mut C {
            fn watches_batches(&self) -> bool {
                (**self).watches_batches()
            }
            $(fn $f(&mut self, cx: &mut Context $(, $arg: $t)*) -> Result<()> {
                (**self).$f(cx $(, $arg)*)
            })*
        }
        impl<C: Callback + ?Sized> Callback for Box<C> {
            fn watches_batches(&self) -> bool {
                (**self).watches_batches()
            }
            $(fn $f(&mut self, cx: &mut Context $(, $arg: $t)*) -> Result<()> {
                (**self).$f(cx $(, $arg)*)
            })*
        }
    };
}
forward! {
    on_train_begin();
    on_train_end(logs: &Logs);
    on_epoch_begin(epoch: usize);
    on_epoch_end(epoch: usize, logs: &mut Logs);
    on_train_batch_begin(batch: usize);
    on_train_batch_end(batch: usize, logs: &Logs);
    on_test_begin();
    on_test_end(logs: &Logs);
    on_test_batch_begin(batch: usize);
    on_test_batch_end(batch: usize, logs: &Logs);
    on_predict_begin();
    on_predict_end();
    on_predict_batch_begin(batch: usize);
    on_predict_batch_end(batch: usize, outputs: &[Tensor]);
}

/// Which call is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Train,
    Test,
    Predict,
}

/// The callbacks of one call, in order.
pub(crate) struct Callbacks<'a> {
    list: Vec<Box<dyn Callback + 'a>>,
    /// The number of batches, if it is known.
    steps: Option<usize>,
}

impl<'a> Callbacks<'a> {
    pub fn new(list: Vec<Box<dyn Callback + 'a>>, steps: Option<usize>) -> Callbacks<'a> {
        Callbacks { list, steps }
    }

    pub fn watch_batches(&self) -> bool {
        self.list.iter().any(|c| c.watches_batches())
    }

    fn each(
        &mut self,
        model: &mut Model,
        mut f: impl FnMut(&mut (dyn Callback + 'a), &mut Context) -> Result<()>,
    ) -> Result<()> {
        let mut cx = Context { model, steps: self.steps };
        self.list.iter_mut().try_for_each(|c| f(&mut **c, &mut cx))
    }

    pub fn begin(&mut self, model: &mut Model, stage: Stage) -> Result<()> {
        self.each(model, |c, cx| match stage {
            Stage::Train => c.on_train_begin(cx),
            Stage::Test => c.on_test_begin(cx),
            Stage::Predict => c.on_predict_begin(cx),
        })
    }

    pub fn end(&mut self, model: &mut Model, stage: Stage, logs: &Logs) -> Result<()> {
        self.each(model, |c, cx| match stage {
            Stage::Train => c.on_train_end(cx, logs),
            Stage::Test => c.on_test_end(cx, logs),
            Stage::Predict => c.on_predict_end(cx),
        })
    }

    pub fn epoch_begin(&mut self, model: &mut Model, epoch: usize) -> Result<()> {
        self.each(model, |c, cx| c.on_epoch_begin(cx, epoch))
    }

    pub fn epoch_end(&mut self, model: &mut Model, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.each(model, |c, cx| c.on_epoch_end(cx, epoch, logs))
    }

    pub fn batch_begin(&mut self, model: &mut Model, stage: Stage, batch: usize) -> Result<()> {
        if !self.watch_batches() {
            return Ok(());
        }
        self.each(model, |c, cx| match stage {
            Stage::Train => c.on_train_batch_begin(cx, batch),
            Stage::Test => c.on_test_batch_begin(cx, batch),
            Stage::Predict => c.on_predict_batch_begin(cx, batch),
        })
    }

    pub fn batch_end(&mut self, model: &mut Model, stage: Stage, batch: usize, logs: &Logs) -> Result<()> {
        if !self.watch_batches() {
            return Ok(());
        }
        self.each(model, |c, cx| match stage {
            Stage::Train => c.on_train_batch_end(cx, batch, logs),
            Stage::Test => c.on_test_batch_end(cx, batch, logs),
            // It has outputs, no logs.
            Stage::Predict => Ok(()),
        })
    }

    pub fn predict_batch_end(&mut self, model: &mut Model, batch: usize, outputs: &[Tensor]) -> Result<()> {
        if !self.watch_batches() {
            return Ok(());
        }
        self.each(model, |c, cx| c.on_predict_batch_end(cx, batch, outputs))
    }
}
