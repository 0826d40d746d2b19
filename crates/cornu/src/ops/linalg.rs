//! Linear algebra: matrices lie along the last two axes, all axes before are batches.
#![allow(clippy::upper_case_acronyms, reason = "classes have the names of Keras")]
use super::arguments::Text;
use super::dtypes::float;
use cornu_graph::{DType, Error, Result, Value, broadcast_shapes};

ops! {
    "keras.src.ops.linalg";
    /// The lower triangular `l` with `x = l lᵀ` of a symmetric positive definite matrix; `upper` gives `lᵀ`. NaN where there is
    /// none.
    Cholesky cholesky(x) { upper: bool } => of_square("cholesky", x, |x| {
        let l = symmetric(x).cholesky();
        vec![if *upper { l.matrix_transpose() } else { l }]
    }).remove(0);
    /// The inverse of the matrix of which `x` is the [`cholesky`] factor: the lower one, or the `upper`.
    CholeskyInverse cholesky_inverse(x) { upper: bool } => of_square("cholesky_inverse", x, |x| {
        let unit = identity(x);
        let inverse = x.triangular_solve(&unit, !upper, false, false);
        let across = inverse.matrix_transpose();
        vec![if *upper { inverse.matmul(&across) } else { across.matmul(&inverse) }]
    }).remove(0);
    /// The determinant of a square matrix.
    Det det(x) => of_square("det", x, |x| vec![x.determinant()]).remove(0);
    /// The inverse of a square matrix.
    Inv inv(x) => of_square("inv", x, |x| vec![x.inverse()]).remove(0);
    /// The pseudoinverse of any matrix, in which singular values up to `rcond` times the largest count as 0: 10 times the
    /// larger size times the precision of the dtype unless given.
    Pinv pinv(x) { rcond: Limit } => of_matrix("pinv", x, |x| {
        vec![x.pinv(rcond.unwrap_or_else(|| 10.0 * larger(x) * epsilon(x)))]
    }).remove(0);
    /// How many singular values exceed `tol`, int32: the largest times the larger size times the precision of the dtype unless
    /// given.
    MatrixRank matrix_rank(x) { tol: Limit } => {
        let mut counted = of_matrix("matrix_rank", x, |x| {
            let s = x.singular_values();
            let tol = tol.map_or_else(|| s.max_keepdims([-1]) * (larger(x) * epsilon(x)), |tol| s.scalar(tol));
            vec![s.gt(&tol).cast(DType::I32).sum([-1])]
        });
        counted.remove(0)
    };
    /// The `x` with `a x = b` of square matrices `a` `(.., m, m)` and `b` `(m,)` or `(.., m, n)`; batches broadcast.
    Solve solve(a, b) => solved(a, b, |a, b| {
        if b.rank() == a.rank() - 1 && b.rank() > 1 && b.dim(-2) != a.dim(-1) {
            let e = mismatch("solve", a, b);
            return Err(e.help("a batch of vectors needs another axis: `expand_dims(b, -1)`"));
        }
        Ok(b.rank() == 1)
    }, Value::solve);
    /// The `x` with `a x = b` of upper (or `lower`) triangular matrices `a` `(.., m, m)`, whose other triangle is not read, and
    /// `b` `(.., m)`, of one rank less, or `(.., m, n)`; batches broadcast.
    SolveTriangular solve_triangular(a, b) { lower: bool } =>
        solved(a, b, |a, b| Ok(b.rank() == 1 || b.rank() == a.rank() - 1), |a, b| {
            a.triangular_solve(b, *lower, false, false)
        });
    /// The `x` for which `a x` is nearest to `b`, the shortest of several: `a` `(m, n)`, `b` `(m,)` or `(m, k)`. Singular values
    /// up to `rcond` times the largest count as 0: the larger size times the precision of the dtype unless given.
    Lstsq lstsq(a, b) { rcond: Limit } => least_squares(a, b, *rcond).unwrap_or_else(|e| a.fail(e));
}

ops! {
    "keras.src.ops.linalg" many;
    /// The eigenvalues of a symmetric matrix, rising, and its eigenvectors, as columns.
    Eigh eigh(x) => of_square("eigh", x, |x| {
        let (values, vectors) = symmetric(x).eigh();
        vec![values, vectors]
    });
    /// `l` (without its diagonal of ones) and `u` in one matrix, and with which row each row was exchanged in turn, int32:
    /// `l u` is `x` after these exchanges.
    LuFactor lu_factor(x) => of_matrix("lu_factor", x, |x| {
        let [lu, pivots, _] = x.lu();
        vec![lu, pivots]
    });
    /// Orthonormal columns `q` and upper triangular `r` with `x = q r`: `(.., m, k)` and `(.., k, n)`, where `k` is the smaller
    /// of `m` and `n` (`"reduced"`) or `m` (`"complete"`).
    Qr qr(x) { mode: Text } => {
        let full = match mode.as_str() {
            "reduced" => false,
            "complete" => true,
            other => return vec![x.fail(Error::unknown("mode of qr", other, ["reduced", "complete"])); 2],
        };
        of_matrix("qr", x, |x| {
            let (q, r) = x.qr(full);
            vec![q, r]
        })
    };
    /// `u`, the singular values `s`, falling, and `vᵀ`, with `x = u s vᵀ`: square matrices, or, without `full_matrices`,
    /// `(.., m, k)` and `(.., k, n)`, where `k` is the smaller of `m` and `n`. Only `s` without `compute_uv`.
    SVD svd(x) { full_matrices: bool, compute_uv: bool } => of_matrix("svd", x, |x| {
        if !compute_uv {
            return vec![x.singular_values()];
        }
        x.svd(*full_matrices && x.dim(-1) != x.dim(-2)).to_vec()
    });
}

ops! {
    "keras.src.ops.numpy" many;
    /// The sign of the determinant of a square matrix, and the logarithm of its absolute value.
    Slogdet slogdet(x) => of_square("slogdet", x, |x| {
        let (sign, log) = x.log_determinant();
        vec![sign, log]
    });
}

ops! {
    "keras.src.ops.math";
    /// The logarithm of the absolute value of the determinant of a square matrix.
    Logdet logdet(x) => of_square("logdet", x, |x| vec![x.log_determinant().1]).remove(0);
    /// The distances between vectors along the last axes: `(.., m, d)` and `(.., n, d)` give `(.., m, n)`; batches broadcast.
    CDist cdist(x, y) => {
        let (x, y) = (float(x), float(y));
        let fits = x.rank() > 1 && y.rank() > 1 && x.dim(-1) == y.dim(-1);
        if !fits || broadcast_shapes(batch(&x), batch(&y)).is_err() {
            let message = format!(
                "takes (.., m, d) and (.., n, d) whose batches broadcast, got shapes {:?} and {:?}", x.shape(), y.shape()
            );
            return vec![x.fail(Error::op("cdist", message))];
        }
        (x.expand_dims(-2) - y.expand_dims(-3)).square().sum([-1]).sqrt()
    };
}

/// A limit, or the default.
type Limit = Option<f64>;

/// Results of a matrix; integers count as float32, and floats of 16 bits are computed in float32.
pub(super) fn of_matrix(op: &'static str, x: &Value, f: impl FnOnce(&Value) -> Vec<Value>) -> Vec<Value> {
    if x.rank() < 2 {
        let message = format!("expected an input of rank >= 2, got shape {:?}", x.shape());
        return vec![x.fail(Error::op(op, message)); 3];
    }
    let x = float(x);
    let wide = DType::promote(x.dtype(), DType::F32);
    let back = |y: Value| if y.dtype().is_float() { y.cast(x.dtype()) } else { y };
    f(&x.cast(wide)).into_iter().map(back).collect()
}

fn of_square(op: &'static str, x: &Value, f: impl FnOnce(&Value) -> Vec<Value>) -> Vec<Value> {
    if x.rank() > 1 && x.dim(-1) != x.dim(-2) {
        let message = format!("expected a square matrix, got shape {:?}", x.shape());
        return vec![x.fail(Error::op(op, message)); 3];
    }
    of_matrix(op, x, f)
}

/// The mean of a matrix and its transpose, as JAX takes them where only a symmetric one makes sense.
fn symmetric(x: &Value) -> Value {
    (x + x.matrix_transpose()) * 0.5
}

/// Unit matrices like these.
fn identity(x: &Value) -> Value {
    let n = x.dim(-1);
    let place = |axis: usize| x.builder().iota(DType::I32, [n, n], axis);
    place(0).equal(&place(1)).cast(x.dtype()).broadcast_to(x.shape())
}

fn batch(x: &Value) -> &[usize] {
    &x.shape()[..x.rank().saturating_sub(2)]
}

/// The larger of the numbers of rows and columns.
fn larger(x: &Value) -> f64 {
    x.dim(-1).max(x.dim(-2)) as f64
}

fn epsilon(x: &Value) -> f64 {
    if x.dtype() == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) }
}

fn mismatch(op: &'static str, a: &Value, b: &Value) -> Error {
    Error::op(op, format!("incompatible shapes: a of {:?}, b of {:?}", a.shape(), b.shape()))
}

/// A system of equations; `is_vector` says whether the last axis of `b` is its rows.
fn solved(
    a: &Value,
    b: &Value,
    is_vector: impl FnOnce(&Value, &Value) -> Result<bool>,
    solve: impl FnOnce(&Value, &Value) -> Value,
) -> Value {
    if b.rank() == 0 {
        return b.fail(Error::op("solve", "expected an input of rank >= 1, got a scalar"));
    }
    let dtype = DType::promote(float(a).dtype(), float(b).dtype());
    let b = b.cast(dtype);
    let system = |a: &Value| -> Result<Value> {
        let is_vector = is_vector(a, &b)?;
        let b = b.cast(a.dtype());
        let b = if is_vector { b.expand_dims(-1) } else { b };
        if b.dim(-2) != a.dim(-1) {
            return Err(mismatch("solve", a, &b));
        }
        let Ok(shape) = broadcast_shapes(batch(a), batch(&b)) else { return Err(mismatch("solve", a, &b)) };
        let spread = |x: &Value| x.broadcast_to(&[&shape, &x.shape()[x.rank() - 2..]].concat());
        let x = solve(&spread(a), &spread(&b));
        Ok(if is_vector { x.squeeze(-1) } else { x })
    };
    of_square("solve", &a.cast(dtype), |a| vec![system(a).unwrap_or_else(|e| a.fail(e))]).remove(0)
}

fn least_squares(a: &Value, b: &Value, rcond: Limit) -> Result<Value> {
    if a.rank() != 2 || ![1, 2].contains(&b.rank()) || a.dim(0) != b.dim(0) {
        let message = format!(
            "takes a of (m, n) and b of (m,) or (m, k), got shapes {:?} and {:?}",
            a.shape(),
            b.shape()
        );
        return Err(Error::op("lstsq", message));
    }
    let dtype = DType::promote(float(a).dtype(), float(b).dtype());
    let found = of_matrix("lstsq", &a.cast(dtype), |a| {
        let share = rcond.filter(|share| *share >= 0.0).unwrap_or_else(|| larger(a) * epsilon(a));
        vec![a.pinv(share).matmul(&b.cast(a.dtype()))]
    });
    Ok(found[0].clone())
}
