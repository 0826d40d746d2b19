//! No negative weights.
use crate::constraints::Constrain;
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// `max(w, 0)`
#[config("keras.constraints")]
pub struct NonNeg {}

impl Constrain for NonNeg {
    fn constrain(&self, w: &Value) -> Result<Value> {
        Ok(w.maximum(&w.scalar(0.0)))
    }
}
