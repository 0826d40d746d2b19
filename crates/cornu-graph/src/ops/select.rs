//! Elementwise choice.
use super::{Attributes, OpRule, arity, same_spec};
use crate::{DType, Error, Result, Spec, Value};

op! {
    /// `y[i] = if pred[i] { a[i] } else { b[i] }`. StableHLO `select`.
    Select "select" {}
}

impl OpRule for Select {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [pred, a, b] = arity(Self::NAME, inputs)?;
        same_spec(Self::NAME, a, b)?;
        if pred.dtype != DType::Bool || pred.shape != a.shape {
            return Err(Error::op(Self::NAME, format!("takes a predicate bool{:?}, got {pred}", a.shape)));
        }
        Ok(vec![a.clone()])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let zero = g.scalar(0.0);
        vec![None, Some(x[0].select(g, &zero)), Some(x[0].select(&zero, g))]
    }
}

impl Value {
    /// `a` where this bool holds, else `b`; all three broadcast. NumPy's `where`.
    #[track_caller]
    pub fn select(&self, a: &Value, b: &Value) -> Value {
        let (a, b) = a.join(b);
        match crate::broadcast_shapes(self.shape(), a.shape()) {
            Ok(shape) => Value::emit1(
                Select {},
                &[&self.broadcast_to(&shape), &a.broadcast_to(&shape), &b.broadcast_to(&shape)],
            ),
            Err(e) => self.fail(e),
        }
    }
}
