//! Learning rates that change with the number of batches so far.
//!
//! ```
//! use cornu::prelude::*;
//! use cornu::optimizers::schedules::CosineDecay;
//! // Up to 0.01 over 500 batches, then down to 0 over 10000 more.
//! let rate = CosineDecay::new(0.0, 10_000).warmup_target(0.01).warmup_steps(500);
//! let optimizer = Adam::new().learning_rate(rate);
//! # let _ = optimizer;
//! ```
mod cosine;
mod exponential;
mod inverse_time;
mod piecewise_constant;
mod polynomial;
mod steps;

pub use cosine::{CosineDecay, CosineDecayRestarts};
pub use exponential::ExponentialDecay;
pub use inverse_time::InverseTimeDecay;
pub use piecewise_constant::PiecewiseConstantDecay;
pub use polynomial::PolynomialDecay;
pub use steps::Steps;

use crate::object::{Saved, family};
use cornu_graph::{DType, Error, Result, Value};
use serde_json::Value as Json;
use std::fmt;

/// What a schedule computes.
pub trait ScheduleRule: Saved + fmt::Debug + Send + Sync {
    /// The learning rate after `step` batches, both float32 scalars.
    ///
    /// # Errors
    /// When an argument makes no sense.
    fn call(&self, step: &Value) -> Result<Value>;

    /// Fails on arguments that make no sense.
    ///
    /// # Errors
    /// The first such argument.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

family! {
    /// A schedule of the learning rate, as an object or as a function.
    Schedule("learning rate schedule"): ScheduleRule {
        ExponentialDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        InverseTimeDecay,
        CosineDecay,
        CosineDecayRestarts,
    }
}

impl Schedule {
    /// A schedule computed by a function of the number of batches so far. It is saved by its name alone.
    ///
    /// ```
    /// use cornu::optimizers::schedules::Schedule;
    /// let rate = Schedule::function("inverse_root", |step| 0.1 / (step + 1.0).sqrt());
    /// # let _ = rate;
    /// ```
    pub fn function(
        name: impl Into<String>,
        function: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Schedule {
        Schedule::custom(Function { name: name.into(), function })
    }

    /// Fails when the class is unknown or an argument makes no sense.
    ///
    /// # Errors
    /// The unknown class, or the argument.
    pub fn check(&self) -> Result<()> {
        self.get()?.check()
    }

    /// The learning rate after `step` batches: a float32 scalar.
    ///
    /// # Errors
    /// When an argument makes no sense, or a function gives no scalar.
    pub fn call(&self, step: &Value) -> Result<Value> {
        self.check()?;
        let rate = self.get()?.call(&step.cast(DType::F32))?;
        step.builder().check()?;
        if rate.rank() > 0 {
            let message = format!("must give one number, got shape {:?}", rate.shape());
            return Err(Error::argument("learning_rate", message));
        }
        Ok(rate.cast(DType::F32))
    }
}

struct Function<F> {
    name: String,
    function: F,
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.name)
    }
}

impl<F> Saved for Function<F> {
    fn saved(&self) -> Result<Json> {
        Ok(self.name.as_str().into())
    }
}

impl<F: Fn(&Value) -> Value + Send + Sync> ScheduleRule for Function<F> {
    fn call(&self, step: &Value) -> Result<Value> {
        Ok((self.function)(step))
    }
}
