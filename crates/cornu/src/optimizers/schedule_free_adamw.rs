//! Schedule-free AdamW.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use cornu_graph::{Error, Result, Value};

optimizer! {
    /// Steps as [`RMSprop`](super::RMSprop) does, beside an average of all weights so far; gradients are taken between the
    /// two, and no schedule is needed. Keras's `ScheduleFreeAdamW` (Defazio et al., 2024).
    pub struct ScheduleFreeAdamW("schedule_free_adam_w", learning_rate = 0.0025) {
        /// How far the weights lie toward the average; 0.9 by default.
        #[default(0.9)]
        pub beta_1: f64,
        /// Decay of the mean of squares; 0.999 by default.
        #[default(0.999)]
        pub beta_2: f64,
        /// Added to the denominator; 1e-8 by default.
        #[default(1e-8)]
        pub epsilon: f64,
        /// Steps over which the learning rate grows from 0.
        #[default(0)]
        pub warmup_steps: usize,
    }
}

impl OptimizerRule for ScheduleFreeAdamW {
    shared_arguments!();

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![vec![Slot::copy("momentum"), Slot::zeros("velocity")]]
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let mut rate = step.learning_rate.clone();
        if self.warmup_steps > 0 {
            let grown = &step.number / self.warmup_steps as f64;
            rate = rate * grown.minimum(&grown.scalar(1.0));
        }
        let average = (weight - &slots[0] * (1.0 - self.beta_1)) / self.beta_1;
        slots[1] = &slots[1] + (gradient.square() - &slots[1]) * (1.0 - self.beta_2);
        let root = (&slots[1] / (1.0 - step.power(self.beta_2))).sqrt() + self.epsilon;
        slots[0] = &slots[0] - rate * gradient / root;
        let share = 1.0 / &step.number;
        let average = (1.0 - &share) * average + share * &slots[0];
        Ok(&slots[0] * (1.0 - self.beta_1) + average * self.beta_1)
    }

    fn check(&self) -> Result<()> {
        if self.beta_1 == 0.0 {
            return Err(Error::argument("ScheduleFreeAdamW.beta_1", "must not be 0"));
        }
        Ok(())
    }
}
