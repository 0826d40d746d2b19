//! Over axes, without elements that are NaN.
use super::Axes;
use super::arguments::MaybeDType;
use super::dtypes::float;
use super::index::position;
use super::reduce::{Axis, as_given, joined, over, running};
use cornu_graph::ops::ReduceKind;
use cornu_graph::{DType, Value};

ops! {
    "keras.src.ops.numpy";
    /// Sum over the axes.
    Nansum nansum(x) { axis: Axes, keepdims: bool } => fold(x, 0.0, ReduceKind::Sum, axis, *keepdims);
    /// Product over the axes.
    Nanprod nanprod(x) { axis: Axes, keepdims: bool } => fold(x, 1.0, ReduceKind::Prod, axis, *keepdims);
    /// Largest over the axes; NaN when all are.
    Nanmax nanmax(x) { axis: Axes, keepdims: bool } =>
        unless_empty(x, fold(x, f64::NEG_INFINITY, ReduceKind::Max, axis, *keepdims), axis, *keepdims);
    /// Smallest over the axes; NaN when all are.
    Nanmin nanmin(x) { axis: Axes, keepdims: bool } =>
        unless_empty(x, fold(x, f64::INFINITY, ReduceKind::Min, axis, *keepdims), axis, *keepdims);
    /// Mean over the axes.
    Nanmean nanmean(x) { axis: Axes, keepdims: bool } => mean(x, axis, *keepdims);
    /// Variance over the axes.
    Nanvar nanvar(x) { axis: Axes, keepdims: bool } => variance(x, axis, *keepdims);
    /// Standard deviation over the axes.
    Nanstd nanstd(x) { axis: Axes, keepdims: bool } => variance(x, axis, *keepdims).sqrt();
    /// The middle value over the axes.
    Nanmedian nanmedian(x) { axis: Axes, keepdims: bool } => median(&float(x), axis, *keepdims);
    /// Position of the largest along the axis; -1 when all are NaN.
    Nanargmax nanargmax(x) { axis: Axis, keepdims: bool } =>
        found(x, position(&replaced(x, f64::NEG_INFINITY), *axis, *keepdims, Value::argmax), *axis, *keepdims);
    /// Position of the smallest along the axis; -1 when all are NaN.
    Nanargmin nanargmin(x) { axis: Axis, keepdims: bool } =>
        found(x, position(&replaced(x, f64::INFINITY), *axis, *keepdims, Value::argmin), *axis, *keepdims);
    /// Sum of the elements up to each along the axis.
    Nancumsum nancumsum(x) { axis: Axis, dtype: MaybeDType } =>
        running(&as_given(&replaced(x, 0.0), *dtype), *axis, Value::cumsum);
    /// Product of the elements up to each along the axis.
    Nancumprod nancumprod(x) { axis: Axis, dtype: MaybeDType } =>
        running(&as_given(&replaced(x, 1.0), *dtype), *axis, Value::cumprod);
    /// Numbers in place of NaN and infinities; of an infinity without one, the largest or smallest finite.
    NanToNum nan_to_num(x) { nan: f64, posinf: Limit, neginf: Limit } => {
        if !x.dtype().is_float() {
            return vec![x.clone()];
        }
        let (low, high) = x.dtype().limits();
        let is = |limit: f64| x.equal(&x.scalar(limit));
        let y = x.is_nan().select(&x.full_like(*nan), x);
        let y = is(f64::INFINITY).select(&x.full_like(posinf.unwrap_or(high)), &y);
        is(f64::NEG_INFINITY).select(&x.full_like(neginf.unwrap_or(low)), &y)
    };
}

/// What stands for an infinity.
type Limit = Option<f64>;

fn replaced(x: &Value, by: f64) -> Value {
    if x.dtype().is_float() { x.is_nan().select(&x.full_like(by), x) } else { x.clone() }
}

fn fold(x: &Value, neutral: f64, kind: ReduceKind, axes: &Axes, keepdims: bool) -> Value {
    let x = replaced(x, neutral);
    let x = if matches!(kind, ReduceKind::Sum | ReduceKind::Prod) { super::dtypes::summable(&x) } else { x };
    over(&x, kind, axes, keepdims)
}

/// How many are no NaN.
fn count(x: &Value, axes: &Axes, keepdims: bool) -> Value {
    let x = float(x);
    let valid = x.is_nan().not().cast(x.dtype());
    valid.reduce(ReduceKind::Sum, &axes.of(x.rank()), keepdims)
}

fn unless_empty(x: &Value, result: Value, axes: &Axes, keepdims: bool) -> Value {
    if !x.dtype().is_float() {
        return result;
    }
    let count = count(x, axes, keepdims);
    count.equal(&count.scalar(0.0)).select(&result.full_like(f64::NAN), &result)
}

fn mean(x: &Value, axes: &Axes, keepdims: bool) -> Value {
    fold(&float(x), 0.0, ReduceKind::Sum, axes, keepdims) / count(x, axes, keepdims)
}

fn variance(x: &Value, axes: &Axes, keepdims: bool) -> Value {
    let x = float(x);
    mean(&(&x - mean(&x, axes, true)).square(), axes, keepdims)
}

/// NaN sorts behind all numbers, so that the middle of the others is found by their count.
fn median(x: &Value, axes: &Axes, keepdims: bool) -> Value {
    let Some((flat, shape)) = joined(x, axes, keepdims) else {
        return x.fail(cornu_graph::Error::op("nanmedian", format!("no such axes: {axes:?}")));
    };
    let sorted = flat.is_nan().select(&flat.full_like(f64::INFINITY), &flat).sort(-1);
    let count = flat.is_nan().not().cast(DType::I32).reduce(ReduceKind::Sum, &[-1], true);
    let last = (&count - count.full_like(1.0)).maximum(&count.full_like(0.0));
    let two = count.full_like(2.0);
    let low = sorted.take_along_axis(&last.div(&two), -1);
    let high = sorted.take_along_axis(&count.div(&two).minimum(&last), -1);
    let middle = (low + high) * 0.5;
    count.equal(&count.full_like(0.0)).select(&middle.full_like(f64::NAN), &middle).reshape(&shape)
}

fn found(x: &Value, position: Value, axis: Axis, keepdims: bool) -> Value {
    if !x.dtype().is_float() {
        return position;
    }
    let axes = axis.map_or(Axes::All(()), Axes::One);
    let all = x.is_nan().reduce(ReduceKind::All, &axes.of(x.rank()), keepdims);
    all.select(&position.full_like(-1.0), &position)
}
