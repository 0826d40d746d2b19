//! Evaluating with the running means of the weights.
use crate::callbacks::{Callback, Context};
use crate::training::Logs;
use cornu_graph::Result;

/// Puts the running means of the weights in their place for each evaluation and prediction, and with `swap_on_epoch` from the
/// end of each epoch on, so that callbacks which save see them. The optimizer must keep them: `use_ema`. Keras's
/// `SwapEMAWeights`.
///
/// After a prediction the weights come back, as after an evaluation; Keras leaves the means there.
///
/// ```
/// use cornu::callbacks::SwapEMAWeights;
/// let swap = SwapEMAWeights::new().swap_on_epoch(true);
/// # let _ = swap;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SwapEMAWeights {
    swap_on_epoch: bool,
    /// Whether the means are where the weights were.
    swapped: bool,
}

impl SwapEMAWeights {
    /// Swaps for evaluation and prediction.
    pub fn new() -> SwapEMAWeights {
        SwapEMAWeights::default()
    }

    /// Whether to swap at the end of each epoch as well, before the callbacks that follow; false by default.
    pub fn swap_on_epoch(mut self, swap_on_epoch: bool) -> Self {
        self.swap_on_epoch = swap_on_epoch;
        self
    }

    fn swap(&mut self, cx: &mut Context, to_means: bool) -> Result<()> {
        if self.swapped != to_means {
            cx.model().trainer.ready()?.swap_means()?;
            self.swapped = to_means;
        }
        Ok(())
    }
}

impl Callback for SwapEMAWeights {
    fn watches_batches(&self) -> bool {
        false
    }

    fn on_epoch_begin(&mut self, cx: &mut Context, _: usize) -> Result<()> {
        if self.swap_on_epoch { self.swap(cx, false) } else { Ok(()) }
    }

    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, _: &mut Logs) -> Result<()> {
        if !self.swap_on_epoch {
            return Ok(());
        }
        self.swap(cx, true)?;
        // `fit` ends by putting the means in place of the weights: there they must be again.
        if epoch + 1 == cx.epochs() || cx.stops() {
            cx.model().trainer.ready()?.means_from_weights()
        } else {
            Ok(())
        }
    }

    fn on_test_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.swap(cx, true)
    }

    fn on_test_end(&mut self, cx: &mut Context, _: &Logs) -> Result<()> {
        self.swap(cx, false)
    }

    fn on_predict_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.swap(cx, true)
    }

    fn on_predict_end(&mut self, cx: &mut Context) -> Result<()> {
        self.swap(cx, false)
    }
}
