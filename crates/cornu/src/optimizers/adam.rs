//! Adam.
use super::{OptimizerRule, Step};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// Steps by running means of gradients and of their squares. Keras's `Adam` (Kingma and Ba, 2014).
#[config("keras.optimizers")]
pub struct Adam {
    /// Step size; 0.001 by default.
    #[default(0.001)]
    pub learning_rate: f64,
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

impl OptimizerRule for Adam {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self) -> Vec<&'static str> {
        if self.amsgrad { vec!["momentum", "velocity", "velocity_hat"] } else { vec!["momentum", "velocity"] }
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        let power = |beta: f64| step.number.scalar(beta).pow(&step.number);
        let alpha = &step.learning_rate * (1.0 - power(self.beta_2)).sqrt() / (1.0 - power(self.beta_1));
        slots[0] = &slots[0] + (gradient - &slots[0]) * (1.0 - self.beta_1);
        slots[1] = &slots[1] + (gradient.square() - &slots[1]) * (1.0 - self.beta_2);
        let mut squares = slots[1].clone();
        if self.amsgrad {
            slots[2] = slots[2].maximum(&squares);
            squares = slots[2].clone();
        }
        Ok(weight - &slots[0] * alpha / (squares.sqrt() + self.epsilon))
    }
}
