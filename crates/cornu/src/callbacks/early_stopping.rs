//! Stopping when nothing improves.
use crate::callbacks::monitor::{Mode, Monitor};
use crate::callbacks::{Callback, Context};
use crate::training::Logs;
use crate::utils::print_message;
use cornu_graph::{Result, Tensor};

/// Stops training when a watched value has not improved for some epochs. Keras's `EarlyStopping`.
///
/// ```
/// use cornu::prelude::*;
/// let mut stopping = EarlyStopping::new().monitor("val_loss").patience(3).restore_best_weights(true);
/// let fit = Fit::new().epochs(100).callback(&mut stopping);
/// # drop(fit);
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    min_delta: f64,
    patience: usize,
    verbose: u8,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: usize,
    wait: usize,
    stopped_epoch: Option<usize>,
    best_epoch: usize,
    best_weights: Option<Vec<Tensor>>,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping {
            monitor: Monitor::new("val_loss"),
            min_delta: 0.0,
            patience: 0,
            verbose: 0,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            wait: 0,
            stopped_epoch: None,
            best_epoch: 0,
            best_weights: None,
        }
    }
}

impl EarlyStopping {
    /// Watches `"val_loss"` without patience, as in Keras.
    pub fn new() -> EarlyStopping {
        EarlyStopping::default()
    }

    /// The value to watch.
    pub fn monitor(mut self, monitor: impl Into<String>) -> Self {
        self.monitor.name = monitor.into();
        self
    }

    /// The least change that counts as an improvement.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.min_delta = min_delta;
        self
    }

    /// Epochs without improvement after which training stops.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// 1: says when it stops.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// `"auto"`, `"min"` or `"max"`.
    pub fn mode(mut self, mode: impl Into<Mode>) -> Self {
        self.monitor.mode = mode.into();
        self
    }

    /// A value that must be reached for the patience to start over.
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Whether the model ends with the weights of its best epoch.
    pub fn restore_best_weights(mut self, restore_best_weights: bool) -> Self {
        self.restore_best_weights = restore_best_weights;
        self
    }

    /// Epochs to wait before watching.
    pub fn start_from_epoch(mut self, start_from_epoch: usize) -> Self {
        self.start_from_epoch = start_from_epoch;
        self
    }

    /// The epoch, from 0, after which training was stopped, if it was.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }

    /// The best epoch, from 0.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }

    /// The best value.
    pub fn best(&self) -> Option<f64> {
        self.monitor.best
    }
}

impl Callback for EarlyStopping {
    fn watches_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.monitor.begin(cx.model(), "EarlyStopping")?;
        (self.wait, self.stopped_epoch, self.best_epoch) = (0, None, 0);
        (self.monitor.best, self.best_weights) = (None, None);
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        // A value that is missing is told of from the first epoch on.
        let value = self.monitor.value(logs, "EarlyStopping").filter(|_| epoch >= self.start_from_epoch);
        let Some(value) = value else { return Ok(()) };
        if self.restore_best_weights && self.best_weights.is_none() {
            // Even if no epoch is better than the first.
            self.best_weights = Some(cx.model().get_weights()?);
            self.best_epoch = epoch;
        }
        self.wait += 1;
        if self.monitor.improves_best(value, self.min_delta) {
            self.monitor.best = Some(value);
            self.best_epoch = epoch;
            if self.restore_best_weights {
                self.best_weights = Some(cx.model().get_weights()?);
            }
            // Without a baseline to beat, improving is enough.
            if self.baseline.is_none_or(|baseline| self.monitor.improves(value, baseline, self.min_delta)) {
                self.wait = 0;
            }
            return Ok(());
        }
        if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = Some(epoch);
            cx.stop_training();
        }
        Ok(())
    }

    fn on_train_end(&mut self, cx: &mut Context, _: &Logs) -> Result<()> {
        if let Some(epoch) = self.stopped_epoch.filter(|_| self.verbose > 0) {
            print_message(&format!("Epoch {}: early stopping\n", epoch + 1));
        }
        if let Some(weights) = self.best_weights.take() {
            if self.verbose > 0 {
                let best = self.best_epoch + 1;
                print_message(&format!("Restoring model weights from the end of the best epoch: {best}.\n"));
            }
            cx.model().set_weights(&weights)?;
        }
        Ok(())
    }
}
