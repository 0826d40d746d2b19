//! Over axes: sums, means, extremes. With `keepdims`, the axes stay with size 1.
use super::Axes;
use super::dtypes::{float, summable, truth};
use cornu_graph::Value;
use cornu_graph::ops::ReduceKind;

ops! {
    "keras.src.ops.numpy";
    /// Sum over the axes; bools are counted.
    Sum sum(x) { axis: Axes, keepdims: bool } => over(&summable(x), ReduceKind::Sum, axis, *keepdims);
    /// Product over the axes.
    Prod prod(x) { axis: Axes, keepdims: bool; dtype = null } => over(&summable(x), ReduceKind::Prod, axis, *keepdims);
    /// Mean over the axes; integers give float32.
    Mean mean(x) { axis: Axes, keepdims: bool } => mean_over(&float(x), axis, *keepdims);
    /// Variance over the axes, divided by their size.
    Var var(x) { axis: Axes, keepdims: bool } => variance(x, axis, *keepdims);
    /// Standard deviation over the axes.
    Std std(x) { axis: Axes, keepdims: bool } => variance(x, axis, *keepdims).sqrt();
    /// Largest over the axes.
    Max max(x) { axis: Axes, keepdims: bool; initial = null } => over(x, ReduceKind::Max, axis, *keepdims);
    /// Smallest over the axes.
    Min min(x) { axis: Axes, keepdims: bool; initial = null } => over(x, ReduceKind::Min, axis, *keepdims);
    /// Whether any holds over the axes.
    Any any(x) { axis: Axes, keepdims: bool } => over(&truth(x), ReduceKind::Any, axis, *keepdims);
    /// Whether all hold over the axes.
    All all(x) { axis: Axes, keepdims: bool } => over(&truth(x), ReduceKind::All, axis, *keepdims);
    /// Sum of the elements up to each along the axis.
    Cumsum cumsum(x) { axis: i64; dtype = null } => summable(x).cumsum(*axis);
    /// Product of the elements up to each along the axis.
    Cumprod cumprod(x) { axis: i64; dtype = null } => summable(x).cumprod(*axis);
}

ops! {
    "keras.src.ops.math";
    /// `log(sum(e^x))` over the axes, without overflow.
    Logsumexp logsumexp(x) { axis: Axes, keepdims: bool } => log_sum_exp(&float(x), axis, *keepdims);
}

fn over(x: &Value, kind: ReduceKind, axes: &Axes, keepdims: bool) -> Value {
    x.reduce(kind, &axes.of(x.rank()), keepdims)
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
