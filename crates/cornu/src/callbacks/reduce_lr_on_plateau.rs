//! A smaller learning rate when nothing improves.
use crate::callbacks::monitor::{Mode, Monitor};
use crate::callbacks::rates::{log_rates, owner, rates};
use crate::callbacks::{Callback, Context};
use crate::saving::words::number;
use crate::training::Logs;
use crate::utils::print_message;
use cornu_graph::{Error, Result};

/// Multiplies the learning rate by a factor when a watched value has not improved for some epochs. Keras's
/// `ReduceLROnPlateau`.
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    verbose: u8,
    min_delta: f64,
    cooldown: usize,
    min_lr: f64,
    wait: usize,
    resting: usize,
}

impl Default for ReduceLROnPlateau {
    fn default() -> Self {
        ReduceLROnPlateau {
            monitor: Monitor::new("val_loss"),
            factor: 0.1,
            patience: 10,
            verbose: 0,
            min_delta: 1e-4,
            cooldown: 0,
            min_lr: 0.0,
            wait: 0,
            resting: 0,
        }
    }
}

impl ReduceLROnPlateau {
    /// Watches `"val_loss"`: a tenth after ten epochs, as in Keras.
    pub fn new() -> ReduceLROnPlateau {
        ReduceLROnPlateau::default()
    }

    /// The value to watch.
    pub fn monitor(mut self, monitor: impl Into<String>) -> Self {
        self.monitor.name = monitor.into();
        self
    }

    /// What the rate is multiplied by; less than 1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Epochs without improvement after which the rate is reduced.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// 1: says when it reduces.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// `"auto"`, `"min"` or `"max"`.
    pub fn mode(mut self, mode: impl Into<Mode>) -> Self {
        self.monitor.mode = mode.into();
        self
    }

    /// The least change that counts as an improvement.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.min_delta = min_delta;
        self
    }

    /// Epochs to wait after a reduction before watching again.
    pub fn cooldown(mut self, cooldown: usize) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// The rate is not reduced below this.
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }

    /// Reduces the rates that are above the least; whether there was one.
    fn reduce(&self, cx: &mut Context, epoch: usize) -> Result<bool> {
        let (least, mut reduced) = (self.min_lr, false);
        for rate in rates(cx)? {
            // Rates are float32, and so is the least when it is reached.
            if rate.value > f64::from(least as f32) {
                let new = (rate.value * self.factor).max(least);
                rate.set(new)?;
                if self.verbose > 0 {
                    let (of, new) = (owner(&rate), number(new));
                    let epoch = epoch + 1;
                    print_message(&format!(
                        "\nEpoch {epoch}: ReduceLROnPlateau reducing{of} learning rate to {new}.\n"
                    ));
                }
                reduced = true;
            }
        }
        Ok(reduced)
    }
}

impl Callback for ReduceLROnPlateau {
    fn watches_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
        if self.factor.is_nan() || self.factor >= 1.0 {
            let message = format!("must be less than 1, got {}", self.factor);
            return Err(Error::argument("ReduceLROnPlateau.factor", message));
        }
        self.monitor.begin(cx.model(), "ReduceLROnPlateau")?;
        (self.wait, self.resting, self.monitor.best) = (0, 0, None);
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        log_rates(cx, logs)?;
        let Some(value) = self.monitor.value(logs, "ReduceLROnPlateau") else { return Ok(()) };
        if self.resting > 0 {
            self.resting -= 1;
            self.wait = 0;
        }
        if self.monitor.improves_best(value, self.min_delta) {
            self.monitor.best = Some(value);
            self.wait = 0;
        } else if self.resting == 0 {
            self.wait += 1;
            if self.wait >= self.patience && self.reduce(cx, epoch)? {
                (self.resting, self.wait) = (self.cooldown, 0);
            }
        }
        Ok(())
    }
}
