//! Quantiles.
use super::Axes;
use super::arguments::Text;
use super::dtypes::float;
use super::operation::{FromConfig, Rule, Settings};
use super::reduce::joined;
use cornu_graph::ops::ReduceKind;
use cornu_graph::{DType, Error, Result, Tensor, Value};

ops! {
    "keras.src.ops.numpy";
    /// The numbers that shares `q` (a number from 0 to 1, or a vector of them, which is the first axis of the result) of the
    /// elements over the axes do not exceed; NaN where any element is.
    ///
    /// Between two elements, the method says which: `"linear"`, `"lower"`, `"higher"`, `"midpoint"`, `"nearest"` (the lower of
    /// equally near), or `"inverted_cdf"`: the first element that enough do not exceed.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Tensor::from([1f32, 2.0, 4.0]);
    /// let y = ops::quantile(&x, [0.5, 0.75], None, "linear", false)?;
    /// assert_eq!(y.to_vec::<f32>()?, [2.0, 3.0]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Quantile quantile(x, q) { axis: Axes, method: Text, keepdims: bool } => of(x, q, 1.0, axis, method, *keepdims, false);
    /// [`quantile`] with `q` in percent.
    Percentile percentile(x, q) { axis: Axes, method: Text, keepdims: bool } =>
        of(x, q, 0.01, axis, method, *keepdims, false);
    /// [`quantile`] of the elements that are no NaN; NaN where there is none.
    Nanquantile nanquantile(x, q) { axis: Axes, method: Text, keepdims: bool } =>
        of(x, q, 1.0, axis, method, *keepdims, true);
    /// [`nanquantile`] with `q` in percent.
    Nanpercentile nanpercentile(x, q) { axis: Axes, method: Text, keepdims: bool } =>
        of(x, q, 0.01, axis, method, *keepdims, true);
}

/// [`quantile`] as a node of a saved model: Keras computes it in straight lines there, whatever method the file names.
#[derive(Debug)]
pub(super) struct SavedQuantile(Quantile);

impl Rule for SavedQuantile {
    fn class_name(&self) -> &'static str {
        self.0.class_name()
    }
    fn module(&self) -> &'static str {
        self.0.module()
    }
    fn config(&self) -> serde_json::Result<serde_json::Value> {
        self.0.config()
    }
    fn call(&self, tensors: &[Value]) -> Vec<Value> {
        let Quantile { axis, keepdims, .. } = &self.0;
        Quantile { axis: axis.clone(), method: "linear".into(), keepdims: *keepdims }.call(tensors)
    }
    fn parameters(&self) -> &'static [&'static str] {
        self.0.parameters()
    }
}

impl FromConfig for SavedQuantile {
    fn from_config(config: Settings) -> Result<Self> {
        Quantile::from_config(config).map(SavedQuantile)
    }
}

/// The middle value over the axes.
pub(super) fn middle(x: &Value, axes: &Axes, keepdims: bool) -> Value {
    let half = x.builder().constant(Tensor::scalar(0.5f32));
    of(x, &half, 1.0, axes, "linear", keepdims, false)
}

fn of(x: &Value, q: &Value, unit: f64, axes: &Axes, method: &str, keepdims: bool, skips_nan: bool) -> Value {
    let q = float(q) * unit;
    quantiles(&float(x), &q, axes, method, keepdims, skips_nan).unwrap_or_else(|e| x.fail(e))
}

fn quantiles(
    x: &Value,
    q: &Value,
    axes: &Axes,
    method: &str,
    keepdims: bool,
    skips_nan: bool,
) -> Result<Value> {
    let Some((flat, shape)) = joined(x, axes, keepdims) else {
        return Err(Error::argument("axis", format!("{axes:?} are no axes of shape {:?}", x.shape())));
    };
    let size = flat.dim(-1);
    if size == 0 || q.rank() > 1 {
        let message =
            format!("takes elements and a vector of shares, got {:?} and {:?}", x.shape(), q.shape());
        return Err(Error::op("quantile", message));
    }
    // Half precision would lose places.
    let q = q.cast(DType::promote(q.dtype(), DType::F32));
    let nan = flat.is_nan();
    // Behind all numbers.
    let sorted = nan.select(&flat.full_like(f64::INFINITY), &flat).sort(-1);
    let valid = nan.not().cast(q.dtype()).reduce(ReduceKind::Sum, &[-1], true);
    let count = if skips_nan { valid.clone() } else { valid.full_like(size as f64) };
    let last = (&count - 1.0).maximum(&count.full_like(0.0));
    let shares = q.reshape(&[q.spec().len()]);
    let place = match method {
        "inverted_cdf" => (&count * &shares).ceil() - 1.0,
        _ => &last * &shares,
    };
    let within = |place: Value| place.maximum(&place.scalar(0.0)).minimum(&last);
    let (low, high) = (within(place.floor()), within(place.ceil()));
    let at = |place: &Value| sorted.take_along_axis(&place.cast(DType::I32), -1);
    let (a, b) = (at(&low), at(&high));
    let weight = &place - &low;
    let value = match method {
        "linear" => {
            let between = &a + (&b - &a) * weight.cast(a.dtype());
            weight.equal(&weight.scalar(0.0)).select(&a, &between)
        }
        "lower" => a,
        "higher" | "inverted_cdf" => b,
        "midpoint" => (a + b) * 0.5,
        "nearest" => weight.le(&weight.scalar(0.5)).select(&a, &b),
        _ => {
            let known = ["linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf"];
            return Err(Error::unknown("method", method, known));
        }
    };
    let no_number = if skips_nan { valid.equal(&valid.scalar(0.0)) } else { valid.lt(&count) };
    let value = no_number.broadcast_to(value.shape()).select(&value.full_like(f64::NAN), &value);
    x.builder().check()?;
    // The shares come first.
    let rank = value.rank();
    let order: Vec<usize> = [rank - 1].into_iter().chain(0..rank - 1).collect();
    let shape = if q.rank() == 0 { shape } else { [&[q.dim(0)], &shape[..]].concat() };
    Ok(value.transpose(&order).reshape(&shape))
}
