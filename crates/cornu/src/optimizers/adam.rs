//! Adam.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Error, Result, Value};

/// The arguments of Adam's family, and its step.
struct Moments {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    amsgrad: bool,
}

impl Moments {
    fn slots(&self) -> Vec<Vec<Slot>> {
        let mut slots = vec![vec![Slot::zeros("momentum"), Slot::zeros("velocity")]];
        if self.amsgrad {
            slots.push(vec![Slot::zeros("velocity_hat")]);
        }
        slots
    }

    fn update_step(&self, step: &Step, weight: &Value, gradient: &Value, slots: &mut [Value]) -> Value {
        let alpha =
            &step.learning_rate * (1.0 - step.power(self.beta_2)).sqrt() / (1.0 - step.power(self.beta_1));
        slots[0] = &slots[0] + (gradient - &slots[0]) * (1.0 - self.beta_1);
        slots[1] = &slots[1] + (gradient.square() - &slots[1]) * (1.0 - self.beta_2);
        let mut squares = slots[1].clone();
        if self.amsgrad {
            slots[2] = slots[2].maximum(&squares);
            squares = slots[2].clone();
        }
        weight - &slots[0] * alpha / (squares.sqrt() + self.epsilon)
    }
}

optimizer! {
    /// Steps by running means of gradients and of their squares. Keras's `Adam` (Kingma and Ba, 2014).
    pub struct Adam("adam", learning_rate = 0.001) {
        /// Decay of the mean of gradients; 0.9 by default.
        #[default(0.9)]
        pub beta_1: f64,
        /// Decay of the mean of squares; 0.999 by default.
        #[default(0.999)]
        pub beta_2: f64,
        /// Added to the denominator; 1e-7 by default.
        #[default(1e-7)]
        pub epsilon: f64,
        /// Whether to divide by the largest mean of squares so far (Reddi et al., 2018).
        #[default(false)]
        pub amsgrad: bool,
    }
}

impl Adam {
    fn moments(&self) -> Moments {
        let Adam { beta_1, beta_2, epsilon, amsgrad, .. } = *self;
        Moments { beta_1, beta_2, epsilon, amsgrad }
    }
}

impl OptimizerRule for Adam {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        self.moments().slots()
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        Ok(self.moments().update_step(step, weight, gradient, slots))
    }
}

optimizer! {
    /// [`Adam`] with weight decay. Keras's `AdamW` (Loshchilov and Hutter, 2017).
    pub struct AdamW("adam_w", learning_rate = 0.001, weight_decay = 0.004) {
        /// Decay of the mean of gradients; 0.9 by default.
        #[default(0.9)]
        pub beta_1: f64,
        /// Decay of the mean of squares; 0.999 by default.
        #[default(0.999)]
        pub beta_2: f64,
        /// Added to the denominator; 1e-7 by default.
        #[default(1e-7)]
        pub epsilon: f64,
        /// Whether to divide by the largest mean of squares so far (Reddi et al., 2018).
        #[default(false)]
        pub amsgrad: bool,
    }
}

impl AdamW {
    fn moments(&self) -> Moments {
        let AdamW { beta_1, beta_2, epsilon, amsgrad, .. } = *self;
        Moments { beta_1, beta_2, epsilon, amsgrad }
    }
}

impl OptimizerRule for AdamW {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        self.moments().slots()
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        Ok(self.moments().update_step(step, weight, gradient, slots))
    }

    fn check(&self) -> Result<()> {
        match self.weight_decay {
            Some(_) => Ok(()),
            None => Err(Error::argument("AdamW.weight_decay", "must be a number, got null")),
        }
    }
}
