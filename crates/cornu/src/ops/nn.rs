//! Activations and encodings.
use super::Axes;
use super::arguments::{DTypeName, Number};
use super::dtypes::float;
use crate::activations as forms;
use cornu_graph::{Error, Value};

ops! {
    "keras.src.ops.nn";
    /// `max(x, 0)`
    Relu relu(x) => forms::relu(x, 0.0, None, 0.0);
    /// `min(max(x, 0), 6)`
    Relu6 relu6(x) => forms::relu6(x);
    /// `x` where positive, else `negative_slope * x`.
    LeakyRelu leaky_relu(x) { negative_slope: f64 } => forms::leaky_relu(&float(x), *negative_slope);
    /// `x` where positive, else `alpha * (e^x - 1)`.
    Elu elu(x) { alpha: f64 } => forms::elu(&float(x), *alpha);
    /// Scaled [`elu`], for self-normalizing networks.
    Selu selu(x) => forms::selu(&float(x));
    /// `x * Φ(x)`; approximately, by a tanh.
    Gelu gelu(x) { approximate: bool } => forms::gelu(&float(x), *approximate);
    /// `x * sigmoid(x)`
    Silu silu(x) => forms::silu(&float(x));
    /// `1 / (1 + e^-x)`
    Sigmoid sigmoid(x) => forms::sigmoid(&float(x));
    /// Logarithm of [`sigmoid`], without overflow.
    LogSigmoid log_sigmoid(x) => forms::log_sigmoid(&float(x));
    /// [`sigmoid`] in three straight lines.
    HardSigmoid hard_sigmoid(x) => forms::hard_sigmoid(&float(x));
    /// `log(1 + e^x)`, without overflow.
    Softplus softplus(x) => forms::softplus(&float(x));
    /// `x / (1 + |x|)`
    Softsign softsign(x) => forms::softsign(&float(x));
    /// `x` where positive, else `alpha * (e^(x / alpha) - 1)`.
    Celu celu(x) { alpha: f64 } => forms::celu(&float(x), *alpha);
    /// The first half along the axis, times the [`sigmoid`] of the second.
    Glu glu(x) { axis: i64 } => forms::glu(&float(x), *axis);
    /// `x` where `|x|` is above the threshold, else 0.
    HardShrink hard_shrink(x) { threshold: f64 } => forms::hard_shrink(&float(x), *threshold);
    /// `x * hard_sigmoid(x)`
    HardSilu hard_silu(x) => forms::hard_silu(&float(x));
    /// `x` between -1 and 1.
    HardTanh hard_tanh(x) => forms::hard_tanh(&float(x));
    /// `x` moved toward 0 by the threshold.
    SoftShrink soft_shrink(x) { threshold: f64 } => forms::soft_shrink(&float(x), *threshold);
    /// 0 up to -1, `x` from 1 on, a parabola between.
    SparsePlus sparse_plus(x) => forms::sparse_plus(&float(x));
    /// 0 up to -1, 1 from 1 on, a line between.
    SparseSigmoid sparse_sigmoid(x) => forms::sparse_sigmoid(&float(x));
    /// The nearest probabilities, of which many are 0 (Martins and Astudillo, 2016).
    Sparsemax sparsemax(x) { axis: i64 } => forms::sparsemax(&float(x), *axis);
    /// `(x + sqrt(x^2 + b)) / 2`
    Squareplus squareplus(x) { b: Number } => forms::squareplus(&float(x), b.to_f64());
    /// `x - tanh(x)`
    TanhShrink tanh_shrink(x) => forms::tanh_shrink(&float(x));
    /// `x` where above the threshold, else a default.
    Threshold threshold(x) { threshold: Number, default_value: Number } =>
        forms::threshold(x, threshold.to_f64(), default_value.to_f64());
    /// `e^x`, divided by its sum over the axes, or over all elements when there is `None`.
    Softmax softmax(x) { axis: Axes } => match axis {
        Axes::Several(axes) => along(x, axes).exp(),
        axis => over(x, axis, Value::softmax),
    };
    /// Logarithm of [`softmax`], without overflow.
    LogSoftmax log_softmax(x) { axis: Axes } => match axis {
        Axes::Several(axes) => along(x, axes),
        axis => over(x, axis, Value::log_softmax),
    };
    /// A new axis before `axis` (-1: at the end) with 1 at the position that the integer says and 0 elsewhere.
    OneHot one_hot(x) { num_classes: usize, axis: i64, dtype: DTypeName; sparse = false } =>
        x.one_hot(*num_classes, *axis, dtype.0);
    /// Which classes are among the integers: like [`one_hot`] before `axis`, the largest over the second axis (of a vector,
    /// the only one).
    MultiHot multi_hot(inputs) { num_classes: usize, axis: i64, dtype: DTypeName; sparse = false } => {
        let hot = inputs.cast(cornu_graph::DType::I32).one_hot(*num_classes, *axis, dtype.0);
        hot.max([i64::from(inputs.rank() > 1)])
    };
}

/// `x * sigmoid(x)`. Keras's other name for [`silu`].
#[track_caller]
pub fn swish<X: super::Operand>(x: impl Into<super::Arg<X>>) -> X::Output {
    silu(x)
}

/// `x * hard_sigmoid(x)`. Keras's other name for [`hard_silu`].
#[track_caller]
pub fn hard_swish<X: super::Operand>(x: impl Into<super::Arg<X>>) -> X::Output {
    hard_silu(x)
}

/// The logarithm of softmax over several axes.
fn along(x: &Value, axes: &[i64]) -> Value {
    let x = float(x);
    &x - x.logsumexp_keepdims(axes)
}

/// Along one axis, or over all elements in a row.
fn over(x: &Value, axes: &Axes, f: fn(&Value, i64) -> Value) -> Value {
    let x = float(x);
    match axes {
        Axes::One(axis) => f(&x, *axis),
        Axes::All(()) => f(&x.reshape(&[x.spec().len()]), 0).reshape(x.shape()),
        Axes::Several(_) => x.fail(Error::argument("axis", "is one, or `None` for all")),
    }
}
