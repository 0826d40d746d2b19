//! Follow the regularized leader.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Error, Result, Value};

optimizer! {
    /// Follows the regularized leader, for sparse linear models. Keras's `Ftrl` (McMahan et al., 2013).
    pub struct Ftrl("ftrl", learning_rate = 0.001) {
        /// How the step size falls with the sum of squared gradients; -0.5 by default, 0 for a constant one.
        #[default(-0.5)]
        pub learning_rate_power: f64,
        /// What the sums of squares start with; 0.1 by default.
        #[default(0.1)]
        pub initial_accumulator_value: f64,
        /// Factor of the sum of absolute values; 0 by default.
        #[default(0.0)]
        pub l1_regularization_strength: f64,
        /// Factor of the sum of squares; 0 by default.
        #[default(0.0)]
        pub l2_regularization_strength: f64,
        /// Factor of the sum of squares that is added to the gradient alone; 0 by default.
        #[default(0.0)]
        pub l2_shrinkage_regularization_strength: f64,
        /// The `beta` of the paper; 0 by default.
        #[default(0.0)]
        pub beta: f64,
    }
}

impl OptimizerRule for Ftrl {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        let accumulator = Slot::full("accumulator", self.initial_accumulator_value);
        vec![vec![accumulator, Slot::zeros("linear")]]
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let rate = &step.learning_rate;
        let power = |sum: &Value| sum.powf(-self.learning_rate_power);
        let sum = &slots[0] + gradient.square();
        let shrunk = gradient + weight * (2.0 * self.l2_shrinkage_regularization_strength);
        slots[1] = &slots[1] + shrunk - (power(&sum) - power(&slots[0])) / rate * weight;
        let l2 = self.l2_regularization_strength + self.beta / (2.0 * rate);
        let quadratic = power(&sum) / rate + 2.0 * l2;
        let l1 = self.l1_regularization_strength;
        slots[0] = sum;
        Ok((slots[1].clip(-l1, l1) - &slots[1]) / quadratic)
    }

    fn check(&self) -> Result<()> {
        if self.learning_rate_power > 0.0 {
            let message = format!("must not be positive, got {}", self.learning_rate_power);
            return Err(Error::argument("Ftrl.learning_rate_power", message));
        }
        let not_negative = [
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("l1_regularization_strength", self.l1_regularization_strength),
            ("l2_regularization_strength", self.l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", self.l2_shrinkage_regularization_strength),
        ];
        match not_negative.iter().find(|(_, value)| *value < 0.0) {
            None => Ok(()),
            Some((what, value)) => {
                Err(Error::argument(format!("Ftrl.{what}"), format!("must not be negative, got {value}")))
            }
        }
    }
}
