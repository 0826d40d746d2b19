//! Constants.
use super::{Attributes, OpRule, arity};
use crate::{Result, Spec, Tensor, Value};

op! {
    /// Always the same tensor. StableHLO `constant`.
    Constant "constant" {
        /// The tensor.
        value: Tensor,
    }
}

impl OpRule for Constant {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [] = arity(Self::NAME, inputs)?;
        Ok(vec![Spec::new(self.value.dtype(), self.value.shape())])
    }

    fn grad(&self, _: &[Value], _: &Value, _: &Value) -> Vec<Option<Value>> {
        vec![]
    }
}
