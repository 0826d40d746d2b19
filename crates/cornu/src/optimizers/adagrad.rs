//! Adagrad.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Result, Value};

optimizer! {
    /// Divides gradients by the root of the sum of all their squares. Keras's `Adagrad` (Duchi et al., 2011).
    pub struct Adagrad("adagrad", learning_rate = 0.001) {
        /// What the sums start with; 0.1 by default.
        #[default(0.1)]
        pub initial_accumulator_value: f64,
        /// Added under the root; 1e-7 by default.
        #[default(1e-7)]
        pub epsilon: f64,
    }
}

impl OptimizerRule for Adagrad {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![vec![Slot::full("accumulator", self.initial_accumulator_value)]]
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        slots[0] = &slots[0] + gradient.square();
        Ok(weight - gradient * &step.learning_rate / (&slots[0] + self.epsilon).sqrt())
    }
}
