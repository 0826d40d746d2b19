//! Derivatives of the logarithm of the gamma function.
use super::{Attributes, OpRule, arity};
use crate::{Error, Result, Spec, Value};

op! {
    /// `y[i]` is the derivative of order `order + 1` of `lgamma` at `x[i]`; order 0 is the digamma function. CHLO
    /// `digamma` and `polygamma`; see [`crate::special::polygamma`].
    Polygamma "polygamma" {
        /// At most [`Polygamma::MAX_ORDER`].
        order: usize,
    }
}

impl Polygamma {
    /// Beyond it the factor `order!` does not fit an f64.
    pub const MAX_ORDER: usize = 150;
}

impl OpRule for Polygamma {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        if !x.dtype.is_float() {
            return Err(Error::op(Self::NAME, format!("does not take {}", x.dtype)));
        }
        if self.order > Self::MAX_ORDER {
            let message = format!("order {} is above {}", self.order, Self::MAX_ORDER);
            return Err(Error::op(Self::NAME, message));
        }
        Ok(vec![x.clone()])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        vec![Some(g * x[0].polygamma(self.order + 1))]
    }
}

impl Value {
    /// Derivative of `lgamma`.
    #[track_caller]
    pub fn digamma(&self) -> Value {
        self.polygamma(0)
    }

    /// Derivative of order `order + 1` of `lgamma`.
    #[track_caller]
    pub fn polygamma(&self, order: usize) -> Value {
        Value::emit1(Polygamma { order }, &[self])
    }
}
