//! Stopping when the loss is no number.
use crate::callbacks::{Callback, Context};
use crate::training::Logs;
use cornu_graph::Result;

/// Stops training as soon as the loss is NaN or infinite. Keras's `TerminateOnNaN`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNaN {}

impl TerminateOnNaN {
    /// The callback.
    pub fn new() -> TerminateOnNaN {
        TerminateOnNaN {}
    }
}

impl Callback for TerminateOnNaN {
    fn on_train_batch_end(&mut self, cx: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        if logs.get("loss").is_some_and(|loss| !loss.is_finite()) {
            println!("Batch {batch}: Invalid loss, terminating training");
            cx.stop_training();
        }
        Ok(())
    }
}
