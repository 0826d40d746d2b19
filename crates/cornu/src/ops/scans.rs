//! Functions of each slice along an axis.
use super::operand::Traced;
use cornu_graph::{Error, Result, Value};
use std::panic::Location;

/// Runs `f` on the carries and one slice of each sequence after the other, along their first axes; it gives the next carries
/// and what is stacked. The results are the last carries, then the stacks.
///
/// `length` is needed where there are no sequences. With `reverse` it goes from the last slice to the first. Loops are not
/// unrolled: `unroll` must be 1. Gradients go through.
///
/// ```
/// use cornu::prelude::*;
/// let xs = Tensor::from([1f32, 2.0, 4.0]);
/// let sum = |carry: &[Value], x: &[Value]| {
///     let sum = &carry[0] + &x[0];
///     (vec![sum.clone()], vec![sum])
/// };
/// let y = ops::scan(sum, &[Tensor::scalar(0f32)], &[xs], None, false, 1)?;
/// assert_eq!((y[0].item()?, y[1].to_vec::<f32>()?), (7.0, vec![1.0, 3.0, 7.0]));
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn scan<X: Traced>(
    f: impl FnOnce(&[Value], &[Value]) -> (Vec<Value>, Vec<Value>),
    init: &[X],
    xs: &[X],
    length: Option<usize>,
    reverse: bool,
    unroll: usize,
) -> X::Outputs {
    let given: Vec<X> = init.iter().chain(xs).cloned().collect();
    X::trace(&given, init.len() + 1, Location::caller(), |b, values| {
        if unroll != 1 {
            return Err(Error::argument(
                "unroll",
                format!("must be 1: loops are not unrolled, got {unroll}"),
            ));
        }
        let (init, xs) = values.split_at(init.len());
        let steps = length.or(xs.first().and_then(|x| x.shape().first().copied()));
        let steps = steps.ok_or_else(|| Error::argument("length", "is needed where there is no sequence"))?;
        let (last, stacked) = b.scan(init, xs, steps, reverse, |_, carry, x| Ok(f(carry, x)))?;
        Ok(last.into_iter().chain(stacked).collect())
    })
}

/// What `f` makes of each slice of the tensors along their first axes, stacked. Gradients go through.
///
/// ```
/// use cornu::prelude::*;
/// let xs = Tensor::from([[1f32, 2.0], [3.0, 4.0]]);
/// let y = ops::map(|x| vec![x[0].sum([0])], &[xs])?;
/// assert_eq!(y[0].to_vec::<f32>()?, [3.0, 7.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn map<X: Traced>(f: impl FnOnce(&[Value]) -> Vec<Value>, xs: &[X]) -> X::Outputs {
    scan(|_, x| (vec![], f(x)), &[], xs, None, false, 1)
}

/// The same as [`map`]: the slices are computed one after the other here, too.
#[track_caller]
pub fn vectorized_map<X: Traced>(
    function: impl FnOnce(&[Value]) -> Vec<Value>,
    elements: &[X],
) -> X::Outputs {
    map(function, elements)
}

/// What an associative `f` makes of all slices up to each along the axis, with `reverse` of all from it on. It gets two lists
/// of tensors that keep the axis, and joins them slice by slice, in about `2 log n` rounds (Blelloch, 1990).
///
/// ```
/// use cornu::prelude::*;
/// let xs = Tensor::from([1f32, 2.0, 3.0, 4.0]);
/// let y = ops::associative_scan(|a, b| vec![&a[0] * &b[0]], &[xs], false, 0)?;
/// assert_eq!(y[0].to_vec::<f32>()?, [1.0, 2.0, 6.0, 24.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn associative_scan<X: Traced>(
    f: impl Fn(&[Value], &[Value]) -> Vec<Value>,
    elems: &[X],
    reverse: bool,
    axis: i64,
) -> X::Outputs {
    X::trace(elems, elems.len(), Location::caller(), |b, elems| {
        let sizes = elems.iter().map(|x| Ok(x.shape()[cornu_graph::normalize_axis("axis", axis, x.rank())?]));
        let sizes = sizes.collect::<Result<Vec<usize>>>()?;
        let Some(&size) = sizes.first().filter(|first| sizes.iter().all(|size| size == *first)) else {
            return Err(Error::op("associative_scan", format!("takes tensors of one size, got {sizes:?}")));
        };
        let turned = |xs: Vec<Value>| match reverse {
            true => xs.iter().map(|x| x.flip([axis])).collect(),
            false => xs,
        };
        let found = prefixes(&f, turned(elems.to_vec()), size, axis)?;
        b.check()?;
        Ok(turned(found))
    })
}

/// Pairs are joined, their prefixes found, and those of the slices between from them.
fn prefixes(
    f: &impl Fn(&[Value], &[Value]) -> Vec<Value>,
    xs: Vec<Value>,
    size: usize,
    axis: i64,
) -> Result<Vec<Value>> {
    if size < 2 {
        return Ok(xs);
    }
    let every_second = |xs: &[Value], from: usize, to: usize| -> Vec<Value> {
        let part = |x: &Value| {
            let at = cornu_graph::normalize_axis("axis", axis, x.rank()).unwrap_or(0);
            let (mut low, mut high, mut by) = (vec![0; x.rank()], x.shape().to_vec(), vec![1; x.rank()]);
            (low[at], high[at], by[at]) = (from.min(to), to, 2);
            x.slice_strided(&low, &high, &by)
        };
        xs.iter().map(part).collect()
    };
    let joined = |a: &[Value], b: &[Value]| {
        let joined = f(a, b);
        if joined.len() == a.len() && joined.iter().zip(a).all(|(x, a)| x.spec() == a.spec()) {
            return Ok(joined);
        }
        let specs = |values: &[Value]| values.iter().map(|v| v.spec().to_string()).collect::<Vec<_>>();
        let message = format!("the function makes {:?} of {:?}", specs(&joined), specs(a));
        Err(Error::op("associative_scan", message))
    };
    let pairs = joined(&every_second(&xs, 0, size - 1), &every_second(&xs, 1, size))?;
    let odd = prefixes(f, pairs, size / 2, axis)?;
    let whole: Vec<Value> = odd.iter().map(|x| x.slice_axis(axis, 0, (size - 1) / 2)).collect();
    let even = joined(&whole, &every_second(&xs, 2, size))?;
    let woven = xs.iter().zip(&even).zip(&odd).map(|((x, even), odd)| {
        let even = Value::concat(&[&x.slice_axis(axis, 0, 1), even], axis);
        // Even ones are as many as odd ones, or one more.
        let at = cornu_graph::normalize_axis("axis", axis, x.rank()).unwrap_or(0);
        let paired = Value::stack(&[&even.slice_axis(axis, 0, size / 2), odd], at as i64 + 1);
        let mut shape = x.shape().to_vec();
        shape[at] = size / 2 * 2;
        let paired = paired.reshape(&shape);
        if size.is_multiple_of(2) {
            paired
        } else {
            Value::concat(&[&paired, &even.slice_axis(axis, size / 2, size / 2 + 1)], axis)
        }
    });
    Ok(woven.collect())
}
