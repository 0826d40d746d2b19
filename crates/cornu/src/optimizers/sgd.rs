//! Gradient descent.
use super::{OptimizerRule, Step};
use cornu_derive::config;
use cornu_graph::{Error, Result, Value};

/// Gradient descent, with momentum if asked for. Keras's `SGD`.
#[config("keras.optimizers")]
pub struct SGD {
    /// Step size; 0.01 by default.
    #[default(0.01)]
    pub learning_rate: f64,
    /// How much of the last step goes on; 0 by default.
    #[default(0.0)]
    pub momentum: f64,
    /// Whether to look ahead along the momentum (Nesterov, 1983).
    #[default(false)]
    pub nesterov: bool,
}

impl OptimizerRule for SGD {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self) -> Vec<&'static str> {
        if self.momentum == 0.0 { vec![] } else { vec!["momentum"] }
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
        let next = &*velocity * self.momentum - &descent;
        let moved = if self.nesterov { weight + &next * self.momentum - descent } else { weight + &next };
        *velocity = next;
        Ok(moved)
    }

    fn check(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.momentum) {
            return Ok(());
        }
        Err(Error::argument("SGD.momentum", format!("must be between 0 and 1, got {}", self.momentum)))
    }
}
