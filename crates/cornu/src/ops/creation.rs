//! Tensors made from numbers alone. They are tensors of the host; [`constant`](super::constant) takes them into graphs.
use super::arguments::MaybeDType;
use super::build::spaced;
use super::dtypes::float;
use super::{MaybeNumber, Number, Sizes};
use cornu_graph::{DType, Error, Result, Spec, Tensor, memory};

ops! {
    "keras.src.ops.numpy";
    /// `num` numbers from `start` to `stop` along a new axis, each the same multiple of the one before; without `endpoint`, to
    /// before it.
    Geomspace geomspace(start, stop) { num: usize, endpoint: bool, dtype: MaybeDType, axis: i64 } => {
        let given = DType::promote(start.dtype(), stop.dtype());
        let dtype = dtype.or(DType::promote(DType::F32, given));
        let (start, stop) = (float(start), float(stop));
        let sign = (start.sign() + stop.full_like(0.0)).expand_dims(*axis);
        let y = spaced(&start.abs().log(), &stop.abs().log(), *num, *endpoint, *axis).exp() * sign;
        if dtype.is_float() {
            return vec![y.cast(dtype)];
        }
        // Whole numbers that rounding moved a little are meant.
        let whole = y.round();
        let near = (&y - &whole).abs().le(&(y.abs() * 1e-5));
        near.select(&whole, &y).cast(dtype)
    };
    /// This shape and dtype; what is in it does not matter: zeros.
    EmptyLike empty_like(x) { dtype: MaybeDType } => x.cast(dtype.or(x.dtype())).full_like(0.0);
    Full _(fill_value) { shape: Sizes, dtype: MaybeDType } => {
        let shape: Option<Vec<usize>> = shape.0.iter().map(|&n| usize::try_from(n).ok()).collect();
        match shape {
            Some(shape) => fill_value.cast(dtype.or(fill_value.dtype())).broadcast_to(&shape),
            None => fill_value.fail(Error::argument("shape", "must not be negative")),
        }
    };
}

/// `start`, `start + step`, .. before `stop`; with one number, from 0 to before it. int32, or float32 when a number is a
/// float, unless a dtype is given.
///
/// # Errors
/// When the step is 0, or there are too many.
///
/// ```
/// use cornu::prelude::*;
/// assert_eq!(ops::arange(3, None, None, None)?.to_vec::<i32>()?, [0, 1, 2]);
/// assert_eq!(ops::arange(1, 2, 0.5, None)?.to_vec::<f32>()?, [1.0, 1.5]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn arange(
    start: impl Into<Number>,
    stop: impl Into<MaybeNumber>,
    step: impl Into<MaybeNumber>,
    dtype: Option<DType>,
) -> Result<Tensor> {
    let (start, step) = (start.into(), step.into().0.unwrap_or(Number::Int(1)));
    let (start, stop) = stop.into().0.map_or((Number::Int(0), start), |stop| (start, stop));
    let is_float = [start, stop, step].iter().any(|n| matches!(n, Number::Float(_)));
    let dtype = dtype.unwrap_or(if is_float { DType::F32 } else { DType::I32 });
    let (start, stop, step) = (start.to_f64(), stop.to_f64(), step.to_f64());
    if step == 0.0 {
        return Err(Error::argument("step", "must not be 0"));
    }
    let count = ((stop - start) / step).ceil().max(0.0);
    if !count.is_finite() || count >= u32::MAX.into() {
        return Err(Error::argument("stop", format!("{count} numbers are too many")));
    }
    let values: Vec<f64> = (0..count as usize).map(|i| start + i as f64 * step).collect();
    Tensor::from_f64([values.len()], dtype, &values)
}

/// A tensor of one number, float32 unless a dtype is given.
///
/// # Errors
/// When there cannot be so many elements.
pub fn full(
    shape: impl Into<Vec<usize>>,
    fill_value: impl Into<Number>,
    dtype: Option<DType>,
) -> Result<Tensor> {
    let (shape, dtype) = (shape.into(), dtype.unwrap_or(DType::F32));
    room(&shape, dtype)?;
    Ok(Tensor::full(shape, dtype, fill_value.into().to_f64()))
}

/// Fails where there is no memory for so many elements.
pub(crate) fn room(shape: &[usize], dtype: DType) -> Result<()> {
    let no_room = |_| Error::argument("shape", format!("there is no memory for {shape:?}"));
    memory::room(&Spec::new(dtype, shape)).map(drop).map_err(no_room)
}

/// A tensor of ones, float32 unless a dtype is given.
///
/// # Errors
/// When there cannot be so many elements.
pub fn ones(shape: impl Into<Vec<usize>>, dtype: Option<DType>) -> Result<Tensor> {
    full(shape, 1, dtype)
}

/// A tensor of zeros, float32 unless a dtype is given.
///
/// # Errors
/// When there cannot be so many elements.
pub fn zeros(shape: impl Into<Vec<usize>>, dtype: Option<DType>) -> Result<Tensor> {
    full(shape, 0, dtype)
}

/// A tensor whose numbers do not matter: zeros; float32 unless a dtype is given.
///
/// # Errors
/// When there cannot be so many elements.
pub fn empty(shape: impl Into<Vec<usize>>, dtype: Option<DType>) -> Result<Tensor> {
    zeros(shape, dtype)
}

/// A matrix of `n` rows and `m` columns (as many unless given) with ones on the `k`-th diagonal.
///
/// # Errors
/// When there cannot be so many elements.
///
/// ```
/// use cornu::prelude::*;
/// assert_eq!(ops::eye(2, None, 1, None)?.to_vec::<f32>()?, [0.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn eye(n: usize, m: Option<usize>, k: i64, dtype: Option<DType>) -> Result<Tensor> {
    matrix(n, m, dtype, |row, column| column - row == k)
}

/// The identity matrix of `n` rows.
///
/// # Errors
/// When there cannot be so many elements.
pub fn identity(n: usize, dtype: Option<DType>) -> Result<Tensor> {
    eye(n, None, 0, dtype)
}

/// A matrix of `n` rows and `m` columns (as many unless given) with ones on the `k`-th diagonal and below.
///
/// # Errors
/// When there cannot be so many elements.
pub fn tri(n: usize, m: Option<usize>, k: i64, dtype: Option<DType>) -> Result<Tensor> {
    matrix(n, m, dtype, |row, column| column - row <= k)
}

fn matrix(
    n: usize,
    m: Option<usize>,
    dtype: Option<DType>,
    one: impl Fn(i64, i64) -> bool,
) -> Result<Tensor> {
    let m = m.unwrap_or(n);
    room(&[n, m], DType::F64)?;
    let dtype = dtype.unwrap_or(DType::F32);
    let values: Vec<f64> =
        (0..n * m).map(|i| f64::from(u8::from(one((i / m) as i64, (i % m) as i64)))).collect();
    Tensor::from_f64([n, m], dtype, &values)
}
