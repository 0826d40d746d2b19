//! The same elements in other places.
use super::operation::{Rule, many};
use super::{Arg, Axes, Operand, Sizes};
use cornu_graph::{Error, Result, Value, normalize_axis};
use serde::Serialize;

ops! {
    "keras.src.ops.numpy";
    /// The same elements in row-major order under other sizes, of which one may be -1: what is left.
    Reshape reshape(x) { newshape: Sizes } => or_fail(x, sizes_of(x, &newshape.0), |sizes| x.reshape(&sizes));
    /// The axes in another order; with no axes given, reversed.
    Transpose transpose(x) { axes: Order } => or_fail(x, order_of(x, axes), |order| x.transpose(&order));
    /// A new axis of size 1 before `axis`; -1 puts it at the end.
    ExpandDims expand_dims(x) { axis: i64 } => x.expand_dims(*axis);
    /// Without these axes, which have size 1; without all of that size when `None`.
    Squeeze squeeze(x) { axis: Axes } => squeeze_axes(x, axis);
    /// Both axes in each other's place.
    Swapaxes swapaxes(x) { axis1: i64, axis2: i64 } => x.swap_axes(*axis1, *axis2);
    /// One after the other along the axis.
    Concatenate concatenate([xs]) { axis: i64 } => Value::concat(&promoted(xs).iter().collect::<Vec<_>>(), *axis);
    /// Tensors of one shape along a new axis.
    Stack stack([xs]) { axis: i64 } => Value::stack(&promoted(xs).iter().collect::<Vec<_>>(), *axis);
    /// Elements in the opposite order along the axes.
    Flip flip(x) { axis: Axes } => x.flip(axis.of(x.rank()));
    /// Elements moved by `shift` along the axis; those beyond the end come in again at the start.
    Roll roll(x) { shift: i64, axis: i64 } => x.roll(*shift, *axis);
    /// Each element `repeats` times in a row along the axis.
    Repeat repeat(x) { repeats: usize, axis: i64 } => x.repeat(*repeats, *axis);
    /// The tensor `repeats[i]` times along axis `i`.
    Tile tile(x) { repeats: Sizes } => or_fail(x, naturals(&repeats.0), |repeats| x.tile(&repeats));
    /// As many elements as the shape has, by repeating axes of size 1.
    BroadcastTo broadcast_to(x) { shape: Sizes } => or_fail(x, naturals(&shape.0), |shape| x.broadcast_to(&shape));
    /// All elements along one axis.
    Ravel ravel(x) => x.reshape(&[x.spec().len()]);
    /// The lower triangle of the last two axes, 0 above the `k`-th diagonal.
    Tril tril(x) { k: i64 } => x.tril(*k);
    /// The upper triangle of the last two axes, 0 below the `k`-th diagonal.
    Triu triu(x) { k: i64 } => x.triu(*k);
}

/// The order of axes for [`transpose`]; `None` reverses them.
type Order = Option<Vec<i64>>;

#[derive(Debug, Serialize)]
struct Split {
    indices_or_sections: usize,
    axis: i64,
}

impl Rule for Split {
    fn class_name(&self) -> &'static str {
        "Split"
    }

    fn module(&self) -> &'static str {
        "keras.src.ops.numpy"
    }

    fn config(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }

    fn call(&self, tensors: &[Value]) -> Vec<Value> {
        let [x] = tensors else { return vec![] };
        x.split(self.indices_or_sections, self.axis)
    }
}

/// Equal parts along the axis. Keras's `split` by a number.
#[track_caller]
pub fn split<X: Operand>(x: impl Into<Arg<X>>, sections: usize, axis: i64) -> X::Outputs {
    many(Split { indices_or_sections: sections, axis }, vec![x.into()])
}

/// All in the dtype that they meet in.
fn promoted(xs: &[Value]) -> Vec<Value> {
    let dtype = xs.iter().map(Value::dtype).reduce(cornu_graph::DType::promote);
    xs.iter().map(|x| dtype.map_or_else(|| x.clone(), |d| x.cast(d))).collect()
}

/// What is made of a setting that may be wrong.
fn or_fail<T>(x: &Value, setting: Result<T>, make: impl FnOnce(T) -> Value) -> Value {
    match setting {
        Ok(setting) => make(setting),
        Err(e) => x.fail(e),
    }
}

fn naturals(sizes: &[i64]) -> Result<Vec<usize>> {
    let natural = |&n: &i64| {
        usize::try_from(n)
            .map_err(|_| Error::op("shape", format!("sizes must not be negative, got {sizes:?}")))
    };
    sizes.iter().map(natural).collect()
}

/// Sizes with the one that is -1 found from the number of elements.
fn sizes_of(x: &Value, sizes: &[i64]) -> Result<Vec<usize>> {
    let Some(free) = sizes.iter().position(|&n| n == -1) else { return naturals(sizes) };
    let mut known = sizes.to_vec();
    known[free] = 1;
    let mut known = naturals(&known)?;
    let rest: usize = known.iter().product();
    if rest == 0 || !x.spec().len().is_multiple_of(rest) {
        return Err(Error::op("reshape", format!("{:?} does not become {sizes:?}", x.shape())));
    }
    known[free] = x.spec().len() / rest;
    Ok(known)
}

fn order_of(x: &Value, axes: &Order) -> Result<Vec<usize>> {
    match axes {
        None => Ok((0..x.rank()).rev().collect()),
        Some(axes) => axes.iter().map(|&a| normalize_axis("transpose", a, x.rank())).collect(),
    }
}

fn squeeze_axes(x: &Value, axes: &Axes) -> Value {
    let mut axes: Vec<usize> = match axes {
        Axes::All(()) => (0..x.rank()).filter(|&a| x.shape()[a] == 1).collect(),
        some => {
            let found = some.of(x.rank()).iter().map(|&a| normalize_axis("squeeze", a, x.rank())).collect();
            match found {
                Ok(axes) => axes,
                Err(e) => return x.fail(e),
            }
        }
    };
    axes.sort_unstable();
    axes.dedup();
    axes.iter().rev().fold(x.clone(), |x, &a| x.squeeze(a as i64))
}
