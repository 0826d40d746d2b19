//! What the ops of linear algebra share. Matrices lie along the last two axes; all axes before are batches.
use crate::{DType, Error, Result, Spec, Value};

/// Rows and columns of the matrices of `x`.
pub(crate) fn size(op: &'static str, x: &Spec) -> Result<(usize, usize)> {
    match x.shape[..] {
        [.., m, n] if m > 0 && n > 0 && matches!(x.dtype, DType::F32 | DType::F64) => Ok((m, n)),
        _ => Err(Error::op(op, format!("takes matrices of float32 or float64 that are not empty, got {x}"))),
    }
}

/// Rows of the matrices of `x`, as many as columns.
pub(crate) fn square(op: &'static str, x: &Spec) -> Result<usize> {
    match size(op, x)? {
        (m, n) if m == n => Ok(n),
        _ => Err(Error::op(op, format!("takes square matrices, got {x}"))),
    }
}

/// The spec of matrices (or vectors) of this size in the batch of `x`.
pub(crate) fn in_batch(x: &Spec, size: &[usize]) -> Spec {
    x.with_shape([&x.shape[..x.rank() - 2], size].concat())
}

/// The distance from 1 to the next number of a dtype.
pub(crate) fn epsilon(dtype: DType) -> f64 {
    if dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) }
}

/// Helpers for matrices along the last two axes.
impl Value {
    /// Transposed matrices.
    #[track_caller]
    pub fn matrix_transpose(&self) -> Value {
        self.swap_axes(-1, -2)
    }

    /// Rows from `rows.0` to `rows.1`, columns likewise.
    pub(crate) fn block(&self, rows: (usize, usize), columns: (usize, usize)) -> Value {
        self.slice_axis(-2, rows.0, rows.1).slice_axis(-1, columns.0, columns.1)
    }

    /// The lower triangle with half the diagonal.
    pub(crate) fn lower_half(&self) -> Value {
        (self.tril(0) + self.tril(-1)) * 0.5
    }

    /// Of a gradient by symmetric matrices, that by the lower triangle, where only that is read.
    pub(crate) fn by_lower_triangle(&self) -> Value {
        (self + self.matrix_transpose()).lower_half()
    }

    /// The symmetric matrices with this lower triangle.
    pub(crate) fn mirrored(&self) -> Value {
        self.tril(0) + self.tril(-1).matrix_transpose()
    }

    /// Positions along the rows (`-2`) or columns (`-1`) of a matrix of this size, int32, with size 1 along the other.
    pub(crate) fn positions(&self, axis: i64, n: usize) -> Value {
        let shape = if axis == -2 { [n, 1] } else { [1, n] };
        self.builder().iota(DType::I32, shape, if axis == -2 { 0 } else { 1 })
    }

    /// The unit matrix of this size and dtype.
    pub(crate) fn identity(&self, n: usize) -> Value {
        self.positions(-2, n).equal(&self.positions(-1, n)).cast(self.dtype())
    }

    /// The numbers divided by the largest absolute value along axes, and that; squares of them do not vanish by rounding.
    pub(crate) fn over_largest(&self, axes: impl AsRef<[i64]>) -> (Value, Value) {
        let largest = self.abs().max_keepdims(axes);
        let divisor = largest.equal(&largest.scalar(0.0)).select(&largest.full_like(1.0), &largest);
        (self / &divisor, divisor)
    }

    /// 1 where the sum of a column, weighted by 1, 1/2, 1/3, .., is not negative, else -1: `(.., 1, n)`. It fixes the signs of
    /// vectors that have none of their own, the same on every engine.
    pub(crate) fn column_signs(&self) -> Value {
        let weights = 1.0 / (self.positions(-2, self.dim(-2)).cast(self.dtype()) + 1.0);
        let sum = (self * weights).sum_keepdims([-2]);
        sum.lt(&sum.scalar(0.0)).select(&sum.full_like(-1.0), &sum.full_like(1.0))
    }
}
