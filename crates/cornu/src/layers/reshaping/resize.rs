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

impl Interpolation {
    /// [`Interpolation::kernel`] of distances in a graph.
    fn kernel_of(&self, distance: &Value) -> Value {
        let x = distance.abs();
        let within = |limit: f64, y: &Value, other: &Value| x.lt(&x.scalar(limit)).select(y, other);
        let lanczos = |radius: f64| {
            // Near 0 the quotient is 1; the gradient must not see the division.
            let near = x.le(&x.scalar(1e-3));
            let far = near.select(&x.full_like(1.0), &x);
            let waves = (&far * PI).sin() * (&far * (PI / radius)).sin() * radius;
            let y = near.select(&x.full_like(1.0), &(waves / (far.square() * (PI * PI))));
            x.gt(&x.scalar(radius)).select(&x.full_like(0.0), &y)
        };
        match self {
            Interpolation::Bicubic => {
                let near = (&x * 1.5 - 2.5) * &x * &x + 1.0;
                let far = ((&x * -0.5 + 2.5) * &x - 4.0) * &x + 2.0;
                within(1.0, &near, &within(2.0, &far, &x.full_like(0.0)))
            }
            Interpolation::Lanczos3 => lanczos(3.0),
            Interpolation::Lanczos5 => lanczos(5.0),
            _ => (1.0 - &x).maximum(&x.full_like(0.0)),
        }
    }

    /// `(from, to)`: how much of each sample is in each of `to` new ones, when what was at `x` comes to
    /// `x * scale + translation`; both are scalars. New samples from without are 0.
    pub(crate) fn weights(
        &self,
        from: usize,
        to: usize,
        scale: &Value,
        translation: &Value,
        antialias: bool,
    ) -> Result<Value> {
        memory::check_table(&[from, to], DType::F32)?;
        let dtype = DType::promote(scale.dtype(), translation.dtype());
        let step = scale.cast(dtype).powf(-1.0);
        let place = |size: usize, axis: usize| {
            let shape = if axis == 0 { [size, 1] } else { [1, size] };
            scale.builder().iota(dtype, shape, axis)
        };
        let at = (place(to, 1) + 0.5) * &step - translation.cast(dtype) * &step - 0.5;
        let width = if antialias { step.maximum(&step.scalar(1.0)) } else { step.full_like(1.0) };
        let weights = self.kernel_of(&((&at - place(from, 0)) / width));
        let sum = weights.sum_keepdims([0]);
        let counts = sum.abs().gt(&sum.scalar(1000.0 * f64::from(f32::EPSILON)));
        let shares = &weights / counts.select(&sum, &sum.full_like(1.0));
        let last = from as f64 - 0.5;
        let shown = counts.and(&at.ge(&at.scalar(-0.5))).and(&at.le(&at.scalar(last)));
        Ok(shown.broadcast_to(shares.shape()).select(&shares, &shares.full_like(0.0)))
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
    Ok(along(x, axis, &x.builder().constant(weights)))
}

/// Each vector along the axis times the matrix.
pub(crate) fn along(x: &Value, axis: usize, matrix: &Value) -> Value {
    let y = x.tensordot(matrix, &[axis as i64], &[0]);
    // The product has the new axis last.
    let last = x.rank().saturating_sub(1);
    let order: Vec<usize> = (0..axis).chain([last]).chain(axis..last).collect();
    y.transpose(&order)
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
