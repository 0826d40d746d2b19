//! A learning rate by epoch.
use crate::callbacks::rates::{log_rates, owner, rates};
use crate::callbacks::{Callback, Context};
use crate::saving::words::number;
use crate::training::Logs;
use crate::utils::print_message;
use cornu_graph::{Error, Result};

/// Sets the learning rate at the start of each epoch. Keras's `LearningRateScheduler`.
///
/// ```
/// use cornu::prelude::*;
/// // Halved every ten epochs.
/// let callback = LearningRateScheduler::new(|epoch, rate| if epoch > 0 && epoch % 10 == 0 { rate / 2.0 } else { rate });
/// # drop(callback);
/// ```
pub struct LearningRateScheduler<F> {
    schedule: F,
    verbose: u8,
}

impl<F: FnMut(usize, f64) -> f64> LearningRateScheduler<F> {
    /// `schedule` gets the epoch, from 0, and the present rate, and gives the new one. With a
    /// [`MultiOptimizer`](crate::optimizers::MultiOptimizer) it is asked for each optimizer within.
    pub fn new(schedule: F) -> Self {
        LearningRateScheduler { schedule, verbose: 0 }
    }

    /// 1: says the rate of each epoch.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }
}

impl<F: FnMut(usize, f64) -> f64> Callback for LearningRateScheduler<F> {
    fn watches_batches(&self) -> bool {
        false
    }

    fn on_epoch_begin(&mut self, cx: &mut Context, epoch: usize) -> Result<()> {
        for now in rates(cx)? {
            let rate = (self.schedule)(epoch, now.value);
            if !rate.is_finite() {
                let message = format!("gave {rate} for epoch {epoch}");
                return Err(Error::argument("LearningRateScheduler.schedule", message));
            }
            now.set(rate)?;
            if self.verbose > 0 {
                let (of, rate, epoch) = (owner(&now), number(rate), epoch + 1);
                print_message(&format!(
                    "\nEpoch {epoch}: LearningRateScheduler setting{of} learning rate to {rate}.\n"
                ));
            }
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context, _: usize, logs: &mut Logs) -> Result<()> {
        log_rates(cx, logs)
    }
}
