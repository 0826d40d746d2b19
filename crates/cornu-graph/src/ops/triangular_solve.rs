//! Systems of equations that are triangular.
use super::{Attributes, OpRule, arity, matrices};
use crate::{Error, Result, Spec, Value};

op! {
    /// The `x` with `a x = b`, where `a` is triangular: only its lower or upper triangle is read. Inputs: `a` `(.., n, n)` and
    /// `b` `(.., n, m)` with the same batches. StableHLO `triangular_solve` with `left_side`.
    TriangularSolve "triangular_solve" {
        /// Whether the lower triangle is meant, rather than the upper.
        lower: bool,
        /// Whether `a` stands transposed in the equation.
        transpose: bool,
        /// Whether the diagonal of `a` counts as ones and is not read.
        unit: bool,
    }
}

impl OpRule for TriangularSolve {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [a, b] = arity(Self::NAME, inputs)?;
        let n = matrices::square(Self::NAME, a)?;
        let (rows, columns) = matrices::size(Self::NAME, b)?;
        if rows != n || a.dtype != b.dtype || *b != matrices::in_batch(a, &[n, columns]) {
            return Err(Error::op(Self::NAME, format!("{a} and {b} make no systems of equations")));
        }
        Ok(vec![b.clone()])
    }

    fn grad(&self, inputs: &[Value], x: &Value, g: &Value) -> Vec<Option<Value>> {
        let back = TriangularSolve { transpose: !self.transpose, ..self.clone() };
        let db = Value::emit1(back, &[&inputs[0], g]);
        let (left, right) = if self.transpose { (x, &db) } else { (&db, x) };
        let da = -left.matmul(&right.matrix_transpose());
        let beside = i64::from(self.unit);
        vec![Some(if self.lower { da.tril(-beside) } else { da.triu(beside) }), Some(db)]
    }
}

impl Value {
    /// The `x` with `a x = b` for triangular `a`, which is this one, read as in [`TriangularSolve`].
    #[track_caller]
    pub fn triangular_solve(&self, b: &Value, lower: bool, transpose: bool, unit: bool) -> Value {
        Value::emit1(TriangularSolve { lower, transpose, unit }, &[self, b])
    }
}
