//! A wall for gradients.
use super::{Attributes, OpRule, arity};
use crate::{Result, Spec, Value};

op! {
    /// `y = x`, with a gradient of zero.
    StopGradient "stop_gradient" {}
}

impl OpRule for StopGradient {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        Ok(vec![x.clone()])
    }

    fn grad(&self, _: &[Value], _: &Value, _: &Value) -> Vec<Option<Value>> {
        vec![None]
    }
}

impl Value {
    /// The same value, taken as a constant by the gradient.
    #[track_caller]
    pub fn stop_gradient(&self) -> Value {
        Value::emit1(StopGradient {}, &[self])
    }
}
