//! The same value under another id.
use super::{Attributes, OpRule, arity};
use crate::{Result, Spec, Value};

op! {
    /// `y = x`. Removed by `simplify`; it marks where a gradient starts.
    Alias "alias" {}
}

impl OpRule for Alias {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        Ok(vec![x.clone()])
    }

    fn grad(&self, _: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        vec![Some(g.clone())]
    }
}
