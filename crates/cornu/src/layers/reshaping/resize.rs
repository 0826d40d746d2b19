//! Resampling an axis.
use crate::arguments::keyword;
use crate::layers::prelude::*;
use cornu_graph::memory;
use std::f64::consts::PI;

keyword! {
    /// What lies between samples.
    Interpolation as "interpolation" {
        /// The nearest sample.
        Nearest "nearest",
        /// A line.
        Bilinear "bilinear",
        /// A cubic polynomial (Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981).
        Bicubic "bicubic",
        /// A windowed sinc of radius 3.
        Lanczos3 "lanczos3",
        /// A windowed sinc of radius 5.
        Lanczos5 "lanczos5",
    }
}

impl Interpolation {
    /// The weight of a sample at this distance.
    fn kernel(&self, distance: f64) -> f64 {
        let x = distance.abs();
        let lanczos = |radius: f64| {
            if x > radius {
                0.0
            } else if x > 1e-3 {
                radius * (PI * x).sin() * (PI * x / radius).sin() / (PI * PI * x * x)
            } else {
                1.0
            }
        };
        match self {
            Interpolation::Bicubic if x >= 2.0 => 0.0,
            Interpolation::Bicubic if x >= 1.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Interpolation::Bicubic => ((1.5 * x - 2.5) * x) * x + 1.0,
            Interpolation::Lanczos3 => lanczos(3.0),
            Interpolation::Lanczos5 => lanczos(5.0),
            _ => (1.0 - x).max(0.0),
        }
    }
}

/// `x` with `size` samples along `axis`, pixel centres kept in proportion: a product with a matrix of weights. With
/// `antialias`, each sample of a smaller image is a mean of all that it stands for.
pub(in crate::layers) fn resize_axis(
    x: &Value,
    axis: usize,
    size: usize,
    interpolation: &Interpolation,
    antialias: bool,
) -> Result<Value> {
    let from = x.shape()[axis];
    if from == size {
        return Ok(x.clone());
    }
    if *interpolation.check()? == Interpolation::Nearest {
        memory::check_table(&[size], DType::F64)?;
        let step = from as f64 / size as f64;
        let nearest: Vec<i32> = (0..size).map(|j| ((j as f64 + 0.5) * step).floor() as i32).collect();
        return Ok(x.take(&x.builder().constant(Tensor::new([size], nearest)?), axis as i64));
    }
    memory::check_table(&[from, size], DType::F64)?;
    let weights = Tensor::from_f64([from, size], x.dtype(), &weights(from, size, interpolation, antialias))?;
    let y = x.tensordot(&x.builder().constant(weights), &[axis as i64], &[0]);
    // The product has the new axis last.
    let last = x.rank() - 1;
    let order: Vec<usize> = (0..axis).chain([last]).chain(axis..last).collect();
    Ok(y.transpose(&order))
}

/// Row-major `(from, to)`: how much of each sample is in each new one. What would lie outside is left out, and the rest
/// counts for it.
fn weights(from: usize, to: usize, interpolation: &Interpolation, antialias: bool) -> Vec<f64> {
    let step = from as f64 / to as f64;
    let width = if antialias { step.max(1.0) } else { 1.0 };
    let mut table = vec![0.0; from * to];
    for j in 0..to {
        let at = (j as f64 + 0.5) * step - 0.5;
        let column: Vec<f64> = (0..from).map(|i| interpolation.kernel((at - i as f64) / width)).collect();
        let sum: f64 = column.iter().sum();
        column.iter().enumerate().for_each(|(i, w)| table[i * to + j] = w / sum);
    }
    table
}
