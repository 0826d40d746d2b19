//! Sum of absolute values and of squares.
use crate::regularizers::{Regularize, check_factor};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// `l1 * sum(|x|) + l2 * sum(x²)`
#[config("keras.regularizers")]
pub struct L1L2 {
    /// The factor of the absolute values.
    #[default(0.0)]
    pub l1: f64,
    /// The factor of the squares.
    #[default(0.0)]
    pub l2: f64,
}

impl Regularize for L1L2 {
    fn regularize(&self, x: &Value) -> Result<Value> {
        check_factor("L1L2.l1", self.l1)?;
        check_factor("L1L2.l2", self.l2)?;
        let mut penalty = x.scalar(0.0);
        // Keras leaves a term out where its factor is 0, which matters where the sum is infinite.
        if self.l1 != 0.0 {
            penalty = penalty + self.l1 * x.abs().sum(x.all_axes());
        }
        if self.l2 != 0.0 {
            penalty = penalty + self.l2 * x.square().sum(x.all_axes());
        }
        Ok(penalty)
    }
}
