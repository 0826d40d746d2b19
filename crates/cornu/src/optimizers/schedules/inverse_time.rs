//! Decay as the inverse of time.
use super::{ScheduleRule, Steps};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// `initial_learning_rate / (1 + decay_rate * step / decay_steps)`. Keras's `InverseTimeDecay`.
#[config("keras.optimizers.schedules")]
pub struct InverseTimeDecay {
    /// The rate at the start.
    pub initial_learning_rate: f64,
    /// After how many batches the denominator has grown by `decay_rate`.
    pub decay_steps: Steps,
    /// How much the denominator grows.
    pub decay_rate: f64,
    /// Whether the rate falls only every `decay_steps` batches.
    #[default(false)]
    pub staircase: bool,
    /// Name.
    #[default("InverseTimeDecay")]
    pub name: String,
}

impl ScheduleRule for InverseTimeDecay {
    fn call(&self, step: &Value) -> Result<Value> {
        let part = step / self.decay_steps.get();
        let part = if self.staircase { part.floor() } else { part };
        Ok(self.initial_learning_rate / (part * self.decay_rate + 1.0))
    }

    fn check(&self) -> Result<()> {
        self.decay_steps.positive("InverseTimeDecay.decay_steps")
    }
}
