//! Adamax.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Result, Value};

optimizer! {
    /// [`Adam`](super::Adam) with the largest recent gradient in place of the mean of squares. Keras's `Adamax` (Kingma and
    /// Ba, 2014, section 7).
    pub struct Adamax("adamax", learning_rate = 0.001) {
        /// Decay of the mean of gradients; 0.9 by default.
        #[default(0.9)]
        pub beta_1: f64,
        /// Decay of the largest gradient; 0.999 by default.
        #[default(0.999)]
        pub beta_2: f64,
        /// Added to the denominator; 1e-7 by default.
        #[default(1e-7)]
        pub epsilon: f64,
    }
}

impl OptimizerRule for Adamax {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![vec![Slot::zeros("momentum"), Slot::zeros("norm")]]
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        slots[0] = &slots[0] + (gradient - &slots[0]) * (1.0 - self.beta_1);
        slots[1] = (&slots[1] * self.beta_2).maximum(&gradient.abs());
        let scale = (&slots[1] + self.epsilon) * (1.0 - step.power(self.beta_1));
        Ok(weight - &slots[0] * &step.learning_rate / scale)
    }
}
