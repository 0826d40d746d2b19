//! Sum of absolute values.
use crate::object::Rounded;
use crate::regularizers::{Regularize, check_factor};
use cornu_derive::config;
use cornu_graph::{Result, Value};

/// `l1 * sum(|x|)`
#[config("keras.regularizers")]
pub struct L1 {
    /// The factor.
    #[default(0.01)]
    #[save_as(Rounded)]
    pub l1: f64,
}

impl Regularize for L1 {
    fn regularize(&self, x: &Value) -> Result<Value> {
        check_factor("L1.l1", self.l1)?;
        Ok(self.l1 * x.abs().sum(x.all_axes()))
    }
}
