//! Nadam.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Result, Value};

optimizer! {
    /// [`Adam`](super::Adam) that looks ahead along its momentum. Keras's `Nadam` (Dozat, 2015).
    pub struct Nadam("nadam", learning_rate = 0.001) {
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

impl Nadam {
    /// How fast momentum grows to `beta_1`.
    const SCHEDULE: f64 = 0.96;

    /// Momentum of the step of this number.
    fn momentum(&self, number: &Value) -> Value {
        (1.0 - 0.5 * number.scalar(Self::SCHEDULE).pow(number)) * self.beta_1
    }
}

impl OptimizerRule for Nadam {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![vec![Slot::zeros("momentum"), Slot::zeros("velocity")]]
    }

    /// The product of the momenta of all steps.
    fn scalars(&self) -> Vec<Slot> {
        vec![Slot::full("u_product", 1.0)]
    }

    fn update_scalars(&self, step: &mut Step) {
        step.scalars[0] = &step.scalars[0] * self.momentum(&step.number);
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let (now, next) = (self.momentum(&step.number), self.momentum(&(&step.number + 1.0)));
        let product = &step.scalars[0];
        // Unlike in Keras's other optimizers, rounded to the weight's dtype before they are taken from 1: in the first steps
        // that error then cancels out.
        let rest = |beta: f64| 1.0 - weight.scalar(beta);
        slots[0] = &slots[0] + (gradient - &slots[0]) * rest(self.beta_1);
        slots[1] = &slots[1] + (gradient.square() - &slots[1]) * rest(self.beta_2);
        // In Keras's order: large steps make much of the last bit.
        let ahead = &next * &slots[0] / (1.0 - product * &next);
        let mean = ahead + (1.0 - now) * gradient / (1.0 - product);
        let squares = &slots[1] / (1.0 - step.power(self.beta_2));
        Ok(weight - mean * &step.learning_rate / (squares.sqrt() + self.epsilon))
    }
}
