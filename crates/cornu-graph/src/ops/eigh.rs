//! Eigenvalues of symmetric matrices.
use super::jacobi::{self, Rotations, Tournament};
use super::{Attributes, OpRule, arity, matrices};
use crate::{Result, Spec, Value};

op! {
    /// Eigenvalues, rising, and eigenvectors, as columns, of the symmetric matrices whose lower triangle is given; what lies
    /// above is not read. The sum of each vector, weighted by 1, 1/2, 1/3, .., is not negative.
    ///
    /// Outputs: `(.., n)` and `(.., n, n)`. Decomposes into Jacobi's rotations (Brent and Luk, "The Solution of Singular-Value
    /// and Symmetric Eigenvalue Problems on Multiprocessor Arrays", 1985).
    Eigh "eigh" {}
}

impl OpRule for Eigh {
    fn arity_out(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [a] = arity(Self::NAME, inputs)?;
        let n = matrices::square(Self::NAME, a)?;
        Ok(vec![matrices::in_batch(a, &[n]), a.clone()])
    }

    fn vjp(&self, _: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let (values, vectors) = (&y[0], &y[1]);
        let across = vectors.matrix_transpose();
        let n = values.dim(-1);
        let unit = vectors.identity(n);
        let mut inner = None;
        if let Some(g) = &g[1] {
            // Divided by the distance of eigenvalues; vectors of equal ones have no derivative.
            let gaps = values.expand_dims(-2) - values.expand_dims(-1);
            let between = across.matmul(g) / (&gaps + &unit);
            inner = Some(&between - &between * &unit);
        }
        if let Some(g) = &g[0] {
            let diagonal = g.expand_dims(-1) * &unit;
            inner = Some(inner.map_or(diagonal.clone(), |v| v + diagonal));
        }
        vec![inner.map(|v| vectors.matmul(&v).matmul(&across).by_lower_triangle())]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let failed = |e| vec![inputs[0].fail(e); 2];
        Some(rotated(&inputs[0]).unwrap_or_else(failed))
    }
}

fn rotated(a: &Value) -> Result<Vec<Value>> {
    let n = a.dim(-1);
    let players = Tournament::new(n);
    let size = players.size();
    let more = (size - n) as i64;
    let (a, scale) = a.mirrored().over_largest([-1, -2]);
    let a = a.pad_axis(-1, 0, more, 0.0).pad_axis(-2, 0, more, 0.0);
    let vectors = a.identity(size).broadcast_to(a.shape());
    let on_diagonal = a.identity(size);
    let all = a.square().sum_keepdims([-1, -2]) * jacobi::tolerance(&a, n).powi(2);
    let is_apart = |state: &[Value]| {
        let left = (&state[0] * (1.0 - &on_diagonal)).square().sum_keepdims([-1, -2]);
        left.gt(&all).any(left.all_axes())
    };
    let step = |state: &[Value]| {
        let (a, vectors) = (&state[0], &state[1]);
        let diagonal = |v: &Value| (v * v.identity(players.half)).sum([-1]);
        let half = |rows: usize, columns: usize| {
            let from = |i: usize| (i * players.half, (i + 1) * players.half);
            diagonal(&a.block(from(rows), from(columns)))
        };
        let by = Rotations::new(&half(0, 0), &half(1, 1), &half(0, 1));
        vec![players.turn(&players.turn(a, -1, &by), -2, &by), players.turn(vectors, -1, &by)]
    };
    let last = jacobi::sweep(&players, &[a, vectors], is_apart, step)?;

    // The column that was added comes last.
    let values = (&last[0] * &on_diagonal).sum([-1]);
    let added = last[1].slice_axis(-2, n, size).abs().sum([-2]).gt(&values.scalar(0.5));
    let order = added.select(&values.scalar(f64::INFINITY), &values).argsort(-1).slice_axis(-1, 0, n);
    let values = values.take_along_axis(&order, -1);
    let vectors = last[1].slice_axis(-2, 0, n).take_along_axis(&order.expand_dims(-2), -1);
    let signs = vectors.column_signs();
    Ok(vec![values * scale.squeeze(-1), vectors * signs])
}

impl Value {
    /// Eigenvalues, rising, and eigenvectors of symmetric matrices, of which the lower triangle is read; see [`Eigh`].
    #[track_caller]
    pub fn eigh(&self) -> (Value, Value) {
        let mut outputs = Value::emit(Eigh {}, &[self]);
        let vectors = outputs.pop().unwrap_or_else(|| self.builder().failed());
        (outputs.pop().unwrap_or_else(|| self.builder().failed()), vectors)
    }
}
