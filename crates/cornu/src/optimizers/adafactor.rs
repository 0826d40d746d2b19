//! Adafactor.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{DType, Result, Spec, Value};

optimizer! {
    /// Keeps the mean squares of gradients of matrices as one number for each row and column, to save memory. Keras's
    /// `Adafactor` (Shazeer and Stern, 2018).
    pub struct Adafactor("adafactor", learning_rate = 0.001) {
        /// The mean of squares of step `t` decays by `1 - t^beta_2_decay`; -0.8 by default.
        #[default(-0.8)]
        pub beta_2_decay: f64,
        /// Added to squares of gradients; 1e-30 by default.
        #[default(1e-30)]
        pub epsilon_1: f64,
        /// The least root mean square that weights count with; 0.001 by default.
        #[default(1e-3)]
        pub epsilon_2: f64,
        /// Root mean square to which updates are limited; 1 by default.
        #[default(1.0)]
        pub clip_threshold: f64,
        /// Whether a constant learning rate is limited to `1 / sqrt(t)`.
        #[default(true)]
        pub relative_step: bool,
    }
}

impl OptimizerRule for Adafactor {
    shared_arguments!();

    fn slots(&self, weight: &Weight) -> Vec<Vec<Slot>> {
        let (shape, dtype) = (&weight.spec.shape, weight.spec.dtype);
        let (rows, columns) = match &shape[..] {
            // Keras keeps places for both of every weight.
            [] | [_] => (Spec::new(DType::I32, []), Spec::new(DType::I32, [])),
            [batch @ .., n, m] => {
                (Spec::new(dtype, [batch, &[*n]].concat()), Spec::new(dtype, [batch, &[*m]].concat()))
            }
        };
        let (rows, columns) = (Slot::zeros("rows").spec(rows), Slot::zeros("columns").spec(columns));
        vec![vec![rows, columns, Slot::zeros("velocity")]]
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let rms = |x: &Value| x.square().mean(x.all_axes()).sqrt();
        let limit = 1.0 / step.number.sqrt();
        let mut rate = step.learning_rate.clone();
        if self.relative_step && !self.learning_rate.is_schedule() {
            rate = rate.minimum(&limit);
        }
        let size = rms(weight);
        let alpha = size.maximum(&size.scalar(self.epsilon_2)) * rate.minimum(&limit);
        let squares = gradient.square() + self.epsilon_1;
        let kept = 1.0 - step.number.pow(&step.number.scalar(self.beta_2_decay));
        let mean = |slot: &Value, new: Value| &kept * slot + (1.0 - &kept) * new;
        if weight.rank() < 2 {
            slots[2] = mean(&slots[2], squares);
        } else {
            slots[0] = mean(&slots[0], squares.mean([-1]));
            slots[1] = mean(&slots[1], squares.mean([-2]));
            let rows = &slots[0] / slots[0].mean_keepdims([-1]);
            slots[2] = rows.expand_dims(-1) * slots[1].expand_dims(-2);
        }
        let update = gradient / slots[2].sqrt();
        let over = rms(&update) / self.clip_threshold;
        Ok(weight - alpha * (update / over.maximum(&over.scalar(1.0))))
    }
}
