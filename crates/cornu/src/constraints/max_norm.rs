//! A largest norm.
use crate::constraints::{Axes, Constrain, EPSILON, norms};
use crate::object::Whole;
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// Norms over `axis` of at most `max_value`. Larger ones are scaled down.
///
/// Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
#[config("keras.constraints")]
pub struct MaxNorm {
    /// The largest norm.
    #[default(2.0)]
    #[save_as(Whole)]
    pub max_value: f64,
    /// The axes of one norm: 0 for the inputs of each unit of a `Dense`, `[0, 1, 2]` for the filters of a `Conv2D`.
    #[default(0)]
    pub axis: Axes,
}

impl Constrain for MaxNorm {
    fn constrain(&self, w: &Value) -> Result<Value> {
        let norms = norms(w, &self.axis);
        let desired = norms.maximum(&w.scalar(0.0)).minimum(&w.scalar(self.max_value));
        Ok(w * (desired / (norms + EPSILON)))
    }
}
