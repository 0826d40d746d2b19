//! Singular values.
use super::jacobi::{self, Rotations, Tournament};
use super::{Attributes, OpRule, arity, matrices};
use crate::{Error, Result, Spec, Value};

op! {
    /// `a = u s vᵀ` of matrices `a` `(.., m, n)`: the columns of `u` and `v` are orthonormal, `s` is diagonal and falls. The sum
    /// of each column of the smaller of `u` and `v`, weighted by 1, 1/2, 1/3, .., is not negative.
    ///
    /// Outputs: `u` `(.., m, k)`, the diagonal of `s` `(.., k)` and `vᵀ` `(.., k, n)`, where `k` is the smaller of `m` and `n`;
    /// `u` and `v` are square if `full`. Decomposes into rotations of pairs of columns (Hestenes, "Inversion of Matrices by
    /// Biorthogonalization", 1958).
    Svd "svd" {
        /// Whether `u` and `v` are square.
        full: bool,
    }
}

impl OpRule for Svd {
    fn arity_out(&self) -> usize {
        3
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [a] = arity(Self::NAME, inputs)?;
        let (m, n) = matrices::size(Self::NAME, a)?;
        let k = m.min(n);
        let (of_u, of_v) = if self.full { (m, n) } else { (k, k) };
        let sizes: [&[usize]; 3] = [&[m, of_u], &[k], &[of_v, n]];
        Ok(sizes.iter().map(|size| matrices::in_batch(a, size)).collect())
    }

    fn vjp(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let (m, n) = (x[0].dim(-2), x[0].dim(-1));
        let k = m.min(n);
        if self.full && m != n && (g[0].is_some() || g[2].is_some()) {
            let e = Error::op(Self::NAME, "has no gradient through vectors that complete the square matrices");
            x[0].fail(e.help("use the reduced form"));
            return vec![None];
        }
        let u = y[0].slice_axis(-1, 0, k);
        let v = y[2].slice_axis(-2, 0, k).matrix_transpose();
        let s = &y[1];
        let unit = s.identity(k);
        let columns = s.expand_dims(-2);
        // 1 / (s_j² - s_i²); vectors of equal singular values have no derivative.
        let gaps = columns.square() - s.expand_dims(-1).square();
        let off = 1.0 - &unit;
        let spread = |w: &Value, g: &Value| {
            let inner = w.matrix_transpose().matmul(g);
            (&inner - inner.matrix_transpose()) * &off / (&gaps + &unit)
        };
        let mut terms = vec![];
        if let Some(g) = &g[1] {
            terms.push(u.matmul(&(g.expand_dims(-1) * &unit)).matmul(&v.matrix_transpose()));
        }
        if let Some(g) = &g[0] {
            terms.push(u.matmul(&(spread(&u, g) * &columns)).matmul(&v.matrix_transpose()));
            if m > k {
                let beyond = g - u.matmul(&u.matrix_transpose().matmul(g));
                terms.push((beyond / &columns).matmul(&v.matrix_transpose()));
            }
        }
        if let Some(g) = &g[2] {
            let g = &g.matrix_transpose();
            terms.push((&u * &columns).matmul(&spread(&v, g)).matmul(&v.matrix_transpose()));
            if n > k {
                let beyond = g - v.matmul(&v.matrix_transpose().matmul(g));
                terms.push((&u / &columns).matmul(&beyond.matrix_transpose()));
            }
        }
        vec![terms.into_iter().reduce(|a, b| a + b)]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let a = &inputs[0];
        let is_tall = a.dim(-2) >= a.dim(-1);
        let tall = if is_tall { a.clone() } else { a.matrix_transpose() };
        Some(match rotated(&tall, self.full) {
            Ok([u, s, v]) if is_tall => vec![u, s, v.matrix_transpose()],
            Ok([v, s, u]) => vec![u, s, v.matrix_transpose()],
            Err(e) => vec![a.fail(e); 3],
        })
    }
}

/// `u`, `s` and `v` of matrices with no fewer rows than columns.
fn rotated(a: &Value, full: bool) -> Result<[Value; 3]> {
    let (m, n) = (a.dim(-2), a.dim(-1));
    let players = Tournament::new(n);
    let size = players.size();
    let (a, scale) = &a.over_largest([-1, -2]);
    let padded = a.pad_axis(-1, 0, (size - n) as i64, 0.0);
    let square = [&a.shape()[..a.rank() - 2], &[size, size]].concat();
    let vectors = a.identity(size).broadcast_to(&square);
    let limit = 2.0 * jacobi::tolerance(a, m);
    let is_apart = |state: &[Value]| {
        // Cosines between columns.
        let products = state[0].matrix_transpose().matmul(&state[0]);
        let lengths = (&products * products.identity(size)).sum([-1]).sqrt();
        let lengths = lengths.equal(&lengths.scalar(0.0)).select(&lengths.full_like(1.0), &lengths);
        let cosines = products / (lengths.expand_dims(-1) * lengths.expand_dims(-2));
        let apart = (cosines.abs() * (1.0 - cosines.identity(size))).gt(&cosines.scalar(limit));
        apart.any(apart.all_axes())
    };
    let step = |state: &[Value]| {
        let (top, bottom) = players.halves(&state[0], -1);
        let by =
            Rotations::new(&top.square().sum([-2]), &bottom.square().sum([-2]), &(&top * &bottom).sum([-2]));
        vec![players.turn(&state[0], -1, &by), players.turn(&state[1], -1, &by)]
    };
    let last = jacobi::sweep(&players, &[padded, vectors], is_apart, step)?;

    // The column that was added comes last.
    let lengths = last[0].square().sum([-2]).sqrt();
    let added = last[1].slice_axis(-2, n, size).abs().sum([-2]).gt(&lengths.scalar(0.5));
    let keys = added.select(&lengths.scalar(f64::INFINITY), &-&lengths);
    let order = keys.argsort(-1).slice_axis(-1, 0, n);
    let s = lengths.take_along_axis(&order, -1);
    let by_column = |v: &Value| v.take_along_axis(&order.expand_dims(-2), -1);
    let (columns, v) = (by_column(&last[0]), by_column(&last[1].slice_axis(-2, 0, n)));
    // Reflections make unit vectors of columns, even of such as are 0, and complete them.
    let (q, r) = columns.qr(full);
    let diagonal = (r.slice_axis(-2, 0, n) * r.identity(n)).sum_keepdims([-2]);
    let turned = diagonal.lt(&diagonal.scalar(0.0)).select(&diagonal.full_like(-1.0), &diagonal.full_like(1.0));
    let signs = v.column_signs();
    let of_u = (turned * &signs).pad_axis(-1, 0, q.dim(-1) as i64 - n as i64, 1.0);
    Ok([q * of_u, s * scale.squeeze(-1), v * signs])
}

impl Value {
    /// `u`, the diagonal of `s`, and `vᵀ`; see [`Svd`].
    #[track_caller]
    pub fn svd(&self, full: bool) -> [Value; 3] {
        let mut outputs = Value::emit(Svd { full }, &[self]).into_iter();
        let mut next = || outputs.next().unwrap_or_else(|| self.builder().failed());
        [next(), next(), next()]
    }
}
