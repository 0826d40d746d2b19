//! Exponential decay.
use super::{ScheduleRule, Steps};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// `initial_learning_rate * decay_rate^(step / decay_steps)`. Keras's `ExponentialDecay`.
#[config("keras.optimizers.schedules")]
pub struct ExponentialDecay {
    /// The rate at the start.
    pub initial_learning_rate: f64,
    /// After how many batches the rate is `decay_rate` times what it was.
    pub decay_steps: Steps,
    /// By what the rate is multiplied.
    pub decay_rate: f64,
    /// Whether the rate falls only every `decay_steps` batches.
    #[default(false)]
    pub staircase: bool,
    /// Name.
    #[default("ExponentialDecay")]
    pub name: String,
}

impl ScheduleRule for ExponentialDecay {
    fn call(&self, step: &Value) -> Result<Value> {
        let part = step / self.decay_steps.get();
        let part = if self.staircase { part.floor() } else { part };
        Ok(step.scalar(self.decay_rate).pow(&part) * self.initial_learning_rate)
    }

    fn check(&self) -> Result<()> {
        self.decay_steps.positive("ExponentialDecay.decay_steps")
    }
}
