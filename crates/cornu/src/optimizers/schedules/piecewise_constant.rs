//! A rate that changes at given steps.
use super::ScheduleRule;
use cornu_derive::config;
use cornu_graph::{Error, Result, Value};

/// `values[0]` up to and including the batch `boundaries[0]`, then `values[1]`, and so on. Keras's
/// `PiecewiseConstantDecay`.
#[config("keras.optimizers.schedules")]
pub struct PiecewiseConstantDecay {
    /// Numbers of batches, increasing.
    pub boundaries: Vec<i64>,
    /// The rates before, between and after them: one more than boundaries.
    pub values: Vec<f64>,
    /// Name.
    #[default("PiecewiseConstant")]
    pub name: String,
}

impl ScheduleRule for PiecewiseConstantDecay {
    fn call(&self, step: &Value) -> Result<Value> {
        self.check()?;
        let (first, later) = (step.scalar(self.values[0]), self.boundaries.iter().zip(&self.values[1..]));
        let after = |rate: Value, (&boundary, &value): (&i64, &f64)| {
            step.gt(&step.scalar(boundary as f64)).select(&step.scalar(value), &rate)
        };
        Ok(later.fold(first, after))
    }

    fn check(&self) -> Result<()> {
        let (boundaries, values) = (self.boundaries.len(), self.values.len());
        if boundaries + 1 != values {
            let message =
                format!("needs one value more than boundaries, got {boundaries} and {values} values");
            return Err(Error::argument("PiecewiseConstantDecay", message));
        }
        if !self.boundaries.is_sorted() {
            let message = format!("must increase, got {:?}", self.boundaries);
            return Err(Error::argument("PiecewiseConstantDecay.boundaries", message));
        }
        Ok(())
    }
}
