//! Elementary functions of f32 lanes, within 2 ulp unless said otherwise: range reduction and the minimax polynomials of the
//! Cephes library (Moshier, 1989).
use super::Vector;
use std::f32::consts::FRAC_2_SQRT_PI;

/// Horner's rule, the highest power first.
#[inline(always)]
unsafe fn polynomial<V: Vector>(x: V, coefficients: &[f32]) -> V {
    // SAFETY: the caller vouches for the instruction set, here and in all functions below.
    unsafe {
        let mut y = V::splat(coefficients[0]);
        for &c in &coefficients[1..] {
            y = y.mul_add(x, V::splat(c));
        }
        y
    }
}

/// `2^n` for whole `n` in -126..=127, given as i32.
#[inline(always)]
unsafe fn power_of_two<V: Vector>(n: V) -> V {
    // SAFETY: as above.
    unsafe { n.add_int(V::splat_int(127)).shift_left(V::splat_int(23)) }
}

/// `n` and `expm1(r)` with `x = n ln 2 + r`.
#[inline(always)]
unsafe fn exp_parts<V: Vector>(x: V) -> (V, V) {
    // SAFETY: as above.
    unsafe {
        let n = x.mul(V::splat(std::f32::consts::LOG2_E)).round();
        // ln 2 in two parts, the first exact when multiplied by a small whole number.
        let r = n.mul_add(V::splat(-0.693_359_4), x);
        let r = n.mul_add(V::splat(2.121_944_4e-4), r);
        const P: [f32; 6] =
            [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1];
        let q = polynomial(r, &P).mul(r).mul_add(r, r);
        (n, q)
    }
}

/// `e^x`
#[inline(always)]
pub(crate) unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        // In this order NaN stays NaN.
        let held = V::splat(89.0).min_raw(V::splat(-104.0).max_raw(x));
        let (n, q) = exp_parts(held);
        q.add(V::splat(1.0)).times_power_of_two(n)
    }
}

/// `e^x - 1`, exact near 0
#[inline(always)]
pub(crate) unsafe fn expm1<V: Vector>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        let held = x.max_raw(V::splat(-30.0)).min_raw(V::splat(80.0));
        let (n, q) = exp_parts(held);
        let scale = power_of_two(n.to_int());
        let y = scale.mul_add(q, scale.sub(V::splat(1.0)));
        let large = V::splat(80.0).lt(x);
        let y = large.select(exp(x), y);
        // Tiny and zero arguments are their own result, -0 too.
        let tiny = x.abs().lt(V::splat(1e-7));
        x.eq(x).select(tiny.select(x, y), x)
    }
}

/// Natural logarithm
#[inline(always)]
pub(crate) unsafe fn log<V: Vector>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        let small = x.lt(V::splat(f32::MIN_POSITIVE));
        let scaled = small.select(x.mul(V::splat(16_777_216.0)), x);
        // The mantissa in [sqrt(1/2), sqrt(2)) and its exponent.
        let bits = scaled.sub_int(V::splat_int(0x3f35_04f3));
        let exponent = bits.shift_right_signed(V::splat_int(23)).to_float();
        let exponent = small.select(exponent.sub(V::splat(24.0)), exponent);
        let mantissa = bits.and(V::splat_int(0x007f_ffff)).add_int(V::splat_int(0x3f35_04f3));
        let m = mantissa.sub(V::splat(1.0));
        const P: [f32; 9] = [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ];
        let square = m.mul(m);
        let y = polynomial(m, &P).mul(m).mul(square);
        let y = exponent.mul_add(V::splat(-2.121_944_4e-4), y);
        let y = square.mul_add(V::splat(-0.5), y);
        let y = exponent.mul_add(V::splat(0.693_359_4), m.add(y));
        let y = x.lt(V::splat(0.0)).select(V::splat(f32::NAN), y);
        let y = x.eq(V::splat(0.0)).select(V::splat(f32::NEG_INFINITY), y);
        let unchanged = x.eq(V::splat(f32::INFINITY)).or(x.eq(x).not());
        unchanged.select(x, y)
    }
}

/// `log(1 + x)`, exact near 0
#[inline(always)]
pub(crate) unsafe fn log1p<V: Vector>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        let u = x.add(V::splat(1.0));
        let lost = x.sub(u.sub(V::splat(1.0)));
        let y = log(u);
        let special = u.le(V::splat(0.0)).or(u.eq(V::splat(f32::INFINITY))).or(u.eq(u).not());
        let y = special.select(y, y.add(lost.div(u)));
        x.eq(V::splat(0.0)).select(x, y)
    }
}

/// `1 / (1 + e^-x)`
#[inline(always)]
pub(crate) unsafe fn logistic<V: Vector>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        let one = V::splat(1.0);
        one.div(one.add(exp(V::splat(0.0).sub(x))))
    }
}

/// Hyperbolic tangent
#[inline(always)]
pub(crate) unsafe fn tanh<V: Vector>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        let a = x.abs();
        let square = x.mul(x);
        const P: [f32; 5] = [-5.704_988_7e-3, 2.063_908_8e-2, -5.373_971_5e-2, 1.333_144_2e-1, -3.333_328e-1];
        let small = polynomial(square, &P).mul(square).mul_add(x, x);
        let one = V::splat(1.0);
        let large = one.sub(V::splat(2.0).div(exp(a.add(a)).add(one)));
        let sign = x.and(V::splat_int(i32::MIN));
        a.lt(V::splat(0.625)).select(small, large.or(sign))
    }
}

/// Error function, within 4 ulp
#[inline(always)]
pub(crate) unsafe fn erf<V: Vector>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        const SMALL: [f32; 7] = [
            7.853_861_5e-5,
            -8.010_193_5e-4,
            5.188_327_6e-3,
            -2.685_381_2e-2,
            1.128_358_5e-1,
            -3.761_262_6e-1,
            FRAC_2_SQRT_PI,
        ];
        const MIDDLE: [f32; 9] = [
            2.326_819_8e-2,
            -1.387_039_4e-1,
            3.687_424_7e-1,
            -5.824_733e-1,
            6.210_004_6e-1,
            -4.944_515_2e-1,
            3.404_88e-1,
            -2.741_127e-1,
            5.638_259_6e-1,
        ];
        const FAR: [f32; 8] = [
            -1.047_766_4e1,
            1.297_72e1,
            -7.495_518_7,
            2.921_019,
            -1.015_265_3,
            4.218_463_5e-1,
            -2.820_767_5e-1,
            5.641_895e-1,
        ];
        let a = x.abs();
        let small = polynomial(x.mul(x), &SMALL).mul(x);
        let q = V::splat(1.0).div(a);
        let y = q.mul(q);
        let tail = a.lt(V::splat(2.0)).select(polynomial(y, &MIDDLE), polynomial(y, &FAR));
        let complement = exp(V::splat(0.0).sub(a.mul(a))).mul(q).mul(tail);
        let sign = x.and(V::splat_int(i32::MIN));
        // Beyond 4 the complement is less than half an ulp.
        let complement = a.lt(V::splat(4.0)).select(complement, V::splat(0.0));
        let large = V::splat(1.0).sub(complement).or(sign);
        let y = a.lt(V::splat(1.0)).select(small, large);
        x.eq(x).select(y, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{Portable, for_isa};
    use cornu_graph::special;

    #[inline(always)]
    unsafe fn all<V: Vector>(f: usize, xs: &[f32], ys: &mut [f32]) {
        for i in (0..xs.len()).step_by(V::LANES) {
            let n = V::LANES.min(xs.len() - i);
            // SAFETY: `n` lanes are left of both slices.
            unsafe {
                let x = V::load_first(xs[i..].as_ptr(), n);
                let y = match f {
                    0 => exp(x),
                    1 => expm1(x),
                    2 => log(x),
                    3 => log1p(x),
                    4 => logistic(x),
                    5 => tanh(x),
                    _ => erf(x),
                };
                y.store_first(ys[i..].as_mut_ptr(), n);
            }
        }
    }

    /// The distance in units of the last place of the exact result.
    fn ulps(got: f32, exact: f64) -> f64 {
        let want = exact as f32;
        if got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()) || got == want {
            return 0.0;
        }
        if !got.is_finite() || !want.is_finite() {
            return f64::INFINITY;
        }
        let spacing = f64::from(f32::from_bits(want.abs().to_bits() + 1)) - f64::from(want.abs());
        (f64::from(got) - exact).abs() / spacing
    }

    #[test]
    fn within_the_stated_error() {
        for_isa!(fn all_isa(f: usize, xs: &[f32], ys: &mut [f32]) = all);
        type Exact = fn(f64) -> f64;
        let functions: [(&str, Exact, f64); 7] = [
            ("exp", f64::exp, 2.0),
            ("expm1", f64::exp_m1, 2.0),
            ("log", f64::ln, 2.0),
            ("log1p", f64::ln_1p, 2.5),
            ("logistic", |x| 1.0 / (1.0 + (-x).exp()), 3.0),
            ("tanh", f64::tanh, 2.0),
            ("erf", special::erf, 4.0),
        ];
        let mut xs: Vec<f32> =
            vec![0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX];
        xs.extend((0..40_000).map(|i| (i as f32 - 20_000.0) * 0.0061));
        xs.extend((0..4_000).map(|i| (i as f32 - 2_000.0) * 0.000_53));
        xs.extend((0..2_000).map(|i| 10f32.powf((i as f32 - 1000.0) * 0.037)));
        let mut ys = vec![0.0; xs.len()];
        for (i, (name, exact, limit)) in functions.into_iter().enumerate() {
            for portable in [false, true] {
                // SAFETY: the slices are of one length.
                unsafe { if portable { all::<Portable>(i, &xs, &mut ys) } else { all_isa(i, &xs, &mut ys) } }
                for (&x, &y) in xs.iter().zip(&ys) {
                    let want = exact(f64::from(x));
                    // Below the normal numbers a result may be 0.
                    let tiny = f64::from(f32::MIN_POSITIVE);
                    let error =
                        if want.abs() < tiny { (f64::from(y) - want).abs() / tiny } else { ulps(y, want) };
                    assert!(
                        error <= limit,
                        "{name}({x:e}) = {y:e}, exactly {want:e}: {error} ulp, portable {portable}"
                    );
                }
            }
        }
    }
}
