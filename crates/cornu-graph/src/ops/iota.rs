//! Counting along an axis.
use super::{Attributes, OpRule, arity};
use crate::{Builder, DType, Error, Result, Spec, Value};

op! {
    /// `y[.., i, ..] = i` along `axis`. StableHLO `iota`.
    Iota "iota" {
        /// Type of the elements; not bool.
        dtype: DType,
        /// Shape of the result.
        shape: Vec<usize>,
        /// The axis that counts.
        axis: usize,
    }
}

impl OpRule for Iota {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [] = arity(Self::NAME, inputs)?;
        if self.axis >= self.shape.len() || self.dtype == DType::Bool {
            let message = format!("axis {} of {}{:?} cannot count", self.axis, self.dtype, self.shape);
            return Err(Error::op(Self::NAME, message));
        }
        Ok(vec![Spec::new(self.dtype, self.shape.clone())])
    }

    fn grad(&self, _: &[Value], _: &Value, _: &Value) -> Vec<Option<Value>> {
        vec![]
    }
}

impl Builder {
    /// `y[.., i, ..] = i` along `axis`.
    #[track_caller]
    pub fn iota(&self, dtype: DType, shape: impl Into<Vec<usize>>, axis: usize) -> Value {
        self.emit1(Iota { dtype, shape: shape.into(), axis }, &[])
    }
}
