//! Change of dtype.
use super::{Attributes, OpRule, arity};
use crate::{DType, Result, Spec, Value};

op! {
    /// The same values in another dtype: floats round to nearest even; floats to integers truncate and saturate, NaN
    /// gives 0; integers wrap; anything to bool is `x != 0`. StableHLO `convert`.
    Cast "cast" {
        /// The new dtype.
        dtype: DType,
    }
}

impl OpRule for Cast {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        Ok(vec![x.with_dtype(self.dtype)])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let both_float = x[0].dtype().is_float() && self.dtype.is_float();
        vec![both_float.then(|| g.cast(x[0].dtype()))]
    }
}

impl Value {
    /// The same values in another dtype.
    #[track_caller]
    pub fn cast(&self, dtype: DType) -> Value {
        if self.dtype() == dtype { self.clone() } else { Value::emit1(Cast { dtype }, &[self]) }
    }
}
