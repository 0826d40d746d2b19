//! Element by element.
use super::Limits;
use super::arguments::{DTypeName, MaybeDType};
use super::dtypes::{choose, counted, float, floats, truth};
use cornu_graph::{DType, Value};

ops! {
    "keras.src.ops.numpy";
    /// `x1 + x2`, broadcast.
    Add add(x1, x2) => x1 + x2;
    /// `x1 - x2`, broadcast.
    Subtract subtract(x1, x2) => x1 - x2;
    /// `x1 * x2`, broadcast.
    Multiply multiply(x1, x2) => x1 * x2;
    /// `x1 / x2`, broadcast. Integers give float32. Keras's `divide`.
    Divide divide(x1, x2) => {
        let [x1, x2] = floats(x1, x2);
        x1 / x2
    };
    /// `x1 / x2`, broadcast. Integers give float32. Keras's `true_divide`, the operator `/`.
    TrueDivide true_divide(x1, x2) => {
        let [x1, x2] = floats(x1, x2);
        x1 / x2
    };
    /// `x1^x2`, broadcast.
    Power power(x1, x2) => {
        let [x1, x2] = counted(x1, x2);
        x1.pow(&x2)
    };
    /// The larger of both, broadcast; NaN if either is.
    Maximum maximum(x1, x2) => x1.maximum(x2);
    /// The smaller of both, broadcast; NaN if either is.
    Minimum minimum(x1, x2) => x1.minimum(x2);
    /// Within `x_min..=x_max`, each a number or a list that is broadcast; without one of them, up to any number. For ends that
    /// are tensors there are [`maximum`] and [`minimum`].
    Clip clip(x) { x_min: Limits, x_max: Limits } => clipped(x, x_min, x_max);
    /// `-x`
    Negative negative(x) => -x;
    /// `|x|`
    Absolute absolute(x) => magnitude(x);
    /// `|x|`: Python's own `abs` of a tensor, which Keras saves under another name than [`absolute`].
    Abs abs_of_python(x) => magnitude(x);
    /// `|x|`; integers give float32.
    Fabs fabs(x) => float(x).abs();
    /// The tensor itself.
    Copy copy(x) => x.clone();
    /// Cube root; integers give float32.
    Cbrt cbrt(x) => float(x).cbrt();
    /// `2^x`; integers give float32.
    Exp2 exp2(x) => (float(x) * std::f64::consts::LN_2).exp();
    /// Arc sine.
    Arcsin arcsin(x) => float(x).asin();
    /// Arc cosine.
    Arccos arccos(x) => float(x).acos();
    /// Arc tangent.
    Arctan arctan(x) => float(x).atan();
    /// Hyperbolic sine.
    Sinh sinh(x) => float(x).sinh();
    /// Hyperbolic cosine.
    Cosh cosh(x) => float(x).cosh();
    /// Inverse of [`sinh`].
    Arcsinh arcsinh(x) => float(x).asinh();
    /// Inverse of [`cosh`].
    Arccosh arccosh(x) => float(x).acosh();
    /// Inverse of [`tanh`].
    Arctanh arctanh(x) => float(x).atanh();
    /// `sin(πx) / πx`, 1 at 0.
    Sinc sinc(x) => {
        let x = float(x) * std::f64::consts::PI;
        let safe = x.equal(&x.scalar(0.0)).select(&x.full_like(1.0), &x);
        x.equal(&x.scalar(0.0)).select(&x.full_like(1.0), &(safe.sin() / &safe))
    };
    /// Degrees as radians.
    Deg2rad deg2rad(x) => float(x) * (std::f64::consts::PI / 180.0);
    /// Radians as degrees.
    Rad2deg rad2deg(x) => float(x) * (180.0 / std::f64::consts::PI);
    /// The angle of a complex number; of a real one, 0 or π.
    Angle angle(x) => {
        let x = float(x);
        let negative = x.lt(&x.scalar(0.0));
        let angle = negative.select(&x.full_like(std::f64::consts::PI), &x.full_like(0.0));
        x.is_nan().select(&x, &angle)
    };
    /// To the next whole number toward 0.
    Trunc trunc(x) => if x.dtype().is_float() { x.sign() * x.abs().floor() } else { x.clone() };
    /// Whether the sign bit is set.
    Signbit signbit(x) => if x.dtype().is_float() {
        // -0.0 has it, too.
        x.lt(&x.scalar(0.0)).or(&x.equal(&x.scalar(0.0)).and(&(1.0 / x).lt(&x.scalar(0.0))))
    } else {
        x.lt(&x.scalar(0.0))
    };
    /// Whether it is infinite.
    Isinf isinf(x) => float(x).abs().equal(&float(x).scalar(f64::INFINITY));
    /// Whether it is `-∞`.
    Isneginf isneginf(x) => float(x).equal(&float(x).scalar(f64::NEG_INFINITY));
    /// Whether it is `+∞`.
    Isposinf isposinf(x) => float(x).equal(&float(x).scalar(f64::INFINITY));
    /// Whether it is a real number: always.
    Isreal isreal(x) => x.full_like(1.0).cast(cornu_graph::DType::Bool);
    /// The modified Bessel function of the first kind, of order 0 (Abramowitz and Stegun, 9.8.1 and 9.8.2).
    I0 i0(x) => bessel_i0(&float(x));
    /// -1, 0 or 1.
    Sign sign(x) => x.sign();
    /// `x²`
    Square square(x) => super::dtypes::countable(x).square();
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
    /// To so many decimals, halves to even.
    Round round(x) { decimals: i64 } => rounded(x, *decimals);
    /// Whether it is no number.
    Isnan isnan(x) => float(x).is_nan();
    /// Whether it is neither infinite nor NaN.
    Isfinite isfinite(x) => float(x).is_finite();
    /// This shape and dtype, filled with 0.
    ZerosLike zeros_like(x) { dtype: MaybeDType } => x.cast(dtype.or(x.dtype())).full_like(0.0);
    /// This shape and dtype, filled with 1.
    OnesLike ones_like(x) { dtype: MaybeDType } => x.cast(dtype.or(x.dtype())).full_like(1.0);
    /// This shape, filled with a value.
    FullLike full_like(x, fill_value) { dtype: MaybeDType } => fill_value.cast(dtype.or(x.dtype())).broadcast_to(x.shape());
    /// Another dtype, or a copy.
    Array array(x) { dtype: MaybeDType } => x.cast(dtype.or(x.dtype()));
    /// `x1` where the condition holds (is not 0), else `x2`, broadcast. Keras's `where`.
    Where where_(condition, x1, x2) => choose(&truth(condition), x1, x2);
}

ops! {
    "keras.src.ops.math";
    /// `1 / √x`
    Rsqrt rsqrt(x) => float(x).rsqrt();
    /// The error function.
    Erf erf(x) => float(x).erf();
    /// `1 - erf(x)`
    Erfc erfc(x) => 1.0 - float(x).erf();
    /// The inverse of the error function.
    Erfinv erfinv(x) => float(x).erfinv();
}

ops! {
    "keras.src.ops.core";
    /// Another dtype.
    Cast cast(x) { dtype: DTypeName } => x.cast(dtype.0);
    /// Another dtype, whose limits values stay within.
    SaturateCast saturate_cast(x) { dtype: DTypeName } => saturated(x, dtype.0);
    /// The tensor itself, of this dtype if one is given.
    ConvertToTensor convert_to_tensor(x) { dtype: MaybeDType; sparse = null, ragged = null } => x.cast(dtype.or(x.dtype()));
    /// The same values, through which no gradient goes.
    StopGradient stop_gradient(x) => x.stop_gradient();
}

/// Two polynomials, within 2e-7 relative.
fn bessel_i0(x: &Value) -> Value {
    const SMALL: [f64; 7] = [0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0];
    const LARGE: [f64; 9] = [
        0.00392377,
        -0.01647633,
        0.02635537,
        -0.02057706,
        0.00916281,
        -0.00157565,
        0.00225319,
        0.01328592,
        0.39894228,
    ];
    let horner = |t: &Value, c: &[f64]| c[1..].iter().fold(t.full_like(c[0]), |y, &c| y * t + c);
    let a = x.abs();
    let small = horner(&(&a / 3.75).square(), &SMALL);
    let at_least = a.maximum(&a.scalar(3.75));
    let large = horner(&(3.75 / &at_least), &LARGE) * at_least.exp() / at_least.sqrt();
    a.lt(&a.scalar(3.75)).select(&small, &large)
}

/// Integers have no bounds between them: those of Keras are cut off.
fn clipped(x: &Value, low: &Limits, high: &Limits) -> Value {
    let x = if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x.clone() };
    let end = |given: &Limits, without: f64| match given {
        Limits::Number(n) => Some(n.to_f64()),
        Limits::None => Some(without),
        Limits::Numbers(_) => None,
    };
    if let (Some(low), Some(high)) = (end(low, f64::NEG_INFINITY), end(high, f64::INFINITY)) {
        return if x.dtype().is_float() { x.clip(low, high) } else { x.clip(low.trunc(), high.trunc()) };
    }
    let within = |x: Value, given: &Limits, join: fn(&Value, &Value) -> Value| match given {
        Limits::None => x,
        given => match given.tensor(x.dtype(), 0.0) {
            Ok(ends) => join(&x, &x.builder().constant(ends)),
            Err(e) => x.fail(e),
        },
    };
    within(within(x, low, Value::maximum), high, Value::minimum)
}

fn magnitude(x: &Value) -> Value {
    if x.dtype() == DType::Bool { x.clone() } else { x.abs() }
}

fn rounded(x: &Value, decimals: i64) -> Value {
    if !x.dtype().is_float() && decimals >= 0 {
        return x.clone();
    }
    if decimals == 0 {
        return x.round();
    }
    let factor = 10f64.powi(decimals as i32);
    let rounded = (float(x) * factor).round() / factor;
    rounded.cast(x.dtype())
}

fn saturated(x: &Value, dtype: DType) -> Value {
    let (low, high) = dtype.limits();
    if dtype.is_float() && x.dtype().is_float() && dtype.size() >= x.dtype().size() {
        return x.cast(dtype);
    }
    float(x).clip(low, high).cast(dtype)
}

/// `|x|`. Keras's other name for [`absolute`].
#[track_caller]
pub fn abs<X: super::Operand>(x: impl Into<super::Arg<X>>) -> X::Output {
    absolute(x)
}
