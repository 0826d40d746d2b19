//! Triangular factors of any matrix.
use super::{Attributes, OpRule, arity, matrices};
use crate::{DType, Result, Spec, Value};

op! {
    /// `p a = l u` of matrices `a` `(.., m, n)`: `l` is lower triangular with ones on its diagonal, `u` upper triangular, and
    /// `p` exchanges rows so that no element of `l` exceeds 1. LAPACK's `getrf`.
    ///
    /// Outputs: `l` (without its ones) and `u` in one `(.., m, n)`; with which row each row was exchanged in turn, int32
    /// `(.., min(m, n))`; which row of `a` each row of `p a` is, int32 `(.., m)`. Decomposes into a `scan` over columns.
    Lu "lu" {}
}

impl OpRule for Lu {
    fn arity_out(&self) -> usize {
        3
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [a] = arity(Self::NAME, inputs)?;
        let (m, n) = matrices::size(Self::NAME, a)?;
        let integers = |size| matrices::in_batch(a, &[size]).with_dtype(DType::I32);
        Ok(vec![a.clone(), integers(m.min(n)), integers(m)])
    }

    /// From `p da = dl u + l du`, where `l⁻¹ dl` is strictly lower and `du u⁻¹` upper triangular.
    fn vjp(&self, _: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let (Some(g), lu, order) = (&g[0], &y[0], &y[2]) else { return vec![None] };
        let (m, n) = (lu.dim(-2), lu.dim(-1));
        let k = m.min(n);
        let (square, g_square) = (lu.block((0, k), (0, k)), g.block((0, k), (0, k)));
        let u = square.triu(0);
        let l = square.tril(-1) + lu.identity(k);
        let below = |v: &Value| v.block((k, m), (0, k));
        let beside = |v: &Value| v.block((0, k), (k, n));
        let mut lower = l.matrix_transpose().matmul(&g_square.tril(-1));
        let mut upper = g_square.triu(0).matmul(&u.matrix_transpose());
        if n > k {
            lower = lower - beside(g).matmul(&beside(lu).matrix_transpose());
        }
        if m > k {
            upper = upper - below(lu).matrix_transpose().matmul(&below(g));
        }
        // l⁻ᵀ x, and x u⁻ᵀ.
        let by_l = |x: &Value| square.triangular_solve(x, true, true, true);
        let by_u = |x: &Value| {
            square.triangular_solve(&x.matrix_transpose(), false, false, false).matrix_transpose()
        };
        let mut d = by_u(&by_l(&(lower.tril(-1) + upper.triu(0))));
        if n > k {
            d = Value::concat(&[&d, &by_l(&beside(g))], -1);
        }
        if m > k {
            d = Value::concat(&[&d, &by_u(&below(g))], -2);
        }
        let back = order.argsort(-1).expand_dims(-1);
        vec![Some(d.take_along_axis(&back, -2))]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let a = &inputs[0];
        let (m, n) = (a.dim(-2), a.dim(-1));
        let builder = a.builder();
        let order = a.positions(-1, m).squeeze(0).broadcast_to(&[&a.shape()[..a.rank() - 2], &[m]].concat());
        let steps = builder.iota(DType::I32, [m.min(n)], 0);
        let step = |_: &crate::Builder, carry: &[Value], slices: &[Value]| {
            let (a, order, j) = (&carry[0], &carry[1], &slices[0]);
            let (rows, columns) = (a.positions(-2, m), a.positions(-1, n));
            let zero = a.scalar(0.0);
            let column = |a: &Value| columns.equal(j).select(a, &zero).sum_keepdims([-1]);
            // The row with the largest element comes to the front of those that are left.
            let candidates = rows.lt(j).select(&a.scalar(-1.0), &column(a).abs());
            let pivot = candidates.squeeze(-1).argmax(-1);
            let at = pivot.expand_dims(-1);
            let places = a.positions(-1, m).squeeze(0);
            let source = places.equal(j).select(&at, &places.equal(&at).select(j, &places));
            let a = a.take_along_axis(&source.expand_dims(-1), -2);
            let order = order.take_along_axis(&source, -1);

            let left = column(&a);
            let head = rows.equal(j).select(&left, &zero).sum_keepdims([-2]);
            let divisor = head.equal(&zero).select(&head.full_like(1.0), &head);
            let factors = rows.gt(j).select(&(left / divisor), &zero);
            let row = rows.equal(j).select(&a, &zero).sum_keepdims([-2]);
            let row = columns.gt(j).select(&row, &zero);
            let reduced = &a - &factors * row;
            let is_factor = rows.gt(j).and(&columns.equal(j));
            let next = is_factor.select(&factors, &reduced);
            Ok((vec![next, order], vec![pivot]))
        };
        match builder.scan(&[a.clone(), order], &[steps], m.min(n), false, step) {
            Ok((mut last, pivots)) => {
                let rank = pivots[0].rank();
                let to_end: Vec<usize> = (1..rank).chain([0]).collect();
                last.insert(1, pivots[0].transpose(&to_end));
                Some(last)
            }
            Err(e) => Some(vec![a.fail(e); 3]),
        }
    }
}

impl Value {
    /// The triangular factors of matrices in one, the exchanges of rows, and the order of rows that they make; see [`Lu`].
    #[track_caller]
    pub fn lu(&self) -> [Value; 3] {
        let mut outputs = Value::emit(Lu {}, &[self]).into_iter();
        let mut next = || outputs.next().unwrap_or_else(|| self.builder().failed());
        [next(), next(), next()]
    }
}
