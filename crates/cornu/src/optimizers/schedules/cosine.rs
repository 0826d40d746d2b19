//! Decay along a cosine (Loshchilov and Hutter, 2016).
use super::{ScheduleRule, Steps};
use cornu_derive::config;
use cornu_graph::{Result, Value};
use std::f64::consts::PI;

/// Half a cosine: 1 where `part` is 0, `alpha` where it is 1; its height above `alpha` is multiplied by `height`.
fn half_cosine(part: &Value, height: &Value, alpha: f64) -> Value {
    (height * 0.5 * ((part * PI).cos() + 1.0)) * (1.0 - alpha) + alpha
}

/// From `initial_learning_rate` down to `alpha` times it along half a cosine; after a linear rise to `warmup_target` if
/// that is given. Keras's `CosineDecay`.
#[config("keras.optimizers.schedules")]
pub struct CosineDecay {
    /// The rate at the start.
    pub initial_learning_rate: f64,
    /// How many batches the decay takes, after those of the rise.
    pub decay_steps: Steps,
    /// The rate at the end as a part of that before the decay; 0 by default.
    #[default(0.0)]
    pub alpha: f64,
    /// Name.
    #[default("CosineDecay")]
    pub name: String,
    /// The rate to rise to first; none by default.
    #[default(None)]
    pub warmup_target: Option<f64>,
    /// How many batches the rise takes; 0 by default.
    #[default(0)]
    pub warmup_steps: Steps,
}

impl ScheduleRule for CosineDecay {
    fn call(&self, step: &Value) -> Result<Value> {
        let (decay, warmup) = (self.decay_steps.get(), self.warmup_steps.get());
        let falling =
            |step: &Value, from: f64| half_cosine(&(step / decay), &step.scalar(1.0), self.alpha) * from;
        let Some(target) = self.warmup_target else {
            return Ok(falling(&step.minimum(&step.scalar(decay)), self.initial_learning_rate));
        };
        let step = step.minimum(&step.scalar(decay + warmup));
        let rising = &step / warmup * (target - self.initial_learning_rate) + self.initial_learning_rate;
        Ok(step.lt(&step.scalar(warmup)).select(&rising, &falling(&(&step - warmup), target)))
    }

    fn check(&self) -> Result<()> {
        self.decay_steps.positive("CosineDecay.decay_steps")
    }
}

/// Half cosines one after the other, each `t_mul` times as long and `m_mul` times as high as the last. Keras's
/// `CosineDecayRestarts`.
#[config("keras.optimizers.schedules")]
pub struct CosineDecayRestarts {
    /// The rate at the start.
    pub initial_learning_rate: f64,
    /// How many batches the first decay takes.
    pub first_decay_steps: Steps,
    /// How much longer each decay is than the last; 2 by default.
    #[default(2.0)]
    pub t_mul: f64,
    /// How much higher each decay starts than the last; 1 by default.
    #[default(1.0)]
    pub m_mul: f64,
    /// The rate at the end of a decay as a part of `initial_learning_rate`; 0 by default.
    #[default(0.0)]
    pub alpha: f64,
    /// Name.
    #[default("SGDRDecay")]
    pub name: String,
}

impl ScheduleRule for CosineDecayRestarts {
    fn call(&self, step: &Value) -> Result<Value> {
        let done = step / self.first_decay_steps.get();
        let (restarts, part) = if self.t_mul == 1.0 {
            let restarts = done.floor();
            let part = &done - &restarts;
            (restarts, part)
        } else {
            // The lengths so far are a geometric series. Both logarithms round alike, so that their ratio is whole at a restart.
            let ratio = step.scalar(self.t_mul);
            let restarts = ((1.0 - &done * (1.0 - self.t_mul)).log() / ratio.log()).floor();
            let length = ratio.pow(&restarts);
            let before = (1.0 - &length) / (1.0 - self.t_mul);
            (restarts, (done - before) / length)
        };
        let height = step.scalar(self.m_mul).pow(&restarts);
        Ok(half_cosine(&part, &height, self.alpha) * self.initial_learning_rate)
    }

    fn check(&self) -> Result<()> {
        self.first_decay_steps.positive("CosineDecayRestarts.first_decay_steps")
    }
}
