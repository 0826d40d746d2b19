//! Stopping when the loss is no number.
use crate::callbacks::{Callback, Context};
use crate::saving::words::number;
use crate::training::Logs;
use crate::utils::print_message;
use cornu_graph::{Error, Result};

/// Stops training as soon as the loss is NaN or infinite. Keras's `TerminateOnNaN`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNaN {
    raise_error: bool,
}

impl TerminateOnNaN {
    /// The callback.
    pub fn new() -> TerminateOnNaN {
        TerminateOnNaN::default()
    }

    /// Whether `fit` ends with an error; false by default: it ends as if it were done.
    pub fn raise_error(mut self, raise_error: bool) -> Self {
        self.raise_error = raise_error;
        self
    }
}

impl Callback for TerminateOnNaN {
    fn on_train_batch_end(&mut self, cx: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        let Some(loss) = logs.get("loss").filter(|loss| !loss.is_finite()) else { return Ok(()) };
        if self.raise_error {
            let loss = number(loss);
            return Err(Error::State(format!(
                "NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately."
            )));
        }
        print_message(&format!("Batch {batch}: Invalid loss, terminating training\n"));
        cx.stop_training();
        Ok(())
    }
}
