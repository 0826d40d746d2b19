//! Cholesky factors.
use super::{Attributes, OpRule, arity, matrices};
use crate::{Result, Spec, Value};

op! {
    /// The lower triangular `l` with `l lᵀ` the positive definite matrix whose lower triangle is given; what lies above is not
    /// read. NaN in the lower triangle where there is none. StableHLO `cholesky` with `lower`.
    Cholesky "cholesky" {}
}

impl OpRule for Cholesky {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        matrices::square(Self::NAME, x)?;
        Ok(vec![x.clone()])
    }

    /// Murray, "Differentiation of the Cholesky decomposition", 2016.
    fn grad(&self, _: &[Value], l: &Value, g: &Value) -> Vec<Option<Value>> {
        let inner = l.matrix_transpose().matmul(&g.tril(0)).lower_half();
        let left = l.triangular_solve(&inner, true, true, false);
        let both = l.triangular_solve(&left.matrix_transpose(), true, true, false);
        vec![Some(both.by_lower_triangle())]
    }
}

impl Value {
    /// The Cholesky factors of positive definite matrices, of which the lower triangle is read; see [`Cholesky`].
    #[track_caller]
    pub fn cholesky(&self) -> Value {
        Value::emit1(Cholesky {}, &[self])
    }
}
