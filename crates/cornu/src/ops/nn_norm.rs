//! Normalization.
use super::operation::one_of;
use super::slot::Arguments;
use super::{Arg, Axes, Operand};
use crate::layers::normalization::{batch_normalize, layer_normalize, rms_normalize};
use cornu_graph::{DType, Error, Result, Value, normalize_axis};

ops! {
    "keras.src.ops.nn";
    BatchNorm _(x, mean, variance; offset, scale) { axis: i64, epsilon: f64 } =>
        batch_normalized(x, [mean, variance], offset, scale, *axis, *epsilon).unwrap_or_else(|e| x.fail(e));
    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta`, mean and variance over the axes; `epsilon` is 1e-7 unless
    /// given. With `rms_scaling` (deprecated in Keras) the mean stays and nothing is added.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Tensor::from([[1f32, 3.0], [5.0, 5.0]]);
    /// let y = ops::layer_normalization(&x, None, None, -1, Some(0.0), false)?;
    /// assert_eq!(y.to_vec::<f32>()?[..2], [-1.0, 1.0]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    LayerNorm layer_normalization(x; gamma, beta) { axis: Axes, epsilon: Epsilon, rms_scaling: bool } => {
        let normalized = over(x, axis).map(|axes| {
            layer_normalize(x, &axes, epsilon.unwrap_or(EPSILON), gamma, beta, *rms_scaling)
        });
        normalized.map_or_else(|e| x.fail(e), |y| y.cast(x.dtype()))
    };
    /// `x / sqrt(mean of squares + epsilon) * scale`, the mean over the axes; `epsilon` is 1e-7 unless given.
    RMSNorm rms_normalization(x; scale) { axis: Axes, epsilon: Epsilon } => {
        let normalized = over(x, axis).map(|axes| rms_normalize(x, &axes, epsilon.unwrap_or(EPSILON), scale));
        normalized.map_or_else(|e| x.fail(e), |y| y.cast(x.dtype()))
    };
}

ops! {
    "keras.src.ops.nn" many;
    /// Mean and variance over the axes. Statistics of several replicas (`synchronized`) are refused.
    Moments moments(x) { axes: Axes, keepdims: bool, synchronized: bool } => {
        if *synchronized {
            return vec![x.fail(Error::argument("synchronized", "is not supported: there is one replica"))];
        }
        let (wide, axes) = (super::dtypes::float(x), axes.of(x.rank()));
        let wide = wide.cast(DType::promote(wide.dtype(), DType::F32));
        let back = |v: Value| {
            let (low, high) = DType::F16.limits();
            match x.dtype() {
                DType::F16 | DType::BF16 => v.clip(low, high).cast(x.dtype()),
                _ => v,
            }
        };
        let (mean, variance) = if *keepdims {
            (wide.mean_keepdims(&axes), wide.var_keepdims(&axes))
        } else {
            (wide.mean(&axes), wide.var(&axes))
        };
        vec![back(mean), back(variance)]
    };
}

/// A small number, or Keras's 1e-7.
type Epsilon = Option<f64>;
const EPSILON: f64 = 1e-7;

/// `(x - mean) / sqrt(variance + epsilon) * scale + offset`, where each is a vector of numbers for the places of `axis`.
#[track_caller]
pub fn batch_normalization<X: Operand>(
    x: impl Into<Arg<X>>,
    mean: impl Into<Arg<X>>,
    variance: impl Into<Arg<X>>,
    axis: i64,
    offset: Option<&X>,
    scale: Option<&X>,
    epsilon: f64,
) -> X::Output {
    let given =
        Arguments::new().and(x.into()).and(mean.into()).and(variance.into()).maybe(offset).maybe(scale);
    one_of(BatchNorm { axis, epsilon }, given)
}

fn batch_normalized(
    x: &Value,
    [mean, variance]: [&Value; 2],
    offset: Option<&Value>,
    scale: Option<&Value>,
    axis: i64,
    epsilon: f64,
) -> Result<Value> {
    let channel = normalize_axis("axis", axis, x.rank())?;
    let size = x.shape()[channel];
    let given = [("mean", Some(mean)), ("variance", Some(variance)), ("offset", offset), ("scale", scale)];
    for (name, v) in given {
        if let Some(v) = v.filter(|v| v.shape() != [size]) {
            let message = format!("must be a vector of length {size}, got shape {:?}", v.shape());
            return Err(Error::argument(name, message));
        }
    }
    Ok(batch_normalize(x, channel, mean, variance, offset, scale, epsilon))
}

/// The axes counted from the front, rising.
fn over(x: &Value, axes: &Axes) -> Result<Vec<usize>> {
    let mut axes = axes
        .of(x.rank())
        .into_iter()
        .map(|a| normalize_axis("axis", a, x.rank()))
        .collect::<Result<Vec<_>>>()?;
    axes.sort_unstable();
    Ok(axes)
}
