//! Over axes: sums, means, extremes. With `keepdims`, the axes stay with size 1.
use super::arguments::MaybeDType;
use super::dtypes::{countable, float, summable, truth};
use super::{Axes, MaybeNumber};
use cornu_graph::ops::ReduceKind;
use cornu_graph::{DType, Value};

ops! {
    "keras.src.ops.numpy";
    /// Sum over the axes; bools are counted.
    Sum sum(x) { axis: Axes, keepdims: bool } => over(&summable(x), ReduceKind::Sum, axis, *keepdims);
    /// Product over the axes.
    Prod prod(x) { axis: Axes, keepdims: bool, dtype: MaybeDType } =>
        over(&as_sum(x, *dtype), ReduceKind::Prod, axis, *keepdims);
    /// Mean over the axes; integers give float32.
    Mean mean(x) { axis: Axes, keepdims: bool } => mean_over(&float(x), axis, *keepdims);
    /// Variance over the axes, divided by their size.
    Var var(x) { axis: Axes, keepdims: bool } => variance(x, axis, *keepdims);
    /// Standard deviation over the axes.
    Std std(x) { axis: Axes, keepdims: bool } => variance(x, axis, *keepdims).sqrt();
    /// Largest over the axes, and of `initial` if it is given.
    Max max(x) { axis: Axes, keepdims: bool, initial: MaybeNumber } => {
        let y = over(x, ReduceKind::Max, axis, *keepdims);
        beside(y, *initial, Value::maximum)
    };
    /// Smallest over the axes, and of `initial` if it is given.
    Min min(x) { axis: Axes, keepdims: bool, initial: MaybeNumber } => {
        let y = over(x, ReduceKind::Min, axis, *keepdims);
        beside(y, *initial, Value::minimum)
    };
    /// Largest over the axes. Keras's other name for [`max`].
    Amax amax(x) { axis: Axes, keepdims: bool } => over(x, ReduceKind::Max, axis, *keepdims);
    /// Smallest over the axes. Keras's other name for [`min`].
    Amin amin(x) { axis: Axes, keepdims: bool } => over(x, ReduceKind::Min, axis, *keepdims);
    /// Largest less smallest over the axes.
    Ptp ptp(x) { axis: Axes, keepdims: bool } =>
        over(x, ReduceKind::Max, axis, *keepdims) - over(x, ReduceKind::Min, axis, *keepdims);
    /// How many are not 0 over the axes, int32.
    CountNonzero count_nonzero(x) { axis: Axes } => over(&truth(x).cast(DType::I32), ReduceKind::Sum, axis, false);
    /// The middle value over the axes, the mean of the middle two of an even number.
    Median median(x) { axis: Axes, keepdims: bool } => super::quantile::middle(&float(x), axis, *keepdims);
    /// Whether any holds over the axes.
    Any any(x) { axis: Axes, keepdims: bool } => over(&truth(x), ReduceKind::Any, axis, *keepdims);
    /// Whether all hold over the axes.
    All all(x) { axis: Axes, keepdims: bool } => over(&truth(x), ReduceKind::All, axis, *keepdims);
    /// Sum of the elements up to each along the axis.
    Cumsum cumsum(x) { axis: Axis, dtype: MaybeDType } => running(&as_given(x, *dtype), *axis, Value::cumsum);
    /// Product of the elements up to each along the axis.
    Cumprod cumprod(x) { axis: Axis, dtype: MaybeDType } => running(&as_given(x, *dtype), *axis, Value::cumprod);
}

ops! {
    "keras.src.ops.math";
    /// `log(sum(e^x))` over the axes, without overflow.
    Logsumexp logsumexp(x) { axis: Axes, keepdims: bool } => log_sum_exp(&float(x), axis, *keepdims);
}

/// One axis, or all in a row.
pub(super) type Axis = Option<i64>;

/// What sums are made of, in the dtype asked for.
fn as_sum(x: &Value, dtype: MaybeDType) -> Value {
    let x = summable(x);
    x.cast(dtype.or(x.dtype()))
}

/// What running sums are made of, which keep small integers, in the dtype asked for.
pub(super) fn as_given(x: &Value, dtype: MaybeDType) -> Value {
    let x = countable(x);
    x.cast(dtype.or(x.dtype()))
}

/// Along one axis, or over all elements in a row.
pub(super) fn running(x: &Value, axis: Axis, f: fn(&Value, i64) -> Value) -> Value {
    match axis {
        Some(axis) => f(x, axis),
        None => f(&x.reshape(&[x.spec().len()]), 0),
    }
}

/// The axes moved to the end, as one; and the shape of a result with or without them.
pub(super) fn joined(x: &Value, axes: &Axes, keepdims: bool) -> Option<(Value, Vec<usize>)> {
    let rank = x.rank();
    let axes = axes.of(rank).into_iter().map(|a| cornu_graph::normalize_axis("axis", a, rank).ok());
    let axes = axes.collect::<Option<Vec<usize>>>()?;
    let kept: Vec<usize> = (0..rank).filter(|a| !axes.contains(a)).collect();
    let order: Vec<usize> = kept.iter().chain(&axes).copied().collect();
    let mut shape: Vec<usize> = kept.iter().map(|&a| x.shape()[a]).collect();
    let size = axes.iter().map(|&a| x.shape()[a]).product();
    let result = match keepdims {
        true => (0..rank).map(|a| if axes.contains(&a) { 1 } else { x.shape()[a] }).collect(),
        false => shape.clone(),
    };
    shape.push(size);
    Some((x.transpose(&order).reshape(&shape), result))
}

pub(super) fn over(x: &Value, kind: ReduceKind, axes: &Axes, keepdims: bool) -> Value {
    // The larger of bools is whether any holds.
    let kind = match (x.dtype(), kind) {
        (DType::Bool, ReduceKind::Max) => ReduceKind::Any,
        (DType::Bool, ReduceKind::Min) => ReduceKind::All,
        (_, kind) => kind,
    };
    x.reduce(kind, &axes.of(x.rank()), keepdims)
}

/// With one more element.
fn beside(y: Value, initial: MaybeNumber, join: fn(&Value, &Value) -> Value) -> Value {
    match initial.0 {
        Some(n) => join(&y, &y.scalar(n.to_f64())),
        None => y,
    }
}

fn mean_over(x: &Value, axes: &Axes, keepdims: bool) -> Value {
    let axes = axes.of(x.rank());
    if keepdims { x.mean_keepdims(axes) } else { x.mean(axes) }
}

fn variance(x: &Value, axes: &Axes, keepdims: bool) -> Value {
    let (x, axes) = (float(x), axes.of(x.rank()));
    if keepdims { x.var_keepdims(axes) } else { x.var(axes) }
}

fn log_sum_exp(x: &Value, axes: &Axes, keepdims: bool) -> Value {
    let axes = axes.of(x.rank());
    if keepdims { x.logsumexp_keepdims(axes) } else { x.logsumexp(axes) }
}
