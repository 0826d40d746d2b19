//! Functions along an axis.
use cornu_graph::{DType, Error, Value, normalize_axis};

/// `e^x / sum(e^x)` over `axes`, counted from the end when negative.
#[track_caller]
pub fn softmax(x: &Value, axes: impl AsRef<[i64]>) -> Value {
    let axes = axes.as_ref();
    let e = (x - x.max_keepdims(axes).stop_gradient()).exp();
    &e / e.sum_keepdims(axes)
}

/// `log(softmax(x))` over `axes`, without its loss of digits.
#[track_caller]
pub fn log_softmax(x: &Value, axes: impl AsRef<[i64]>) -> Value {
    let axes = axes.as_ref();
    let shifted = x - x.max_keepdims(axes).stop_gradient();
    &shifted - shifted.exp().sum_keepdims(axes).log()
}

/// The nearest point of the simplex along `axis`: like [`softmax`] with exact zeros.
///
/// Martins and Astudillo, "From Softmax to Sparsemax", 2016.
#[track_caller]
pub fn sparsemax(x: &Value, axis: i64) -> Value {
    let at = match normalize_axis("sparsemax", axis, x.rank()) {
        Ok(at) => at,
        Err(e) => return x.fail(e),
    };
    let sorted = (-x).sort(axis);
    let sorted = -sorted;
    let sums = sorted.cumsum(axis);
    // The largest values whose mean excess over the threshold is positive.
    let rank = (x.builder().iota(DType::I32, x.shape(), at) + 1).cast(x.dtype());
    let support = sorted.gt(&((&sums - 1.0) / rank));
    let k = support.cast(x.dtype()).sum_keepdims([axis]);
    let tau = (support.select(&sums, &x.scalar(0.0)).sum_keepdims([axis]) - 1.0) / k;
    (x - tau).maximum(&x.scalar(0.0))
}

/// Gated linear unit: the first half along `axis` times the sigmoid of the second.
///
/// Dauphin et al., "Language Modeling with Gated Convolutional Networks", 2016.
#[track_caller]
pub fn glu(x: &Value, axis: i64) -> Value {
    let size = x.dim(axis);
    if !size.is_multiple_of(2) {
        return x.fail(Error::op("glu", format!("the size of axis {axis} must be even, got {size}")));
    }
    let half = size / 2;
    x.slice_axis(axis, 0, half) * x.slice_axis(axis, half, size).sigmoid()
}
