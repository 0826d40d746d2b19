//! Eigenvalues and eigenvectors of any square matrix, on the host.
use cornu_graph::{DType, Error, Result, Tensor};
use std::ops::{Add, Mul, Sub};

/// The eigenvalues of square matrices `(.., n, n)`, and their eigenvectors as columns of length 1 whose largest component is
/// real. Complex numbers are pairs: real and imaginary parts of the values `(.., n)`, then those of the vectors `(.., n, n)`.
/// In the dtype of `x`, integers as float32; the order is none. NaN where the matrix has numbers that are not finite.
///
/// For tensors of the host. Of symmetric matrices [`eigh`](crate::ops::eigh) is quicker, and has a gradient.
///
/// By Householder reflections to a Hessenberg matrix, and shifted QR steps in complex float64 (Francis, 1961; Golub and
/// Van Loan, "Matrix Computations", 7.5).
///
/// # Errors
/// When the last two axes are no square, or a matrix resists.
///
/// ```
/// use cornu::prelude::*;
/// let turn = Tensor::from([[0f32, -1.0], [1.0, 0.0]]);
/// let [real, imaginary, ..] = ops::eig(&turn)?;
/// assert_eq!(real.to_vec::<f32>()?, [0.0, 0.0]);
/// assert_eq!(imaginary.to_vec::<f32>()?.iter().map(|i| i.abs()).sum::<f32>(), 2.0);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn eig(x: &Tensor) -> Result<[Tensor; 4]> {
    let (&[.., n, columns], true) = (x.shape(), x.rank() >= 2) else {
        return Err(Error::op("eig", format!("takes square matrices, got shape {:?}", x.shape())));
    };
    if n != columns {
        return Err(Error::op("eig", format!("takes square matrices, got shape {:?}", x.shape())));
    }
    let dtype = if x.dtype().is_float() { x.dtype() } else { DType::F32 };
    let numbers = x.to_f64();
    let (mut values, mut vectors) = (vec![], vec![]);
    for matrix in numbers.chunks(n.max(1) * n.max(1)) {
        if matrix.iter().any(|x| !x.is_finite()) {
            values.extend(vec![Complex(f64::NAN, f64::NAN); n]);
            vectors.extend(vec![Complex(f64::NAN, f64::NAN); n * n]);
            continue;
        }
        let (w, v) = decomposed(matrix, n)?;
        values.extend(w);
        vectors.extend(v);
    }
    let shape = &x.shape()[..x.rank() - 1];
    let part = |shape: &[usize], of: &[Complex], part: fn(&Complex) -> f64| {
        Tensor::from_f64(shape, dtype, &of.iter().map(part).collect::<Vec<f64>>())
    };
    Ok([
        part(shape, &values, |c| c.0)?,
        part(shape, &values, |c| c.1)?,
        part(x.shape(), &vectors, |c| c.0)?,
        part(x.shape(), &vectors, |c| c.1)?,
    ])
}

/// Real and imaginary part.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Complex(f64, f64);

impl Complex {
    const ZERO: Complex = Complex(0.0, 0.0);

    fn abs(self) -> f64 {
        self.0.hypot(self.1)
    }

    fn conj(self) -> Complex {
        Complex(self.0, -self.1)
    }

    fn times(self, by: f64) -> Complex {
        Complex(self.0 * by, self.1 * by)
    }

    fn over(self, other: Complex) -> Complex {
        // By the larger part first, so that squares do not overflow.
        let size = other.0.abs().max(other.1.abs());
        let (a, b) = (other.0 / size, other.1 / size);
        (self * Complex(a, -b)).times(1.0 / (size * (a * a + b * b)))
    }

    fn sqrt(self) -> Complex {
        let size = self.abs();
        let re = ((size + self.0) / 2.0).max(0.0).sqrt();
        let im = ((size - self.0) / 2.0).max(0.0).sqrt();
        Complex(re, if self.1 < 0.0 { -im } else { im })
    }
}

impl Add for Complex {
    type Output = Complex;
    fn add(self, other: Complex) -> Complex {
        Complex(self.0 + other.0, self.1 + other.1)
    }
}

impl Sub for Complex {
    type Output = Complex;
    fn sub(self, other: Complex) -> Complex {
        Complex(self.0 - other.0, self.1 - other.1)
    }
}

impl Mul for Complex {
    type Output = Complex;
    fn mul(self, other: Complex) -> Complex {
        Complex(self.0 * other.0 - self.1 * other.1, self.0 * other.1 + self.1 * other.0)
    }
}

/// The eigenvalues of one matrix, and the eigenvectors row by row.
fn decomposed(matrix: &[f64], n: usize) -> Result<(Vec<Complex>, Vec<Complex>)> {
    // Scaled to numbers near 1, so that neither squares nor sums overflow.
    let scale = matrix.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    if scale == 0.0 {
        let unit = (0..n * n).map(|i| Complex(f64::from(u8::from(i % (n + 1) == 0)), 0.0));
        return Ok((vec![Complex::ZERO; n], unit.collect()));
    }
    let (mut t, mut z) = hessenberg(matrix.iter().map(|x| x / scale).collect(), n);
    triangular(&mut t, &mut z, n)?;
    let norm = t.iter().map(|c| c.0 * c.0 + c.1 * c.1).sum::<f64>().sqrt();
    let small = f64::EPSILON * norm;
    let mut vectors = vec![Complex::ZERO; n * n];
    let mut values = vec![];
    for k in 0..n {
        let mut value = t[k * n + k];
        // A real matrix has real eigenvalues but for rounding, or pairs.
        if value.1.abs() <= 8.0 * n as f64 * small {
            value.1 = 0.0;
        }
        let vector = vector(&t, &z, n, k, value, small);
        vector.into_iter().enumerate().for_each(|(i, c)| vectors[i * n + k] = c);
        values.push(value.times(scale));
    }
    Ok((values, vectors))
}

/// `z t zᵀ` of a matrix, with zeros in `t` below the second diagonal and orthonormal columns in `z`.
fn hessenberg(mut h: Vec<f64>, n: usize) -> (Vec<Complex>, Vec<Complex>) {
    let mut z: Vec<f64> = (0..n * n).map(|i| f64::from(u8::from(i % (n + 1) == 0))).collect();
    for k in 0..n.saturating_sub(2) {
        let mut v: Vec<f64> = (k + 1..n).map(|i| h[i * n + k]).collect();
        let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v[0] += length.copysign(v[0]);
        let square: f64 = v.iter().map(|x| x * x).sum();
        if square == 0.0 {
            continue;
        }
        let reflect = |m: &mut [f64], at: &dyn Fn(usize) -> usize| {
            let dot: f64 = v.iter().enumerate().map(|(i, x)| x * m[at(k + 1 + i)]).sum();
            v.iter().enumerate().for_each(|(i, x)| m[at(k + 1 + i)] -= 2.0 * dot / square * x);
        };
        (k..n).for_each(|column| reflect(&mut h, &|i| i * n + column));
        (0..n).for_each(|row| reflect(&mut h, &|i| row * n + i));
        (0..n).for_each(|row| reflect(&mut z, &|i| row * n + i));
        (k + 2..n).for_each(|i| h[i * n + k] = 0.0);
    }
    let complex = |m: Vec<f64>| m.into_iter().map(|x| Complex(x, 0.0)).collect();
    (complex(h), complex(z))
}

/// QR steps for one eigenvalue before it counts as lost.
const MOST_STEPS: usize = 300;

/// Makes `t` upper triangular by unitary steps, which `z` gathers.
fn triangular(t: &mut [Complex], z: &mut [Complex], n: usize) -> Result<()> {
    let (mut last, mut steps) = (n.saturating_sub(1), 0);
    while last > 0 {
        let negligible = |t: &[Complex], i: usize| {
            let around = t[(i - 1) * n + i - 1].abs() + t[i * n + i].abs();
            t[i * n + i - 1].abs() <= f64::EPSILON * if around == 0.0 { 1.0 } else { around }
        };
        let first = (1..=last).rev().find(|&i| negligible(t, i)).unwrap_or(0);
        if first > 0 {
            t[first * n + first - 1] = Complex::ZERO;
        }
        if first == last {
            (last, steps) = (last - 1, 0);
            continue;
        }
        steps += 1;
        if steps > MOST_STEPS {
            return Err(Error::op("eig", format!("finds no eigenvalues in {MOST_STEPS} steps")));
        }
        let shift = if steps % 10 == 0 {
            // Out of a circle.
            t[last * n + last] + Complex(t[last * n + last - 1].abs(), 0.0)
        } else {
            nearest(t, n, last)
        };
        step(t, z, n, first, last, shift);
    }
    Ok(())
}

/// The eigenvalue of the last two rows that is nearer to the last element.
fn nearest(t: &[Complex], n: usize, last: usize) -> Complex {
    let at = |i: usize, j: usize| t[i * n + j];
    let (a, b, c, d) = (at(last - 1, last - 1), at(last - 1, last), at(last, last - 1), at(last, last));
    let half = (a - d).times(0.5);
    let root = (half * half + b * c).sqrt();
    let [one, other] = [half + root, half - root];
    d + if one.abs() < other.abs() { one } else { other }
}

fn step(t: &mut [Complex], z: &mut [Complex], n: usize, first: usize, last: usize, shift: Complex) {
    (first..=last).for_each(|i| t[i * n + i] = t[i * n + i] - shift);
    let mut turns = vec![];
    for k in first..last {
        let (a, b) = (t[k * n + k], t[(k + 1) * n + k]);
        let size = a.abs().hypot(b.abs());
        let (c, s) = if size == 0.0 {
            (Complex(1.0, 0.0), Complex::ZERO)
        } else {
            (a.times(1.0 / size), b.times(1.0 / size))
        };
        for j in k..n {
            let (upper, lower) = (t[k * n + j], t[(k + 1) * n + j]);
            t[k * n + j] = c.conj() * upper + s.conj() * lower;
            t[(k + 1) * n + j] = c * lower - s * upper;
        }
        turns.push((k, c, s));
    }
    for (k, c, s) in turns {
        let turn = |m: &mut [Complex], row: usize| {
            let (left, right) = (m[row * n + k], m[row * n + k + 1]);
            m[row * n + k] = left * c + right * s;
            m[row * n + k + 1] = right * c.conj() - left * s.conj();
        };
        (0..=k + 1).for_each(|row| turn(t, row));
        (0..n).for_each(|row| turn(z, row));
    }
    (first..=last).for_each(|i| t[i * n + i] = t[i * n + i] + shift);
}

/// The eigenvector of `z t zᴴ` for the value in row `k` of `t`.
fn vector(t: &[Complex], z: &[Complex], n: usize, k: usize, value: Complex, small: f64) -> Vec<Complex> {
    /// Beyond, a vector is scaled down while it is made.
    const LARGE: f64 = 1e100;
    let mut v = vec![Complex::ZERO; n];
    v[k] = Complex(1.0, 0.0);
    for i in (0..k).rev() {
        let sum = (i + 1..=k).fold(Complex::ZERO, |sum, j| sum + t[i * n + j] * v[j]);
        let apart = value - t[i * n + i];
        let apart = if apart.abs() < small { Complex(small, 0.0) } else { apart };
        v[i] = sum.over(apart);
        let size = v[i].abs();
        if size > LARGE {
            v.iter_mut().for_each(|c| *c = c.times(1.0 / size));
        }
    }
    let mut vector: Vec<Complex> =
        (0..n).map(|i| (0..=k).fold(Complex::ZERO, |sum, j| sum + z[i * n + j] * v[j])).collect();
    let largest = vector.iter().fold(Complex::ZERO, |a, &b| if b.abs() > a.abs() { b } else { a });
    let phase = largest.conj().times(1.0 / largest.abs());
    vector.iter_mut().for_each(|c| *c = *c * phase);
    if value.1 == 0.0 {
        vector.iter_mut().for_each(|c| c.1 = 0.0);
    }
    let length = vector.iter().map(|c| c.0 * c.0 + c.1 * c.1).sum::<f64>().sqrt();
    vector.into_iter().map(|c| c.times(1.0 / length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest element of `a v - v w`, and how far columns are from length 1.
    fn apart(a: &[f64], n: usize) -> f64 {
        let (w, v) = decomposed(a, n).unwrap();
        let mut most = 0.0f64;
        for k in 0..n {
            let column = |i: usize| v[i * n + k];
            let length: f64 = (0..n).map(|i| column(i).abs().powi(2)).sum();
            most = most.max((length - 1.0).abs());
            for i in 0..n {
                let product = (0..n).fold(Complex::ZERO, |sum, j| sum + column(j).times(a[i * n + j]));
                most = most.max((product - column(i) * w[k]).abs());
            }
        }
        most
    }

    #[test]
    fn vectors_are_stretched_by_their_values() {
        let mut generator = cornu_graph::philox::Generator::new(3);
        for n in [1, 2, 3, 5, 8, 20, 60] {
            let a: Vec<f64> = (0..n * n).map(|_| generator.normal()).collect();
            assert!(apart(&a, n) < 1e-11, "{n}");
            let symmetric: Vec<f64> = (0..n * n).map(|i| a[i] + a[i % n * n + i / n]).collect();
            assert!(apart(&symmetric, n) < 1e-11, "{n}");
            assert!(decomposed(&symmetric, n).unwrap().0.iter().all(|c| c.1 == 0.0));
        }
        // A circle, one that turns nothing, Jordan's, of one place, huge and tiny.
        for a in [
            vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            vec![0.0; 9],
            vec![2.0, 1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 2.0],
            vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        ] {
            assert!(apart(&a, 3) < 1e-7, "{a:?}");
        }
        let huge = decomposed(&[1e300, 1e300, -1e300, 1e300], 2).unwrap().0;
        assert!(
            huge.iter().all(|c| (c.0 / 1e300 - 1.0).abs() < 1e-12 && (c.1.abs() / 1e300 - 1.0).abs() < 1e-12)
        );
        let tiny = decomposed(&[1e-300, 0.0, 0.0, 3e-300], 2).unwrap().0;
        assert_eq!(tiny, [Complex(1e-300, 0.0), Complex(3e-300, 0.0)]);
    }
}
