//! Lamb.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Result, Value};

optimizer! {
    /// [`Adam`](super::Adam) whose step of each weight is as long as the weight, for large batches. Keras's `Lamb` (You et
    /// al., 2019).
    pub struct Lamb("lamb", learning_rate = 0.001) {
        /// Decay of the mean of gradients; 0.9 by default.
        #[default(0.9)]
        pub beta_1: f64,
        /// Decay of the mean of squares; 0.999 by default.
        #[default(0.999)]
        pub beta_2: f64,
        /// Added to the denominator; 1e-7 by default.
        #[default(1e-7)]
        pub epsilon: f64,
    }
}

impl OptimizerRule for Lamb {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![vec![Slot::zeros("momentum"), Slot::zeros("velocity")]]
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        slots[0] = &slots[0] + (gradient - &slots[0]) * (1.0 - self.beta_1);
        slots[1] = &slots[1] + (gradient.square() - &slots[1]) * (1.0 - self.beta_2);
        let mean = &slots[0] / (1.0 - step.power(self.beta_1));
        let root = (&slots[1] / (1.0 - step.power(self.beta_2))).sqrt() + self.epsilon;
        let update = mean / root;
        let norm = |x: &Value| x.square().sum(x.all_axes()).sqrt();
        let (of_weight, of_update) = (norm(weight), norm(&update));
        let (zero, one) = (of_weight.scalar(0.0), of_weight.scalar(1.0));
        let both = of_weight.gt(&zero).and(&of_update.gt(&zero));
        let ratio = both.select(&(&of_weight / both.select(&of_update, &one)), &one);
        Ok(weight - update * (ratio * &step.learning_rate))
    }
}
