//! Linear algebra, one matrix at a time.
use super::{Array, Eval};
use crate::ops::{Cholesky, Eigh, Lu, Pinv, Qr, Svd, TriangularSolve};
use crate::{Result, Spec};

/// A matrix by rows.
#[derive(Clone)]
struct Matrix {
    rows: usize,
    columns: usize,
    at: Vec<f64>,
}

impl std::ops::Index<(usize, usize)> for Matrix {
    type Output = f64;
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.at[i * self.columns + j]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.at[i * self.columns + j]
    }
}

impl Matrix {
    fn new(rows: usize, columns: usize, f: impl Fn(usize, usize) -> f64) -> Matrix {
        let at = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| f(i, j)).collect();
        Matrix { rows, columns, at }
    }

    fn identity(n: usize) -> Matrix {
        Matrix::new(n, n, |i, j| f64::from(u8::from(i == j)))
    }

    fn transposed(&self) -> Matrix {
        Matrix::new(self.columns, self.rows, |i, j| self[(j, i)])
    }

    fn swap_rows(&mut self, i: usize, j: usize) {
        (0..self.columns).for_each(|k| self.at.swap(i * self.columns + k, j * self.columns + k));
    }

    /// The product of two columns.
    fn dot(&self, p: usize, q: usize) -> f64 {
        (0..self.rows).map(|i| self[(i, p)] * self[(i, q)]).sum()
    }

    /// Turns two columns.
    fn turn(&mut self, p: usize, q: usize, (cos, sin): (f64, f64)) {
        for i in 0..self.rows {
            let (x, y) = (self[(i, p)], self[(i, q)]);
            (self[(i, p)], self[(i, q)]) = (cos * x - sin * y, sin * x + cos * y);
        }
    }

    /// Takes from each column a share of what it has along a vector that begins at a row.
    fn reflect(&mut self, row: usize, mirror: &[f64], share: f64) {
        for k in 0..self.columns {
            let along: f64 = mirror.iter().zip(row..).map(|(v, i)| v * self[(i, k)]).sum();
            mirror.iter().zip(row..).for_each(|(v, i)| self[(i, k)] -= share * v * along);
        }
    }

    /// The columns in this order.
    fn in_order(&self, order: &[usize]) -> Matrix {
        Matrix::new(self.rows, order.len(), |i, j| self[(i, order[j])])
    }

    fn scale_column(&mut self, j: usize, by: f64) {
        (0..self.rows).for_each(|i| self[(i, j)] *= by);
    }

    /// The sign of the sum of a column weighted by 1, 1/2, 1/3, ..
    fn sign(&self, j: usize) -> f64 {
        let sum: f64 = (0..self.rows).map(|i| self[(i, j)] / (i + 1) as f64).sum();
        if sum < 0.0 { -1.0 } else { 1.0 }
    }
}

/// The matrices of an array.
fn matrices(x: &Array) -> Result<Vec<Matrix>> {
    let (rows, columns) = (x.spec.shape[x.spec.rank() - 2], x.spec.shape[x.spec.rank() - 1]);
    let matrix = |at: &[f64]| Matrix { rows, columns, at: at.to_vec() };
    Ok(x.as_floats()?.chunks(rows * columns).map(matrix).collect())
}

/// Of each matrix as many results as there are outputs.
fn each(x: &Array, out: &[Spec], f: impl Fn(Matrix) -> Vec<Vec<f64>>) -> Result<Vec<Array>> {
    let mut all = vec![vec![]; out.len()];
    for matrix in matrices(x)? {
        all.iter_mut().zip(f(matrix)).for_each(|(all, result)| all.extend(result));
    }
    let array = |(spec, all): (&Spec, Vec<f64>)| match spec.dtype.is_float() {
        true => Array::floats(spec, all),
        false => Array::ints(spec, all.into_iter().map(|x| x as i128)),
    };
    Ok(out.iter().zip(all).map(array).collect())
}

impl Eval for Cholesky {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        each(inputs[0], out, |a| {
            let n = a.rows;
            let mut l = Matrix::new(n, n, |_, _| 0.0);
            for i in 0..n {
                for j in 0..=i {
                    let rest = a[(i, j)] - (0..j).map(|k| l[(i, k)] * l[(j, k)]).sum::<f64>();
                    l[(i, j)] = if i == j { rest.sqrt() } else { rest / l[(j, j)] };
                }
            }
            if (0..n).all(|i| l[(i, i)] > 0.0) {
                return vec![l.at];
            }
            vec![Matrix::new(n, n, |i, j| if j <= i { f64::NAN } else { 0.0 }).at]
        })
    }
}

impl Eval for TriangularSolve {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let mut all = vec![];
        for (a, mut x) in matrices(inputs[0])?.into_iter().zip(matrices(inputs[1])?) {
            let n = a.rows;
            let a = if self.transpose { a.transposed() } else { a };
            let lower = self.lower != self.transpose;
            for step in 0..n {
                let i = if lower { step } else { n - 1 - step };
                let known = if lower { 0..i } else { i + 1..n };
                for k in 0..x.columns {
                    let rest = x[(i, k)] - known.clone().map(|j| a[(i, j)] * x[(j, k)]).sum::<f64>();
                    x[(i, k)] = if self.unit { rest } else { rest / a[(i, i)] };
                }
            }
            all.extend(x.at);
        }
        Ok(vec![Array::floats(&out[0], all)])
    }
}

impl Eval for Lu {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        each(inputs[0], out, |mut a| {
            let mut order: Vec<f64> = (0..a.rows).map(|i| i as f64).collect();
            let mut pivots = vec![];
            for j in 0..a.rows.min(a.columns) {
                let size = |a: &Matrix, i: usize| a[(i, j)].abs();
                let pivot = (j..a.rows).fold(j, |p, i| if size(&a, i) > size(&a, p) { i } else { p });
                pivots.push(pivot as f64);
                order.swap(j, pivot);
                a.swap_rows(j, pivot);
                if a[(j, j)] == 0.0 {
                    continue;
                }
                for i in j + 1..a.rows {
                    a[(i, j)] /= a[(j, j)];
                    for k in j + 1..a.columns {
                        a[(i, k)] -= a[(i, j)] * a[(j, k)];
                    }
                }
            }
            vec![a.at, pivots, order]
        })
    }
}

/// The first `k` columns of `q`, and all of `r`.
fn qr(mut r: Matrix, k: usize) -> (Matrix, Matrix) {
    let (m, n) = (r.rows, r.columns);
    let mut mirrors = vec![];
    for j in 0..m.min(n) {
        // Squares of small numbers would vanish.
        let largest = (j..m).map(|i| r[(i, j)].abs()).fold(0.0, f64::max);
        let column: Vec<f64> = (j..m).map(|i| r[(i, j)] / largest).collect();
        let rest: f64 = column[1..].iter().map(|x| x * x).sum();
        if largest == 0.0 || rest == 0.0 {
            continue;
        }
        let head = column[0];
        let norm = (head * head + rest).sqrt();
        let beta = if head >= 0.0 { -norm } else { norm };
        let share = (beta - head) / beta;
        let tail = column[1..].iter().map(|x| x / (head - beta));
        let mirror: Vec<f64> = std::iter::once(1.0).chain(tail).collect();
        r.reflect(j, &mirror, share);
        mirrors.push((j, mirror, share));
    }
    let mut q = Matrix::new(m, k, |i, j| f64::from(u8::from(i == j)));
    mirrors.iter().rev().for_each(|(j, mirror, share)| q.reflect(*j, mirror, *share));
    let upper = Matrix::new(m, n, |i, j| if i <= j { r[(i, j)] } else { 0.0 });
    (q, upper)
}

impl Eval for Qr {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        each(inputs[0], out, |a| {
            let k = if self.full { a.rows } else { a.rows.min(a.columns) };
            let (q, mut r) = qr(a, k);
            r.at.truncate(k * r.columns);
            vec![q.at, r.at]
        })
    }
}

/// Cosine and sine of the rotation that makes `between` 0, in a symmetric matrix with this diagonal.
fn rotation(first: f64, second: f64, between: f64) -> (f64, f64) {
    let slope = (second - first) / (2.0 * between);
    let tan = (if slope < 0.0 { -1.0 } else { 1.0 }) / (slope.abs() + (1.0 + slope * slope).sqrt());
    let cos = (1.0 + tan * tan).sqrt().recip();
    (cos, tan * cos)
}

/// Rounds that are enough for any matrix.
const SWEEPS: usize = 60;

/// Eigenvalues, rising, and eigenvectors.
fn eigh(lower: &Matrix) -> (Vec<f64>, Matrix) {
    let n = lower.rows;
    let mut a = Matrix::new(n, n, |i, j| lower[(i.max(j), i.min(j))]);
    let mut vectors = Matrix::identity(n);
    let all: f64 = a.at.iter().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let pairs = || (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q)));
        let left: f64 = pairs().map(|at| a[at].powi(2)).sum();
        if left <= all * f64::EPSILON.powi(2) {
            break;
        }
        for (p, q) in pairs() {
            if a[(p, q)] != 0.0 {
                let by = rotation(a[(p, p)], a[(q, q)], a[(p, q)]);
                a.turn(p, q, by);
                a = a.transposed();
                a.turn(p, q, by);
                a = a.transposed();
                vectors.turn(p, q, by);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[(i, i)].total_cmp(&a[(j, j)]));
    let values = order.iter().map(|&i| a[(i, i)]).collect();
    let mut vectors = vectors.in_order(&order);
    (0..n).for_each(|j| vectors.scale_column(j, vectors.sign(j)));
    (values, vectors)
}

impl Eval for Eigh {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        each(inputs[0], out, |a| {
            let (values, vectors) = eigh(&a);
            vec![values, vectors.at]
        })
    }
}

/// `u` and `v` of so many columns, and the singular values, falling.
fn svd(a: Matrix, of_u: usize, of_v: usize) -> (Matrix, Vec<f64>, Matrix) {
    if a.rows < a.columns {
        let (v, s, u) = svd(a.transposed(), of_v, of_u);
        return (u, s, v);
    }
    let n = a.columns;
    let (mut columns, mut v) = (a, Matrix::identity(n));
    for _ in 0..SWEEPS {
        let mut is_done = true;
        for (p, q) in (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))) {
            let (first, second, between) = (columns.dot(p, p), columns.dot(q, q), columns.dot(p, q));
            if between.abs() > f64::EPSILON * (first * second).sqrt() {
                is_done = false;
                let by = rotation(first, second, between);
                columns.turn(p, q, by);
                v.turn(p, q, by);
            }
        }
        if is_done {
            break;
        }
    }
    let lengths: Vec<f64> = (0..n).map(|j| columns.dot(j, j).sqrt()).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    let mut v = v.in_order(&order);
    let (mut u, r) = qr(columns.in_order(&order), of_u);
    for j in 0..n {
        let sign = v.sign(j);
        v.scale_column(j, sign);
        u.scale_column(j, if r[(j, j)] < 0.0 { -sign } else { sign });
    }
    (u, order.iter().map(|&j| lengths[j]).collect(), v)
}

impl Eval for Svd {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        each(inputs[0], out, |a| {
            let (m, n) = (a.rows, a.columns);
            let (of_u, of_v) = if self.full { (m, n) } else { (m.min(n), m.min(n)) };
            let (u, s, v) = svd(a, of_u, of_v);
            vec![u.at, s, v.transposed().at]
        })
    }
}

impl Eval for Pinv {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let share = inputs[1].as_floats()?[0];
        each(inputs[0], out, |a| {
            let (m, n) = (a.rows, a.columns);
            let (u, s, v) = svd(a, m.min(n), m.min(n));
            let term = |i: usize, j: usize, k: usize| match s[k] > share * s[0] {
                true => v[(i, k)] * u[(j, k)] / s[k],
                false => 0.0,
            };
            vec![Matrix::new(n, m, |i, j| (0..s.len()).map(|k| term(i, j, k)).sum()).at]
        })
    }
}
