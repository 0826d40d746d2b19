//! Dropout of cells with gates.
use super::recurrence::dropout_mask;
use crate::layers::checks;
use crate::layers::prelude::*;

/// What a cell with gates drops of its input and its state in training. As in Keras, a rate of 1 drops nothing.
pub(super) struct GateDropout {
    pub dropout: f64,
    pub recurrent_dropout: f64,
    pub gates: usize,
}

impl GateDropout {
    /// How many masks there are for the input, and for the state: one for each gate where the state is dropped, too, else one
    /// for all.
    fn counts(&self, training: bool) -> [usize; 2] {
        let each = if self.recurrent_dropout > 0.0 { self.gates } else { 1 };
        [self.dropout, self.recurrent_dropout].map(|rate| if training && drops(rate) { each } else { 0 })
    }

    /// How many values [`GateDropout::masks`] gives.
    pub fn count(&self, training: bool) -> usize {
        self.counts(training).iter().sum()
    }

    /// The masks of a sequence `x`, and of states of `units`.
    ///
    /// # Errors
    /// When a rate is no share.
    pub fn masks(&self, cx: &Call, x: &Value, units: usize) -> Result<Vec<Value>> {
        let [of_input, of_state] = self.counts(cx.training());
        let mut masks = vec![];
        for (what, rate, count, size) in [
            ("dropout", self.dropout, of_input, x.dim(-1)),
            ("recurrent_dropout", self.recurrent_dropout, of_state, units),
        ] {
            checks::share(what, rate)?;
            for _ in 0..count {
                masks.extend(dropout_mask(cx, what, rate, &[x.dim(0), size])?);
            }
        }
        Ok(masks)
    }

    /// The masks of the input and those of the state.
    pub fn split<'v>(&self, cx: &Call, masks: &'v [Value]) -> (&'v [Value], &'v [Value]) {
        masks.split_at(self.counts(cx.training())[0].min(masks.len()))
    }
}

/// Whether a cell with gates drops anything at this rate.
pub(super) fn drops(rate: f64) -> bool {
    rate > 0.0 && rate < 1.0
}

/// The gates' shares of the product with a kernel, through one mask, one for each gate, or none.
pub(super) fn gated(x: &Value, kernel: &Value, masks: &[Value]) -> Value {
    match masks {
        [] => x.matmul(kernel),
        [mask] => (x * mask).matmul(kernel),
        masks => {
            let kernels = kernel.split(masks.len(), -1);
            let products: Vec<Value> = masks.iter().zip(kernels).map(|(m, k)| (x * m).matmul(&k)).collect();
            Value::concat(&products.iter().collect::<Vec<_>>(), -1)
        }
    }
}
