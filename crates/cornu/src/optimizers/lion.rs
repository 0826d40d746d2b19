//! Lion.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Error, Result, Value};

optimizer! {
    /// Steps by the sign of the momentum alone. Keras's `Lion` (Chen et al., 2023).
    pub struct Lion("lion", learning_rate = 0.001) {
        /// How much the momentum counts beside the gradient; 0.9 by default.
        #[default(0.9)]
        pub beta_1: f64,
        /// Decay of the momentum; 0.99 by default.
        #[default(0.99)]
        pub beta_2: f64,
    }
}

impl OptimizerRule for Lion {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![vec![Slot::zeros("momentum")]]
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let mean = |of: &Value, beta: f64| of * beta + gradient * (1.0 - beta);
        let direction = mean(&slots[0], self.beta_1).sign();
        slots[0] = mean(&slots[0], self.beta_2);
        Ok(weight - direction * &step.learning_rate)
    }

    fn check(&self) -> Result<()> {
        if self.beta_1 > 0.0 && self.beta_1 <= 1.0 {
            return Ok(());
        }
        let message = format!("must be more than 0 and at most 1, got {}", self.beta_1);
        Err(Error::argument("Lion.beta_1", message).help("0 would leave only the sign of the gradient"))
    }
}
