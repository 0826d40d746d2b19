//! Of two tensors, element by element.
use super::dtypes::{counted, float, floats, summable};
use cornu_graph::{DType, Value};

ops! {
    "keras.src.ops.numpy";
    /// Angle of the point (`x2`, `x1`) in radians.
    Arctan2 arctan2(x1, x2) => {
        let [x1, x2] = floats(x1, x2);
        x1.atan2(&x2)
    };
    /// `x1 / x2`, 0 where `x2` is 0.
    DivideNoNan divide_no_nan(x1, x2) => {
        let [x1, x2] = floats(x1, x2);
        let zero = x2.equal(&x2.scalar(0.0));
        let quotient = &x1 / super::dtypes::choose(&zero, &x2.full_like(1.0), &x2);
        super::dtypes::choose(&zero, &quotient.full_like(0.0), &quotient)
    };
    /// The next whole number at or below `x1 / x2`.
    FloorDivide floor_divide(x1, x2) => floor_divided(x1, x2);
    /// What [`floor_divide`] leaves: with the sign of `x2`.
    Mod mod_(x1, x2) => {
        let dtype = DType::promote(x1.dtype(), x2.dtype());
        let (x1, x2) = (summable(x1), summable(x2));
        let rest = x1.rem(&x2);
        let wrong = rest.not_equal(&rest.scalar(0.0)).and(&rest.lt(&rest.scalar(0.0)).xor(&x2.lt(&x2.scalar(0.0))));
        back(super::dtypes::choose(&wrong, &(&rest + &x2), &rest), dtype)
    };
    /// What division toward 0 leaves: with the sign of `x1`.
    Fmod fmod(x1, x2) => {
        let [x1, x2] = counted(x1, x2);
        x1.rem(&x2)
    };
    /// The larger, the other where one is NaN.
    Fmax fmax(x1, x2) => without_nan(x1, x2, Value::maximum);
    /// The smaller, the other where one is NaN.
    Fmin fmin(x1, x2) => without_nan(x1, x2, Value::minimum);
    /// `√(x1² + x2²)`, without overflow.
    Hypot hypot(x1, x2) => {
        let [a, b] = floats(x1, x2).map(|x| x.abs());
        let (large, small) = (a.maximum(&b), a.minimum(&b));
        let zero = large.equal(&large.scalar(0.0));
        let ratio = small / zero.select(&large.full_like(1.0), &large);
        large * (ratio.square() + 1.0).sqrt()
    };
    /// 0 below 0, 1 above, and `x2` at 0.
    Heaviside heaviside(x1, x2) => {
        let (x, at_zero) = (float(x1), float(x2));
        let zero = x.equal(&x.scalar(0.0));
        let step = x.gt(&x.scalar(0.0)).select(&x.full_like(1.0), &x.full_like(0.0));
        super::dtypes::choose(&zero, &at_zero, &x.is_nan().select(&x, &step))
    };
    /// `x1 * 2^x2`
    Ldexp ldexp(x1, x2) => float(x1) * float(x1).scalar(2.0).pow(&float(x2));
    /// `log(e^x1 + e^x2)`, without overflow.
    Logaddexp logaddexp(x1, x2) => {
        let [x1, x2] = floats(x1, x2);
        add_exp(&x1, &x2, 1.0)
    };
    /// `log2(2^x1 + 2^x2)`, without overflow.
    Logaddexp2 logaddexp2(x1, x2) => {
        let [x1, x2] = floats(x1, x2);
        add_exp(&x1, &x2, std::f64::consts::LN_2)
    };
    /// The next float32 after `x1` toward `x2`.
    Nextafter nextafter(x1, x2) => next_after(&float(x1), &float(x2));
    /// Greatest common divisor of integers.
    Gcd gcd(x1, x2) => divisor(x1, x2);
    /// Least common multiple of integers.
    Lcm lcm(x1, x2) => {
        let divisor = divisor(x1, x2);
        let zero = divisor.equal(&divisor.scalar(0.0));
        let safe = zero.select(&divisor.full_like(1.0), &divisor);
        (x1 * x2.div(&safe)).abs()
    };
    /// Bits of both.
    BitwiseAnd bitwise_and(x, y) => x.and(y);
    /// Bits of any.
    BitwiseOr bitwise_or(x, y) => x.or(y);
    /// Bits of exactly one.
    BitwiseXor bitwise_xor(x, y) => x.xor(y);
    /// The opposite bits.
    BitwiseNot bitwise_not(x) => x.not();
    /// The opposite bits. Keras's other name for [`bitwise_not`].
    BitwiseInvert bitwise_invert(x) => x.not();
    /// `x << y`
    BitwiseLeftShift bitwise_left_shift(x, y) => {
        let [x, y] = counted(x, y);
        x.shift_left(&y)
    };
    /// `x << y`. Keras's other name for [`bitwise_left_shift`].
    LeftShift left_shift(x, y) => {
        let [x, y] = counted(x, y);
        x.shift_left(&y)
    };
    /// `x >> y`
    BitwiseRightShift bitwise_right_shift(x, y) => shifted_right(x, y);
    /// `x >> y`. Keras's other name for [`bitwise_right_shift`].
    RightShift right_shift(x, y) => shifted_right(x, y);
    /// Whether both are near each other: `|x1 - x2| <= 1e-8 + 1e-5 * |x2|`. Two further tensors are the relative and the
    /// absolute tolerance.
    Isclose isclose([xs]) { equal_nan: bool } => close(xs, *equal_nan);
}

fn floor_divided(x1: &Value, x2: &Value) -> Value {
    let dtype = DType::promote(x1.dtype(), x2.dtype());
    if dtype.is_float() {
        return (x1 / x2).floor();
    }
    let (x1, x2) = (summable(x1), summable(x2));
    let (quotient, rest) = (x1.div(&x2), x1.rem(&x2));
    let below =
        rest.not_equal(&rest.scalar(0.0)).and(&rest.lt(&rest.scalar(0.0)).xor(&x2.lt(&x2.scalar(0.0))));
    back(super::dtypes::choose(&below, &(&quotient - quotient.full_like(1.0)), &quotient), dtype)
}

/// What was counted in wide integers as integers of this dtype; bools stay numbers.
fn back(x: Value, dtype: DType) -> Value {
    if dtype == DType::Bool { x } else { x.cast(dtype) }
}

fn without_nan(x1: &Value, x2: &Value, pick: fn(&Value, &Value) -> Value) -> Value {
    if !DType::promote(x1.dtype(), x2.dtype()).is_float() {
        return pick(x1, x2);
    }
    let (x1, x2) = (float(x1), float(x2));
    let a = super::dtypes::choose(&x1.is_nan(), &x2, &x1);
    let b = super::dtypes::choose(&x2.is_nan(), &x1, &x2);
    pick(&a, &b)
}

/// Logarithm of the sum of powers, whose base has this natural logarithm.
fn add_exp(x1: &Value, x2: &Value, base: f64) -> Value {
    let (large, small) = (x1.maximum(x2), x1.minimum(x2));
    let same = large.equal(&small);
    let distance = same.select(&large.full_like(0.0), &((&small - &large) * base));
    large + distance.exp().log1p() / base
}

/// A float32 away (Rump et al., 2009: exact for normal numbers).
fn next_after(x: &Value, toward: &Value) -> Value {
    const UNIT: f64 = 1.0 / (1 << 24) as f64;
    let step = x.abs() * (UNIT * (1.0 + 2.0 * UNIT)) + 1.4e-45;
    let up = toward.gt(x);
    let moved = super::dtypes::choose(&up, &(x + &step), &(x - &step));
    let stays = toward.equal(x);
    let moved = super::dtypes::choose(&stays, toward, &moved);
    let nan = x.is_nan().or(&toward.is_nan());
    super::dtypes::choose(&nan, &moved.full_like(f64::NAN), &moved)
}

/// Euclid's algorithm; as many steps as the dtype can need.
fn divisor(x1: &Value, x2: &Value) -> Value {
    let dtype = DType::promote(x1.dtype(), x2.dtype());
    if !dtype.is_int() {
        return x1.fail(cornu_graph::Error::op("gcd", format!("takes integers, got {dtype}")));
    }
    // Fibonacci numbers take the most: 1.44 steps for each bit.
    let steps = dtype.size() * 8 * 3 / 2;
    let (a, b) = (x1.cast(dtype).abs(), x2.cast(dtype).abs());
    let sum = &a + &b;
    let start = [a.broadcast_to(sum.shape()), b.broadcast_to(sum.shape())];
    let result = x1.builder().scan(&start, &[], steps, false, |_, carry, _| {
        let (a, b) = (&carry[0], &carry[1]);
        let done = b.equal(&b.scalar(0.0));
        let rest = a.rem(&done.select(&b.full_like(1.0), b));
        Ok((vec![done.select(a, b), done.select(b, &rest)], vec![]))
    });
    match result {
        Ok((mut carry, _)) => carry.remove(0),
        Err(e) => x1.fail(e),
    }
}

fn shifted_right(x: &Value, y: &Value) -> Value {
    let [x, y] = &counted(x, y);
    if DType::promote(x.dtype(), y.dtype()).is_signed_int() {
        x.shift_right_arithmetic(y)
    } else {
        x.shift_right_logical(y)
    }
}

pub(super) fn close(xs: &[Value], equal_nan: bool) -> Value {
    let [x1, x2, tolerances @ ..] = xs else {
        return xs[0].fail(cornu_graph::Error::op("isclose", "takes two tensors"));
    };
    let (a, b) = (float(x1), float(x2));
    let relative = tolerances.first().map_or_else(|| a.scalar(1e-5), |t| t.cast(a.dtype()));
    let absolute = tolerances.get(1).map_or_else(|| a.scalar(1e-8), |t| t.cast(a.dtype()));
    let near = (&a - &b).abs().le(&(relative * b.abs() + absolute)).and(&b.is_finite());
    let near = near.or(&a.equal(&b));
    if equal_nan { near.or(&a.is_nan().and(&b.is_nan())) } else { near }
}
