//! Norms of 1.
use crate::constraints::{Axes, Constrain, EPSILON, norms};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// Norms over `axis` of 1.
#[config("keras.constraints")]
pub struct UnitNorm {
    /// The axes of one norm.
    #[default(0)]
    pub axis: Axes,
}

impl Constrain for UnitNorm {
    fn constrain(&self, w: &Value) -> Result<Value> {
        Ok(w / (norms(w, &self.axis) + EPSILON))
    }
}
