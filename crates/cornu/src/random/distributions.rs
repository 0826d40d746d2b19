//! Numbers of distributions.
use super::Seed;
use crate::ops::creation::room;
use crate::ops::{Arg, run};
use cornu_graph::philox::Generator;
use cornu_graph::{Builder, DType, Error, Result, Tensor, Value};

/// Normal numbers of `shape`.
///
/// # Errors
/// When there cannot be so many elements, or the dtype is no float.
///
/// ```
/// let x = cornu::random::normal([2, 3], 0.0, 1.0, None, 1)?;
/// assert_eq!(x.shape(), [2, 3]);
/// assert_eq!(x, cornu::random::normal([2, 3], 0.0, 1.0, None, 1)?);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn normal<'a>(
    shape: impl Into<Vec<usize>>,
    mean: f64,
    stddev: f64,
    dtype: Option<DType>,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    fill(shape.into(), float("normal", dtype)?, seed.into(), |g| mean + stddev * g.normal())
}

/// Normal numbers of `shape`, drawn again until within two deviations of the mean.
///
/// # Errors
/// When there cannot be so many elements, or the dtype is no float.
pub fn truncated_normal<'a>(
    shape: impl Into<Vec<usize>>,
    mean: f64,
    stddev: f64,
    dtype: Option<DType>,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    let dtype = float("truncated_normal", dtype)?;
    fill(shape.into(), dtype, seed.into(), |g| mean + stddev * g.truncated_normal())
}

/// Uniform numbers of `shape`, from `minval` to below `maxval`.
///
/// # Errors
/// When there cannot be so many elements, or the dtype is no float.
pub fn uniform<'a>(
    shape: impl Into<Vec<usize>>,
    minval: f64,
    maxval: f64,
    dtype: Option<DType>,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    fill(shape.into(), float("uniform", dtype)?, seed.into(), |g| minval + (maxval - minval) * g.uniform())
}

/// Integers of `shape`, each as likely, from `minval` to before `maxval`; int32 is Keras's dtype.
///
/// # Errors
/// When there is none between the bounds, there cannot be so many elements, or the dtype is no integer.
pub fn randint<'a>(
    shape: impl Into<Vec<usize>>,
    minval: i64,
    maxval: i64,
    dtype: DType,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    if !dtype.is_int() {
        return Err(Error::argument("dtype", format!("must be an integer dtype, got {dtype}")));
    }
    let range = maxval.checked_sub(minval).filter(|range| *range > 0);
    let range = range.ok_or_else(|| {
        Error::argument("maxval", format!("must be above minval {minval} by less than 2^63, got {maxval}"))
    })?;
    let mut generator = Generator::new(seed.into().number());
    let mut draw = || {
        // The upper half of the product: no number is more likely by more than 2^-64.
        let scaled = u128::from(generator.next_u64()) * u128::from(range.unsigned_abs());
        minval + (scaled >> 64) as i64
    };
    let shape = shape.into();
    let values: Vec<i64> = (0..count(&shape)?).map(|_| draw()).collect();
    Ok(Tensor::new(shape, values)?.cast(dtype))
}

/// Gamma numbers of `shape` with the shape parameter `alpha`, a positive number or a tensor of them that is broadcast, and the
/// scale 1. By rejection (Marsaglia and Tsang, 2000).
///
/// # Errors
/// When a parameter is not positive, or the shapes do not fit.
pub fn gamma<'a>(
    shape: impl Into<Vec<usize>>,
    alpha: impl Into<Arg<Tensor>>,
    dtype: Option<DType>,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    let (shape, dtype, alpha) = (shape.into(), float("gamma", dtype)?, positive("alpha", alpha.into())?);
    draw(seed.into(), &shape, &[alpha], |state, v| state.random_gamma(&v[0], &shape)).map(|t| t.cast(dtype))
}

/// Beta numbers of `shape` with the parameters `alpha` and `beta`, positive numbers or tensors of them that are broadcast.
///
/// # Errors
/// When a parameter is not positive, or the shapes do not fit.
pub fn beta<'a>(
    shape: impl Into<Vec<usize>>,
    alpha: impl Into<Arg<Tensor>>,
    beta: impl Into<Arg<Tensor>>,
    dtype: Option<DType>,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    let (shape, dtype) = (shape.into(), float("beta", dtype)?);
    let parameters = [positive("alpha", alpha.into())?, positive("beta", beta.into())?];
    draw(seed.into(), &shape, &parameters, |state, v| state.random_beta(&v[0], &v[1], &shape))
        .map(|t| t.cast(dtype))
}

/// How many of `counts` trials succeed that each do with `probabilities`; numbers, or tensors of them that are broadcast to
/// `shape`. Exact: no normal approximation.
///
/// # Errors
/// When a count is no natural number, a probability is not within 0 and 1, or the shapes do not fit.
///
/// ```
/// let x = cornu::random::binomial([1000], 10, 0.3, None, 1)?;
/// assert!(x.to_f64().iter().all(|k| (0.0..=10.0).contains(k)));
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn binomial<'a>(
    shape: impl Into<Vec<usize>>,
    counts: impl Into<Arg<Tensor>>,
    probabilities: impl Into<Arg<Tensor>>,
    dtype: Option<DType>,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    let (shape, dtype) = (shape.into(), dtype.unwrap_or(DType::F32));
    let natural = |n: f64| n >= 0.0 && n.fract() == 0.0;
    let counts = checked("counts", counts.into(), "natural numbers", natural)?;
    let within = |p: f64| (0.0..=1.0).contains(&p);
    let probabilities = checked("probabilities", probabilities.into(), "within 0 and 1", within)?;
    draw(seed.into(), &shape, &[counts, probabilities], |state, v| {
        state.random_binomial(&v[0], &v[1], &shape)
    })
    .map(|t| t.cast(dtype))
}

/// For each row of the logits (rows, classes), `num_samples` classes, each with a probability in proportion to `e^logit`;
/// int32 is Keras's dtype.
///
/// # Errors
/// When the logits are no matrix, or the dtype is no integer.
pub fn categorical<'a>(
    logits: &Tensor,
    num_samples: usize,
    dtype: DType,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    if !dtype.is_int() {
        return Err(Error::argument("dtype", format!("must be an integer dtype, got {dtype}")));
    }
    if logits.rank() != 2 || logits.shape()[1] == 0 {
        let message = format!("must have shape (rows, classes), got {:?}", logits.shape());
        return Err(Error::argument("logits", message));
    }
    let logits = logits.clone();
    traced(seed.into(), &[logits], |state, v| state.random_categorical(&v[0], num_samples))
        .map(|t| t.cast(dtype))
}

/// Runs a graph that draws numbers from a state and parameters.
pub(super) fn traced(
    seed: Seed,
    parameters: &[Tensor],
    draw: impl FnOnce(&Value, &[Value]) -> (Value, Value),
) -> Result<Tensor> {
    let state = Tensor::from([seed.number(), 0]);
    let inputs: Vec<Tensor> = [state].into_iter().chain(parameters.iter().cloned()).collect();
    let mut drawn = run(&inputs, |_: &Builder, v| Ok(vec![draw(&v[0], &v[1..]).1]))?;
    Ok(drawn.remove(0))
}

/// [`traced`] where parameters are broadcast to the shape of the result.
fn draw(
    seed: Seed,
    shape: &[usize],
    parameters: &[Tensor],
    draw: impl FnOnce(&Value, &[Value]) -> (Value, Value),
) -> Result<Tensor> {
    if count(shape)? == 0 {
        return Ok(Tensor::zeros(shape, DType::F64));
    }
    traced(seed, parameters, draw)
}

fn fill(
    shape: Vec<usize>,
    dtype: DType,
    seed: Seed,
    mut draw: impl FnMut(&mut Generator) -> f64,
) -> Result<Tensor> {
    let mut generator = Generator::new(seed.number());
    let values: Vec<f64> = (0..count(&shape)?).map(|_| draw(&mut generator)).collect();
    Tensor::from_f64(shape, dtype, &values)
}

/// The number of elements, if there is room for them.
fn count(shape: &[usize]) -> Result<usize> {
    room(shape, DType::F64)?;
    Ok(shape.iter().product())
}

fn float(what: &str, dtype: Option<DType>) -> Result<DType> {
    match dtype.unwrap_or(DType::F32) {
        dtype if dtype.is_float() => Ok(dtype),
        dtype => Err(Error::argument("dtype", format!("{what} requires a float dtype, got {dtype}"))),
    }
}

fn positive(what: &str, given: Arg<Tensor>) -> Result<Tensor> {
    checked(what, given, "positive", |x| x > 0.0)
}

/// Parameters as float64.
fn checked(what: &str, given: Arg<Tensor>, wanted: &str, fits: impl Fn(f64) -> bool) -> Result<Tensor> {
    let tensor = match given {
        Arg::Tensor(tensor) | Arg::Constant(tensor) => tensor.cast(DType::F64),
        Arg::Number(number) => Tensor::scalar(number.to_f64()),
        Arg::Numbers(numbers) => Tensor::from(numbers.into_iter().map(|n| n.to_f64()).collect::<Vec<f64>>()),
    };
    match tensor.to_f64().into_iter().find(|&x| !fits(x)) {
        Some(x) => Err(Error::argument(what, format!("must be {wanted}, got {x}"))),
        None => Ok(tensor),
    }
}
