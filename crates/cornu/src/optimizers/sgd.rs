//! Gradient descent.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Error, Result, Value};

optimizer! {
    /// Gradient descent, with momentum if asked for. Keras's `SGD`.
    pub struct SGD("sgd", learning_rate = 0.01) {
        /// How much of the last step goes on; 0 by default.
        #[default(0.0)]
        pub momentum: f64,
        /// Whether to look ahead along the momentum (Nesterov, 1983).
        #[default(false)]
        pub nesterov: bool,
    }
}

impl OptimizerRule for SGD {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        if self.momentum == 0.0 { vec![] } else { vec![vec![Slot::zeros("momentum")]] }
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let descent = gradient * &step.learning_rate;
        let [velocity] = slots else { return Ok(weight - descent) };
        *velocity = &*velocity * self.momentum - &descent;
        let velocity = &*velocity;
        Ok(if self.nesterov { weight + velocity * self.momentum - descent } else { weight + velocity })
    }

    fn check(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.momentum) {
            return Ok(());
        }
        Err(Error::argument("SGD.momentum", format!("must be between 0 and 1, got {}", self.momentum)))
    }
}
