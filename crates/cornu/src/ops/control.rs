//! Branches and loops whose parts are closures of values.
//!
//! They work within layers, losses and metrics, where closures may use any value around them, and on tensors of the host.
use super::operand::Traced;
use super::{Arg, Number};
use cornu_graph::{Builder, DType, Error, Result, Tensor, Value};
use std::panic::Location;

/// What a branch makes of the operands.
pub type Branch<'a> = &'a dyn Fn(&[Value]) -> Vec<Value>;

/// What one of two closures makes of the operands: the first where `pred`, a scalar, is not 0, else the second. Their results
/// have the same shapes and dtypes.
///
/// On the host one is computed; in a graph both are, and one is taken, so that gradients go through the one taken.
///
/// ```
/// use cornu::prelude::*;
/// let (yes, x) = (Tensor::scalar(true), Tensor::scalar(3f32));
/// let y = ops::cond(&yes, |v| vec![&v[0] * 2.0], |v| vec![v[0].clone()], &[x])?;
/// assert_eq!(y[0].item()?, 6.0);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn cond<X: Traced>(
    pred: &X,
    true_fn: impl Fn(&[Value]) -> Vec<Value>,
    false_fn: impl Fn(&[Value]) -> Vec<Value>,
    operands: &[X],
) -> X::Outputs {
    let known = pred.known().map(|p| f64::from(u8::from(p == 0.0)));
    branch(pred, known, |v| super::dtypes::truth(v).not().cast(DType::I32), &[&true_fn, &false_fn], operands)
}

/// What the closure with this number makes of the operands; a number beyond is the nearest. Results and computation are as
/// with [`cond`].
#[track_caller]
pub fn switch<X: Traced>(index: &X, branches: &[Branch], operands: &[X]) -> X::Outputs {
    branch(index, index.known(), Value::clone, branches, operands)
}

#[track_caller]
fn branch<X: Traced>(
    index: &X,
    known: Option<f64>,
    number: impl FnOnce(&Value) -> Value,
    branches: &[Branch],
    operands: &[X],
) -> X::Outputs {
    let at = Location::caller();
    let given: Vec<X> = [index].into_iter().chain(operands).cloned().collect();
    X::trace(&given, 1, at, |_, v| {
        let (index, operands) = v.split_first().ok_or_else(|| Error::op("switch", "takes an index"))?;
        if index.rank() != 0 || branches.is_empty() {
            let message = format!("takes a scalar and branches, got {} and {}", index.spec(), branches.len());
            return Err(Error::op("switch", message));
        }
        let last = branches.len() - 1;
        if let Some(known) = known {
            return Ok(branches[(known.max(0.0) as usize).min(last)](operands));
        }
        let index = number(index).cast(DType::I32);
        let mut results = branches.iter().map(|f| f(operands)).enumerate();
        let (_, first) = results.next().unwrap_or_default();
        results.try_fold(first, |taken, (i, other)| {
            if taken.len() != other.len() || taken.iter().zip(&other).any(|(a, b)| a.spec() != b.spec()) {
                let specs =
                    |values: &[Value]| values.iter().map(|v| v.spec().to_string()).collect::<Vec<_>>();
                let message = format!("branches give {:?} and {:?}", specs(&taken), specs(&other));
                return Err(Error::op("switch", message));
            }
            let here = index.ge(&index.scalar(i as f64));
            let choose = |(a, b): (&Value, &Value)| here.broadcast_to(a.shape()).select(b, a);
            Ok(taken.iter().zip(&other).map(choose).collect())
        })
    })
}

/// Runs `body` on the loop variables for as long as `cond` of them, a scalar bool, holds; at most `maximum_iterations` times
/// if they are given. The variables keep their shapes and dtypes. No gradient goes through: how often it runs is known only
/// then; [`fori_loop`] and [`scan`](super::scan) have one.
///
/// ```
/// use cornu::prelude::*;
/// let x = Tensor::scalar(1f32);
/// let y = ops::while_loop(|v| v[0].lt(&v[0].scalar(100.0)), |v| vec![&v[0] * 3.0], &[x], None)?;
/// assert_eq!(y[0].item()?, 243.0);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn while_loop<X: Traced>(
    cond: impl FnOnce(&[Value]) -> Value,
    body: impl FnOnce(&[Value]) -> Vec<Value>,
    loop_vars: &[X],
    maximum_iterations: Option<usize>,
) -> X::Outputs {
    X::trace(loop_vars, loop_vars.len(), Location::caller(), |b, start| {
        let n = start.len();
        let Some(most) = maximum_iterations else {
            return b.while_loop(start, |_, v| Ok(cond(v)), |_, v| Ok(body(v)));
        };
        let most = i32::try_from(most)
            .map_err(|_| Error::argument("maximum_iterations", format!("must be below 2^31, got {most}")))?;
        let mut start = start.to_vec();
        start.push(b.constant(Tensor::scalar(0i32)));
        let goes_on = |_: &Builder, v: &[Value]| Ok(v[n].lt(&v[n].scalar(most.into())).and(&cond(&v[..n])));
        let step = |_: &Builder, v: &[Value]| {
            let mut next = body(&v[..n]);
            next.push(&v[n] + v[n].full_like(1.0));
            Ok(next)
        };
        let mut last = b.while_loop(&start, goes_on, step)?;
        last.truncate(n);
        Ok(last)
    })
}

/// Runs `body` on the numbers from `lower` to before `upper` (int32 scalars) and the values so far, which keep their shapes and
/// dtypes. With bounds that are numbers, gradients go through; with tensors the number of steps is known only when it runs,
/// and none does.
///
/// ```
/// use cornu::prelude::*;
/// let sum = ops::fori_loop(1, 5, |i, v| vec![&v[0] + i], &[Tensor::scalar(0i32)])?;
/// assert_eq!(sum[0].item()?, 10.0);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn fori_loop<X: Traced>(
    lower: impl Into<Arg<X>>,
    upper: impl Into<Arg<X>>,
    body: impl FnOnce(&Value, &[Value]) -> Vec<Value>,
    init_val: &[X],
) -> X::Outputs {
    let at = Location::caller();
    let n = init_val.len();
    match (lower.into(), upper.into()) {
        (Arg::Number(lower), Arg::Number(upper)) => X::trace(init_val, n, at, |b, start| {
            let (lower, upper) = (whole(lower)?, whole(upper)?);
            let numbers: Vec<i32> = (lower..upper).collect();
            let length = numbers.len();
            let (last, _) =
                b.scan(start, &[b.constant(numbers)], length, false, |_, v, i| Ok((body(&i[0], v), vec![])))?;
            Ok(last)
        }),
        (lower, upper) => {
            let mut given = init_val.to_vec();
            let mut bound = |bound: Arg<X>| match bound {
                Arg::Tensor(x) => {
                    given.push(x);
                    Bound::Given(given.len() - 1)
                }
                Arg::Number(number) => Bound::Number(number),
                Arg::Constant(tensor) => Bound::Constant(tensor),
                Arg::Numbers(_) => Bound::Wrong,
            };
            let (lower, upper) = (bound(lower), bound(upper));
            X::trace(&given, n, at, |b, values| {
                let scalar = |bound: &Bound| {
                    let value = match bound {
                        Bound::Given(at) => values[*at].clone(),
                        Bound::Number(number) => b.constant(Tensor::scalar(whole(*number)?)),
                        Bound::Constant(tensor) => b.constant(tensor.clone()),
                        Bound::Wrong => return Err(Error::op("fori_loop", "bounds are scalars")),
                    };
                    if value.rank() == 0 && value.dtype().is_int() {
                        return Ok(value.cast(DType::I32));
                    }
                    Err(Error::op("fori_loop", format!("bounds are scalar integers, got {}", value.spec())))
                };
                let (lower, upper) = (scalar(&lower)?, scalar(&upper)?);
                let mut start = values[..n].to_vec();
                start.push(lower);
                let step = |_: &Builder, v: &[Value]| {
                    let mut next = body(&v[n], &v[..n]);
                    next.push(&v[n] + v[n].full_like(1.0));
                    Ok(next)
                };
                let mut last = b.while_loop(&start, |_, v| Ok(v[n].lt(&upper)), step)?;
                last.truncate(n);
                Ok(last)
            })
        }
    }
}

/// A bound of a loop.
enum Bound {
    Given(usize),
    Number(Number),
    Constant(Tensor),
    Wrong,
}

fn whole(number: Number) -> Result<i32> {
    let Number::Int(n) = number else {
        return Err(Error::op("fori_loop", format!("bounds are integers, got {}", number.to_f64())));
    };
    i32::try_from(n).map_err(|_| Error::op("fori_loop", format!("bounds are int32, got {n}")))
}
