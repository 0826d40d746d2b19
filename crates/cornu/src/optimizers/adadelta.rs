//! Adadelta.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Result, Value};

optimizer! {
    /// Steps as large as the last ones, by the ratio of running means of squares. Keras's `Adadelta` (Zeiler, 2012).
    pub struct Adadelta("adadelta", learning_rate = 0.001) {
        /// Decay of the means; 0.95 by default.
        #[default(0.95)]
        pub rho: f64,
        /// Added under the roots; 1e-7 by default.
        #[default(1e-7)]
        pub epsilon: f64,
    }
}

impl OptimizerRule for Adadelta {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![vec![Slot::zeros("accumulated_grad"), Slot::zeros("accumulated_delta_var")]]
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let mean = |of: &Value, with: &Value| of * self.rho + with.square() * (1.0 - self.rho);
        let root = |x: &Value| (x + self.epsilon).sqrt();
        slots[0] = mean(&slots[0], gradient);
        let change = -(root(&slots[1]) * gradient / root(&slots[0]));
        slots[1] = mean(&slots[1], &change);
        Ok(weight + change * &step.learning_rate)
    }
}
