//! Sum of squares.
use crate::regularizers::{Regularize, check_factor};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// `l2 * sum(x²)`
#[config("keras.regularizers")]
pub struct L2 {
    /// The factor.
    #[default(0.01)]
    pub l2: f64,
}

impl Regularize for L2 {
    fn regularize(&self, x: &Value) -> Result<Value> {
        check_factor("L2.l2", self.l2)?;
        Ok(self.l2 * x.square().sum(x.all_axes()))
    }
}
