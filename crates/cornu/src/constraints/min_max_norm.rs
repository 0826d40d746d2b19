//! Norms within bounds.
use crate::constraints::{Axes, Constrain, EPSILON, norms};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// Norms over `axis` between two bounds, approached at `rate`.
#[config("keras.constraints")]
pub struct MinMaxNorm {
    /// The smallest norm.
    #[default(0.0)]
    pub min_value: f64,
    /// The largest norm.
    #[default(1.0)]
    pub max_value: f64,
    /// 1: at once; less: that share of the way at each update.
    #[default(1.0)]
    pub rate: f64,
    /// The axes of one norm.
    #[default(0)]
    pub axis: Axes,
}

impl Constrain for MinMaxNorm {
    fn constrain(&self, w: &Value) -> Result<Value> {
        let norms = norms(w, &self.axis);
        let clipped = norms.maximum(&w.scalar(self.min_value)).minimum(&w.scalar(self.max_value));
        let desired = self.rate * clipped + (1.0 - self.rate) * &norms;
        Ok(w * (desired / (norms + EPSILON)))
    }
}
