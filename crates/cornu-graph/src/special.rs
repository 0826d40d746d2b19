//! Special functions in f64, for engines without faster ones.
use std::f64::consts::{PI, SQRT_2};

/// The error function.
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// Logarithm of the absolute value of the gamma function.
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Inverse of [`erf`]: infinite at -1 and 1, NaN beyond.
pub fn erfinv(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 1.0 {
        return f64::NAN;
    }
    if x.abs() == 1.0 {
        return x * f64::INFINITY;
    }
    // Winitzki's closed form ("A handy approximation for the error function and its inverse", 2008), then Halley's
    // steps. 1 - |x| is exact, so that the tail keeps its digits.
    const A: f64 = 0.147;
    let log = (1.0 - x.abs()).ln() + x.abs().ln_1p();
    let half = 2.0 / (PI * A) + log / 2.0;
    let mut y = ((half * half - log / A).sqrt() - half).sqrt();
    for _ in 0..3 {
        let excess = if y < 0.5 { libm::erf(y) - x.abs() } else { (1.0 - x.abs()) - libm::erfc(y) };
        let slope = 2.0 / PI.sqrt() * (-y * y).exp();
        let step = excess / slope;
        y -= step / (1.0 + y * step);
    }
    // Near 0 the closed form loses everything to cancellation.
    if x.abs() < 1e-8 { x * PI.sqrt() / 2.0 } else { y.copysign(x) }
}

/// Quantile of the standard normal distribution at `p` in (0, 1).
pub fn normal_quantile(p: f64) -> f64 {
    SQRT_2 * erfinv(2.0 * p - 1.0)
}

/// Derivative of order `order + 1` of the logarithm of the gamma function; order 0 is the digamma function. NaN at the
/// poles 0, -1, -2, ... of the digamma function, as in SciPy and JAX; infinite at those of odd order.
pub fn polygamma(order: usize, x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 && x == x.floor() {
        return if order % 2 == 1 { f64::INFINITY } else { f64::NAN };
    }
    if x < 0.0 {
        // psi_n(x) = (-1)^n psi_n(1 - x) - pi d^n/dx^n cot(pi x), reflection.
        let sign = if order.is_multiple_of(2) { 1.0 } else { -1.0 };
        return sign * polygamma(order, 1.0 - x) - PI * cot_derivative(order, x);
    }
    if order == 0 { digamma(x) } else { positive_polygamma(order, x) }
}

/// Bernoulli numbers B2, B4, ...
const BERNOULLI: [f64; 10] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174611.0 / 330.0,
];

/// Abramowitz and Stegun 6.3.5 up to where 6.3.18 converges.
fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 12.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    sum += x.ln() - 0.5 / x;
    let mut power = 1.0;
    for (k, b) in BERNOULLI.iter().enumerate() {
        power /= x * x;
        sum -= b / (2 * k + 2) as f64 * power;
    }
    sum
}

/// Abramowitz and Stegun 6.4.6 up to where 6.4.11 converges, all divided by `-(-1)^n`.
fn positive_polygamma(order: usize, mut x: f64) -> f64 {
    let n = order as f64;
    let factorial: f64 = (1..=order).map(|k| k as f64).product();
    let mut sum = 0.0;
    while x < 12.0 + n {
        sum += factorial * x.powf(-n - 1.0);
        x += 1.0;
    }
    sum += factorial / n * x.powf(-n) + factorial / 2.0 * x.powf(-n - 1.0);
    // (2k + n - 1)! / (2k)! / x^(2k + n), from one k to the next.
    let mut term = factorial * x.powf(-n);
    for (k, b) in BERNOULLI.iter().enumerate() {
        let m = 2.0 * (k + 1) as f64;
        let ratio = if k == 0 { (n + 1.0) / 2.0 } else { (m + n - 1.0) * (m + n - 2.0) / (m * (m - 1.0)) };
        term *= ratio / (x * x);
        sum += b * term;
    }
    if order % 2 == 1 { sum } else { -sum }
}

/// `d^n/dx^n cot(pi x)`: a polynomial in `c = cot(pi x)`, because `c' = -pi (1 + c^2)`.
fn cot_derivative(order: usize, x: f64) -> f64 {
    let mut poly = vec![0.0, 1.0];
    for _ in 0..order {
        let mut next = vec![0.0; poly.len() + 1];
        for (k, &a) in poly.iter().enumerate().skip(1) {
            next[k - 1] -= PI * k as f64 * a;
            next[k + 1] -= PI * k as f64 * a;
        }
        poly = next;
    }
    // Whole parts do not matter, and without them large `x` keep their digits.
    let c = 1.0 / (PI * (x - x.round())).tan();
    poly.iter().rev().fold(0.0, |sum, a| sum * c + a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, what: &str) {
        assert!((got - want).abs() <= 1e-13 * want.abs().max(1e-3), "{what}: {got} is not {want}");
    }

    #[test]
    fn erfinv_inverts_erf() {
        for k in -580..=580 {
            let y = k as f64 / 100.0;
            let x = erf(y);
            // Near 1 the spacing of x, not the function, sets the error.
            let spacing = f64::EPSILON * PI.sqrt() / 2.0 * (y * y).exp();
            assert!((erfinv(x) - y).abs() <= 1e-14 + spacing, "{y}: {}", erfinv(x));
        }
        assert_eq!(erfinv(1.0), f64::INFINITY);
        assert!(erfinv(1.5).is_nan());
        close(erfinv(1e-10), 1e-10 * PI.sqrt() / 2.0, "small");
        close(erfinv(1e-7), 1e-7 * PI.sqrt() / 2.0, "small");
    }

    #[test]
    fn polygamma_known_values() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        close(polygamma(0, 1.0), -EULER, "digamma(1)");
        close(polygamma(0, 0.5), -EULER - 2.0 * 2f64.ln(), "digamma(1/2)");
        close(polygamma(0, -0.5), -EULER - 2.0 * 2f64.ln() + 2.0, "digamma(-1/2)");
        close(polygamma(1, 1.0), PI * PI / 6.0, "trigamma(1)");
        close(polygamma(1, 0.5), PI * PI / 2.0, "trigamma(1/2)");
        close(polygamma(1, -0.5), PI * PI / 2.0 + 4.0, "trigamma(-1/2)");
        close(polygamma(2, 1.0), -2.0 * 1.202_056_903_159_594_2, "polygamma(2, 1)");
        close(polygamma(3, 1.0), PI.powi(4) / 15.0, "polygamma(3, 1)");
        assert_eq!(polygamma(1, 0.0), f64::INFINITY);
        assert!(polygamma(0, -3.0).is_nan());
    }

    #[test]
    fn polygamma_recurrence() {
        for order in 0..5 {
            for k in 1..200 {
                let x = k as f64 * 0.173 - 17.0;
                let n_factorial: f64 = (1..=order).map(|k| k as f64).product();
                let term =
                    n_factorial * x.powi(-(order as i32) - 1) * if order % 2 == 0 { 1.0 } else { -1.0 };
                let (a, b) = (polygamma(order, x + 1.0), polygamma(order, x) + term);
                assert!((a - b).abs() <= 1e-11 * (1.0 + a.abs() + term.abs()), "{order} {x}: {a} {b}");
            }
        }
    }
}
