//! Element by element.
use super::arguments::DTypeName;
use super::dtypes::{choose, float, truth};
use super::{Arg, Operand};

ops! {
    "keras.src.ops.numpy";
    /// `x1 + x2`, broadcast.
    Add add(x1, x2) => x1 + x2;
    /// `x1 - x2`, broadcast.
    Subtract subtract(x1, x2) => x1 - x2;
    /// `x1 * x2`, broadcast.
    Multiply multiply(x1, x2) => x1 * x2;
    /// `x1 / x2`, broadcast. Integers give float32. Keras's `divide`.
    Divide divide(x1, x2) => float(x1) / float(x2);
    /// `x1 / x2`, broadcast. Integers give float32. Keras's `true_divide`, the operator `/`.
    TrueDivide true_divide(x1, x2) => float(x1) / float(x2);
    /// `x1^x2`, broadcast.
    Power power(x1, x2) => x1.pow(x2);
    /// The larger of both, broadcast; NaN if either is.
    Maximum maximum(x1, x2) => x1.maximum(x2);
    /// The smaller of both, broadcast; NaN if either is.
    Minimum minimum(x1, x2) => x1.minimum(x2);
    /// Within `x_min..=x_max`.
    Clip clip(x) { x_min: f64, x_max: f64 } => x.clip(*x_min, *x_max);
    /// `-x`
    Negative negative(x) => -x;
    /// `|x|`
    Absolute absolute(x) => x.abs();
    /// -1, 0 or 1.
    Sign sign(x) => x.sign();
    /// `x²`
    Square square(x) => x.square();
    /// `√x`; integers give float32.
    Sqrt sqrt(x) => float(x).sqrt();
    /// `1 / x`; integers give float32.
    Reciprocal reciprocal(x) => 1.0 / float(x);
    /// `e^x`; integers give float32.
    Exp exp(x) => float(x).exp();
    /// `e^x - 1`, exact near 0.
    Expm1 expm1(x) => float(x).expm1();
    /// Natural logarithm.
    Log log(x) => float(x).log();
    /// `log(1 + x)`, exact near 0.
    Log1p log1p(x) => float(x).log1p();
    /// Logarithm of base 2.
    Log2 log2(x) => float(x).log() / std::f64::consts::LN_2;
    /// Logarithm of base 10.
    Log10 log10(x) => float(x).log() / std::f64::consts::LN_10;
    /// Sine.
    Sin sin(x) => float(x).sin();
    /// Cosine.
    Cos cos(x) => float(x).cos();
    /// Tangent.
    Tan tan(x) => float(x).tan();
    /// Hyperbolic tangent.
    Tanh tanh(x) => float(x).tanh();
    /// To the next whole number toward infinity.
    Ceil ceil(x) => float(x).ceil();
    /// To the next whole number toward minus infinity.
    Floor floor(x) => float(x).floor();
    /// To the nearest whole number, halves to even.
    Round round(x) { ; decimals = 0 } => x.round();
    /// Whether it is no number.
    Isnan isnan(x) => float(x).is_nan();
    /// Whether it is neither infinite nor NaN.
    Isfinite isfinite(x) => float(x).is_finite();
    /// This shape and dtype, filled with 0.
    ZerosLike zeros_like(x) { ; dtype = null } => x.full_like(0.0);
    /// This shape and dtype, filled with 1.
    OnesLike ones_like(x) { ; dtype = null } => x.full_like(1.0);
    /// `x1` where the condition holds (is not 0), else `x2`, broadcast. Keras's `where`.
    Where where_(condition, x1, x2) => choose(&truth(condition), x1, x2);
}

ops! {
    "keras.src.ops.math";
    /// `1 / √x`
    Rsqrt rsqrt(x) => float(x).rsqrt();
    /// The error function.
    Erf erf(x) => float(x).erf();
}

ops! {
    "keras.src.ops.core";
    /// Another dtype.
    Cast cast(x) { dtype: DTypeName } => x.cast(dtype.0);
    /// The same values, through which no gradient goes.
    StopGradient stop_gradient(x) => x.stop_gradient();
}

/// `|x|`. Keras's other name for [`absolute`].
#[track_caller]
pub fn abs<X: Operand>(x: impl Into<Arg<X>>) -> X::Output {
    absolute(x)
}
