//! Polynomial decay.
use super::{ScheduleRule, Steps};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// From `initial_learning_rate` to `end_learning_rate` as `(1 - step / decay_steps)^power`. Keras's `PolynomialDecay`.
#[config("keras.optimizers.schedules")]
pub struct PolynomialDecay {
    /// The rate at the start.
    pub initial_learning_rate: f64,
    /// After how many batches the end is reached.
    pub decay_steps: Steps,
    /// The rate at the end; 0.0001 by default.
    #[default(0.0001)]
    pub end_learning_rate: f64,
    /// The power; 1 by default, a straight line.
    #[default(1.0)]
    pub power: f64,
    /// Whether to start over at the end, each time with as many more batches to go.
    #[default(false)]
    pub cycle: bool,
    /// Name.
    #[default("PolynomialDecay")]
    pub name: String,
}

impl ScheduleRule for PolynomialDecay {
    fn call(&self, step: &Value) -> Result<Value> {
        let length = self.decay_steps.get();
        let part = if self.cycle {
            let cycles = (step / length).ceil();
            step / (cycles.maximum(&cycles.scalar(1.0)) * length)
        } else {
            step.minimum(&step.scalar(length)) / length
        };
        let left = (1.0 - part).pow(&step.scalar(self.power));
        Ok(left * (self.initial_learning_rate - self.end_learning_rate) + self.end_learning_rate)
    }

    fn check(&self) -> Result<()> {
        self.decay_steps.positive("PolynomialDecay.decay_steps")
    }
}
