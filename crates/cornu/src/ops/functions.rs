//! Functions of functions: gradients of one's own, derivatives along a direction, loops over leading axes.
use super::operand::Traced;
use cornu_graph::ops::Alias;
use cornu_graph::{Error, Result, Value, broadcast_shapes, vjp};
use std::panic::Location;

/// A function with a gradient of its own. `f` gives its results, and a function from their gradients to those of its
/// arguments.
///
/// ```
/// use cornu::prelude::*;
/// // log(1 + e^x), whose gradient would overflow.
/// let log1pexp = ops::custom_gradient(|x: &[Value]| {
///     let e = x[0].exp();
///     let gradient = move |upstream: &[Value]| vec![&upstream[0] * (1.0 - 1.0 / (1.0 + &e))];
///     (vec![x[0].exp().log1p()], gradient)
/// });
/// let y = log1pexp(&[Tensor::scalar(0f32)])?;
/// assert!((y[0].item()? - 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn custom_gradient<X: Traced, G: FnOnce(&[Value]) -> Vec<Value>>(
    f: impl Fn(&[Value]) -> (Vec<Value>, G),
) -> impl Fn(&[X]) -> X::Outputs {
    #[track_caller]
    fn call<X: Traced, G: FnOnce(&[Value]) -> Vec<Value>>(
        f: &impl Fn(&[Value]) -> (Vec<Value>, G),
        x: &[X],
    ) -> X::Outputs {
        X::trace(x, 1, Location::caller(), |b, x| {
            let (values, gradient) = f(x);
            b.custom_vjp(&values, x, |_, upstream| Ok(gradient(upstream)))
        })
    }
    move |x| call(&f, x)
}

/// The results of `fun` at `primals`, then their derivatives along `tangents`. With `has_aux` its last result is passed on
/// after them as it is.
///
/// ```
/// use cornu::prelude::*;
/// let x = Tensor::from([1f32, 2.0]);
/// let y = ops::jvp(|x| vec![x[0].square()], &[x], &[Tensor::from([1f32, 10.0])], false)?;
/// assert_eq!((y[0].to_vec::<f32>()?, y[1].to_vec::<f32>()?), (vec![1.0, 4.0], vec![2.0, 40.0]));
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn jvp<X: Traced>(
    fun: impl FnOnce(&[Value]) -> Vec<Value>,
    primals: &[X],
    tangents: &[X],
    has_aux: bool,
) -> X::Outputs {
    let given: Vec<X> = primals.iter().chain(tangents).cloned().collect();
    X::trace(&given, 2, Location::caller(), |b, values| {
        let (primals, tangents) = values.split_at(primals.len());
        let alike = |(x, t): (&Value, &Value)| x.spec() == t.spec();
        if primals.len() != tangents.len() || !primals.iter().zip(tangents).all(alike) {
            return Err(Error::op("jvp", "takes a tangent of the shape and dtype of each primal"));
        }
        // Names of their own, at which the gradients stop.
        let named = |v: &Value| b.emit1(Alias {}, &[v]);
        let x: Vec<Value> = primals.iter().map(named).collect();
        let mut results = fun(&x);
        let aux = if has_aux { results.pop() } else { None };
        // The gradient is linear in what comes from above, and its transpose is the derivative forward.
        let seeds: Vec<Option<Value>> =
            results.iter().map(|y| y.dtype().is_float().then(|| named(&y.full_like(0.0)))).collect();
        let back = vjp(&results, &seeds, &x)?;
        let along =
            back.iter().zip(tangents).filter_map(|(g, t)| g.as_ref().map(|g| (g * t).sum(g.all_axes())));
        let along = along.reduce(|a, b| a + b);
        let wrt: Vec<Value> = seeds.iter().flatten().cloned().collect();
        let mut forward = match along {
            Some(along) => vjp(std::slice::from_ref(&along), &[Some(along.full_like(1.0))], &wrt)?,
            None => vec![None; wrt.len()],
        }
        .into_iter();
        let derivatives: Vec<Value> = results
            .iter()
            .zip(&seeds)
            .map(|(y, seed)| match seed {
                Some(_) => forward.next().flatten().unwrap_or_else(|| y.full_like(0.0)),
                None => y.full_like(0.0),
            })
            .collect();
        Ok(results.into_iter().chain(derivatives).chain(aux).collect())
    })
}

/// A function of the last axes as one of tensors with any axes before them, which are broadcast.
///
/// The signature says which axes the function takes and gives: `"(m,n),(n)->(m)"`; without one it takes and gives scalars.
/// Arguments with the numbers in `excluded` are passed on as they are. It is run on one place after the other.
///
/// # Errors
/// When the signature is none.
///
/// ```
/// use cornu::prelude::*;
/// let norm = ops::vectorize(|x: &[Value]| vec![x[0].square().sum([0]).sqrt()], &[], Some("(n)->()"))?;
/// let y = norm(&[Tensor::from([[3f32, 4.0], [0.0, 1.0]])])?;
/// assert_eq!(y[0].to_vec::<f32>()?, [5.0, 1.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn vectorize<X: Traced>(
    pyfunc: impl Fn(&[Value]) -> Vec<Value>,
    excluded: &[usize],
    signature: Option<&str>,
) -> Result<impl Fn(&[X]) -> X::Outputs> {
    let excluded = excluded.to_vec();
    let ranks = signature.map(parsed).transpose()?;
    Ok(move |args: &[X]| {
        let count = ranks.as_ref().map_or(1, |(_, outputs)| outputs.len());
        X::trace(args, count, Location::caller(), |_, args| mapped(&pyfunc, &excluded, ranks.as_ref(), args))
    })
}

/// How many axes inputs and outputs have.
type Ranks = (Vec<usize>, Vec<usize>);

fn parsed(signature: &str) -> Result<Ranks> {
    let bad = || {
        let e = Error::argument("signature", format!("`{signature}` is none"));
        e.help("one looks like `(m,n),(n)->(m)`")
    };
    let side = |side: &str| {
        let side: String = side.chars().filter(|c| !c.is_whitespace()).collect();
        let inner = side.strip_prefix('(').and_then(|s| s.strip_suffix(')')).ok_or_else(bad)?;
        let axes = |group: &str| {
            if group.contains(['(', ')']) {
                return Err(bad());
            }
            Ok(group.split(',').filter(|name| !name.is_empty()).count())
        };
        inner.split("),(").map(axes).collect::<Result<Vec<usize>>>()
    };
    let (inputs, outputs) = signature.split_once("->").ok_or_else(bad)?;
    Ok((side(inputs)?, side(outputs)?))
}

fn mapped(
    f: &impl Fn(&[Value]) -> Vec<Value>,
    excluded: &[usize],
    ranks: Option<&Ranks>,
    args: &[Value],
) -> Result<Vec<Value>> {
    let looped: Vec<usize> = (0..args.len()).filter(|i| !excluded.contains(i)).collect();
    if ranks.is_some_and(|(inputs, _)| inputs.len() != looped.len()) {
        return Err(Error::op(
            "vectorize",
            format!("the signature has another number of inputs than {}", looped.len()),
        ));
    }
    let (mut leading, mut cores) = (vec![], vec![]);
    for (n, &i) in looped.iter().enumerate() {
        let core = ranks.map_or(0, |(inputs, _)| inputs[n]);
        let shape = args[i].shape();
        let at = shape.len().checked_sub(core).ok_or_else(|| {
            Error::op("vectorize", format!("argument {i} needs {core} axes, got shape {shape:?}"))
        })?;
        leading = broadcast_shapes(&leading, &shape[..at])?;
        cores.push(shape[at..].to_vec());
    }
    let all = |slices: &[Value]| {
        let mut slices = slices.iter();
        let next = |(i, arg): (usize, &Value)| match excluded.contains(&i) {
            true => arg.clone(),
            false => slices.next().unwrap_or(arg).clone(),
        };
        args.iter().enumerate().map(next).collect::<Vec<Value>>()
    };
    if leading.is_empty() {
        return Ok(f(args));
    }
    let places: usize = leading.iter().product();
    let rows: Vec<Value> = looped
        .iter()
        .zip(&cores)
        .map(|(&i, core)| {
            let whole = args[i].broadcast_to(&[&leading[..], core].concat());
            whole.reshape(&[&[places], &core[..]].concat())
        })
        .collect();
    let builder = Value::innermost(args).cloned().unwrap_or_default();
    let (_, stacked) = builder.scan(&[], &rows, places, false, |_, _, x| Ok((vec![], f(&all(x)))))?;
    if let Some((_, outputs)) = ranks {
        let same =
            outputs.len() == stacked.len() && outputs.iter().zip(&stacked).all(|(n, y)| y.rank() == n + 1);
        if !same {
            return Err(Error::op("vectorize", "the function gives other axes than its signature"));
        }
    }
    Ok(stacked.iter().map(|y| y.reshape(&[&leading[..], &y.shape()[1..]].concat())).collect())
}
