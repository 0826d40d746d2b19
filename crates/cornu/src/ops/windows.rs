//! Windows that signals are multiplied with, float32 tensors of the host.
use cornu_graph::{DType, Result, Tensor};
use std::f64::consts::TAU;

/// A triangle of so many points, 0 at the ends.
///
/// # Errors
/// When there cannot be so many.
///
/// ```
/// assert_eq!(cornu::ops::bartlett(5)?.to_vec::<f32>()?, [0.0, 0.5, 1.0, 0.5, 0.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn bartlett(x: usize) -> Result<Tensor> {
    window(x, |t| 1.0 - (2.0 * t - 1.0).abs())
}

/// Blackman's window of so many points: three terms of cosines.
///
/// # Errors
/// When there cannot be so many.
pub fn blackman(x: usize) -> Result<Tensor> {
    window(x, |t| 0.42 - 0.5 * (TAU * t).cos() + 0.08 * (2.0 * TAU * t).cos())
}

/// Hamming's window of so many points: a raised cosine that ends at 0.08.
///
/// # Errors
/// When there cannot be so many.
pub fn hamming(x: usize) -> Result<Tensor> {
    window(x, |t| 0.54 - 0.46 * (TAU * t).cos())
}

/// Hann's window of so many points: a raised cosine that ends at 0.
///
/// # Errors
/// When there cannot be so many.
pub fn hanning(x: usize) -> Result<Tensor> {
    window(x, |t| 0.5 - 0.5 * (TAU * t).cos())
}

/// Kaiser's window of so many points, the narrower the larger `beta`.
///
/// # Errors
/// When there cannot be so many.
pub fn kaiser(x: usize, beta: f64) -> Result<Tensor> {
    let height = bessel_i0(beta);
    window(x, |t| bessel_i0(beta * (1.0 - (2.0 * t - 1.0).powi(2)).max(0.0).sqrt()) / height)
}

/// The curve over 0 to 1 at `n` points; one point alone is 1.
fn window(n: usize, curve: impl Fn(f64) -> f64) -> Result<Tensor> {
    super::creation::room(&[n], DType::F64)?;
    let at = |i: usize| if n == 1 { 1.0 } else { curve(i as f64 / (n - 1) as f64) };
    Tensor::from_f64([n], DType::F32, &(0..n).map(at).collect::<Vec<_>>())
}

/// The modified Bessel function of the first kind, of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}
