//! The same values in another shape.
use super::{Attributes, OpRule, arity};
use crate::{Error, Result, Spec, Value};

op! {
    /// The same values in row-major order. StableHLO `reshape`.
    Reshape "reshape" {
        /// The new shape.
        shape: Vec<usize>,
    }
}

impl OpRule for Reshape {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        if crate::shape::count(&self.shape) != Some(x.len()) {
            return Err(Error::op(Self::NAME, format!("{:?} does not become {:?}", x.shape, self.shape)));
        }
        Ok(vec![x.with_shape(self.shape.clone())])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        vec![Some(g.reshape(x[0].shape()))]
    }
}

impl Value {
    /// The same values in row-major order.
    #[track_caller]
    pub fn reshape(&self, shape: &[usize]) -> Value {
        if self.shape() == shape {
            return self.clone();
        }
        Value::emit1(Reshape { shape: shape.to_vec() }, &[self])
    }

    /// A new axis of size 1 before `axis`; -1 adds it at the end.
    #[track_caller]
    pub fn expand_dims(&self, axis: i64) -> Value {
        match crate::normalize_axis("expand_dims", axis, self.rank() + 1) {
            Ok(at) => {
                let mut shape = self.shape().to_vec();
                shape.insert(at, 1);
                self.reshape(&shape)
            }
            Err(e) => self.fail(e),
        }
    }

    /// Without `axis`, which must have size 1.
    #[track_caller]
    pub fn squeeze(&self, axis: i64) -> Value {
        match crate::normalize_axis("squeeze", axis, self.rank()) {
            Ok(at) if self.shape()[at] == 1 => {
                let mut shape = self.shape().to_vec();
                shape.remove(at);
                self.reshape(&shape)
            }
            Ok(at) => self.fail(Error::op("squeeze", format!("axis {at} of {:?} is not 1", self.shape()))),
            Err(e) => self.fail(e),
        }
    }
}
