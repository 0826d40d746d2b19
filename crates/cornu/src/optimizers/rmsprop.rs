//! RMSprop.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Result, Value};

optimizer! {
    /// Divides gradients by the root of a running mean of their squares. Keras's `RMSprop` (Hinton, 2012).
    pub struct RMSprop("rm_sprop", learning_rate = 0.001) {
        /// Decay of the mean; 0.9 by default.
        #[default(0.9)]
        pub rho: f64,
        /// How much of the last step goes on; 0 by default.
        #[default(0.0)]
        pub momentum: f64,
        /// Added under the root; 1e-7 by default.
        #[default(1e-7)]
        pub epsilon: f64,
        /// Whether to divide by the standard deviation instead of the root mean square.
        #[default(false)]
        pub centered: bool,
    }
}

impl OptimizerRule for RMSprop {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        let mut slots = vec![vec![Slot::zeros("velocity")]];
        if self.momentum > 0.0 {
            slots.push(vec![Slot::zeros("momentum")]);
        }
        if self.centered {
            slots.push(vec![Slot::zeros("average_gradient")]);
        }
        slots
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let mean = |of: &Value, with: &Value| of * self.rho + with * (1.0 - self.rho);
        slots[0] = mean(&slots[0], &gradient.square());
        let mut variance = slots[0].clone();
        if let Some(average) = slots.last_mut().filter(|_| self.centered) {
            *average = mean(average, gradient);
            variance = variance - average.square();
        }
        let increment = gradient * &step.learning_rate / (variance + self.epsilon).sqrt();
        if self.momentum > 0.0 {
            slots[1] = &slots[1] * self.momentum + increment;
            return Ok(weight - &slots[1]);
        }
        Ok(weight - increment)
    }
}
