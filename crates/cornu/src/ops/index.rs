//! Positions: picking by them, finding them.
use super::Axes;
use super::reduce::Axis;
use cornu_graph::{DType, Error, Value};

ops! {
    "keras.src.ops.numpy";
    /// The slices at these positions along the axis. One that does not exist gives NaN, of integers the lowest.
    Take take(x, indices) { axis: Axis } => match axis {
        Some(axis) => x.take(indices, *axis),
        None => x.reshape(&[x.spec().len()]).take(indices, 0),
    };
    /// The elements at these positions along the axis, for each place along the others.
    TakeAlongAxis take_along_axis(x, indices) { axis: Axis } => match axis {
        Some(axis) => x.take_along_axis(indices, *axis),
        None => x.reshape(&[x.spec().len()]).take_along_axis(&indices.reshape(&[indices.spec().len()]), 0),
    };
    /// The elements in rising order along the axis; all in a row when it is `None`.
    Sort sort(x) { axis: Axes } => match axis {
        Axes::One(axis) => x.sort(*axis),
        Axes::All(()) => x.reshape(&[x.spec().len()]).sort(0),
        Axes::Several(_) => x.fail(Error::argument("axis", "of `sort` is one, or `None` for all in a row")),
    };
    /// The positions that would sort the axis, int32; all elements in a row when it is `None`.
    Argsort argsort(x) { axis: Axes } => match axis {
        Axes::One(axis) => x.argsort(*axis).cast(DType::I32),
        Axes::All(()) => x.reshape(&[x.spec().len()]).argsort(0).cast(DType::I32),
        Axes::Several(_) => x.fail(Error::argument("axis", "of `argsort` is one, or `None` for all in a row")),
    };
    /// The positions that would put the `kth` smallest in its place along the axis, smaller ones before it, int32.
    Argpartition argpartition(x) { kth: i64, axis: i64 } => {
        let _ = kth;
        x.argsort(*axis).cast(DType::I32)
    };
    /// Position of the largest along the axis, the first of equals, int32; of all elements in a row when the axis is `None`.
    Argmax argmax(x) { axis: Axis, keepdims: bool } => position(x, *axis, *keepdims, Value::argmax);
    /// Position of the smallest along the axis, the first of equals, int32; of all elements in a row when the axis is `None`.
    Argmin argmin(x) { axis: Axis, keepdims: bool } => position(x, *axis, *keepdims, Value::argmin);
}

pub(super) fn position(x: &Value, axis: Axis, keepdims: bool, find: fn(&Value, i64) -> Value) -> Value {
    match axis {
        Some(axis) if keepdims => find(x, axis).expand_dims(axis),
        Some(axis) => find(x, axis),
        None => {
            let found = find(&x.reshape(&[x.spec().len()]), 0);
            if keepdims { found.reshape(&vec![1; x.rank()]) } else { found }
        }
    }
}

ops! {
    "keras.src.ops.math" many;
    /// The `k` largest along the last axis, the largest first, and their positions, int32. Without `sorted`, in any order: the
    /// same.
    TopK top_k(x) { k: usize, sorted: bool } => {
        let _ = sorted;
        let (values, positions) = x.top_k(*k);
        vec![values, positions]
    };
}
