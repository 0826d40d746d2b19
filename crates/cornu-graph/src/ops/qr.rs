//! Orthonormal columns.
use super::{Attributes, OpRule, arity, matrices};
use crate::{DType, Error, Result, Spec, Value};

op! {
    /// `a = q r` of matrices `a` `(.., m, n)`: the columns of `q` are orthonormal, `r` is upper triangular. By reflections,
    /// with the signs of LAPACK's `geqrf`.
    ///
    /// Outputs: `q` `(.., m, k)` and `r` `(.., k, n)`, where `k` is the smaller of `m` and `n`, or `m` if `full`. Decomposes
    /// into a `scan` over columns.
    Qr "qr" {
        /// Whether `q` is square.
        full: bool,
    }
}

impl OpRule for Qr {
    fn arity_out(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [a] = arity(Self::NAME, inputs)?;
        let (m, n) = matrices::size(Self::NAME, a)?;
        let k = if self.full { m } else { m.min(n) };
        Ok(vec![matrices::in_batch(a, &[m, k]), matrices::in_batch(a, &[k, n])])
    }

    /// Walter and Lehmann, "Algorithmic Differentiation of Linear Algebra Functions", 2018.
    fn vjp(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let (a, q, r) = (&x[0], &y[0], &y[1]);
        let (m, n) = (a.dim(-2), a.dim(-1));
        if self.full && m > n {
            let e = Error::op(Self::NAME, "has no gradient where `q` is completed by more columns than the matrix has");
            a.fail(e.help("use the reduced form"));
            return vec![None];
        }
        let given = |g: &Option<Value>, v: &Value| g.clone().unwrap_or_else(|| v.full_like(0.0));
        let (gq, gr) = (given(&g[0], q), given(&g[1], r).triu(0));
        // Columns beyond the square part are `q` times those of `r`.
        let rest = |v: &Value| v.slice_axis(-1, m.min(n), n);
        let gq = if n > m { &gq + rest(a).matmul(&rest(&gr).matrix_transpose()) } else { gq };
        let (r, gr_square) = (r.slice_axis(-1, 0, m.min(n)), gr.slice_axis(-1, 0, m.min(n)));
        let inner = r.matmul(&gr_square.matrix_transpose()) - gq.matrix_transpose().matmul(q);
        let sum = gq + q.matmul(&inner.mirrored());
        // Times r⁻ᵀ from the right.
        let d = r.triangular_solve(&sum.matrix_transpose(), false, false, false).matrix_transpose();
        vec![Some(if n > m { Value::concat(&[&d, &q.matmul(&rest(&gr))], -1) } else { d })]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let a = &inputs[0];
        let (m, n) = (a.dim(-2), a.dim(-1));
        let k = m.min(n);
        let steps = a.builder().iota(DType::I32, [k], 0);
        let step = |_: &crate::Builder, carry: &[Value], slices: &[Value]| {
            let (r, j) = (&carry[0], &slices[0]);
            let (rows, columns) = (r.positions(-2, m), r.positions(-1, n));
            let zero = r.scalar(0.0);
            let column = columns.equal(j).select(r, &zero).sum_keepdims([-1]);
            let column = rows.ge(j).select(&column, &zero).over_largest([-2]).0;
            let head = rows.equal(j).select(&column, &zero).sum_keepdims([-2]);
            let tail = rows.gt(j).select(&column, &zero);
            let rest = tail.square().sum_keepdims([-2]);
            let norm = (head.square() + &rest).sqrt();
            let beta = head.ge(&zero).select(&-&norm, &norm);
            // A column that is in place already is not reflected.
            let moves = rest.gt(&zero);
            let or_one = |v: &Value| moves.select(v, &v.full_like(1.0));
            let share = moves.select(&((&beta - &head) / or_one(&beta)), &beta.full_like(0.0));
            let mirror = rows.equal(j).select(&tail.full_like(1.0), &(tail / or_one(&(&head - &beta))));
            Ok((vec![reflected(r, &mirror, &share)], vec![mirror, share]))
        };
        // From the last to the first, so that only the columns of `q` that are wanted are made.
        let back = |_: &crate::Builder, carry: &[Value], slices: &[Value]| {
            Ok((vec![reflected(&carry[0], &slices[0], &slices[1])], vec![]))
        };
        let wanted = if self.full { m } else { k };
        let start = a.identity(m).slice_axis(-1, 0, wanted);
        let start = start.broadcast_to(&[&a.shape()[..a.rank() - 2], &[m, wanted]].concat());
        let builder = a.builder();
        let both = || {
            let (r, mirrors) = builder.scan(std::slice::from_ref(a), &[steps], k, false, step)?;
            let (q, _) = builder.scan(&[start], &mirrors, k, true, back)?;
            Ok(vec![q[0].clone(), r[0].slice_axis(-2, 0, wanted).triu(0)])
        };
        Some(both().unwrap_or_else(|e: Error| vec![a.fail(e); 2]))
    }
}

/// Columns seen in a mirror: less a share of what they have along it.
fn reflected(x: &Value, mirror: &Value, share: &Value) -> Value {
    x - (share * mirror) * mirror.matrix_transpose().matmul(x)
}

impl Value {
    /// Orthonormal columns and the upper triangular matrices that make this of them; square if `full`. See [`Qr`].
    #[track_caller]
    pub fn qr(&self, full: bool) -> (Value, Value) {
        let mut outputs = Value::emit(Qr { full }, &[self]);
        let r = outputs.pop().unwrap_or_else(|| self.builder().failed());
        (outputs.pop().unwrap_or_else(|| self.builder().failed()), r)
    }
}
