//! Random tensors on the host. Keras's `keras.random`.
//!
//! Without a seed, one is drawn from what [`set_random_seed`](crate::utils::set_random_seed) set. The same seed gives the
//! same numbers on every machine; they are not those of Keras, which differ between its backends too.
use crate::utils::next_seed;
use cornu_graph::philox::Generator;
use cornu_graph::{Result, Tensor};

/// Normal float32 of `shape`.
///
/// # Errors
/// When there cannot be so many elements.
///
/// ```
/// let x = cornu::random::normal([2, 3], 0.0, 1.0, Some(1))?;
/// assert_eq!(x.shape(), [2, 3]);
/// assert_eq!(x, cornu::random::normal([2, 3], 0.0, 1.0, Some(1))?);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn normal(shape: impl Into<Vec<usize>>, mean: f64, stddev: f64, seed: Option<u64>) -> Result<Tensor> {
    fill(shape.into(), seed, |g| mean + stddev * g.normal())
}

/// Normal float32 of `shape`, drawn again until within two deviations of the mean.
///
/// # Errors
/// When there cannot be so many elements.
pub fn truncated_normal(
    shape: impl Into<Vec<usize>>,
    mean: f64,
    stddev: f64,
    seed: Option<u64>,
) -> Result<Tensor> {
    fill(shape.into(), seed, |g| mean + stddev * g.truncated_normal())
}

/// Uniform float32 of `shape`, from `minval` to below `maxval`.
///
/// # Errors
/// When there cannot be so many elements.
pub fn uniform(shape: impl Into<Vec<usize>>, minval: f64, maxval: f64, seed: Option<u64>) -> Result<Tensor> {
    fill(shape.into(), seed, |g| minval + (maxval - minval) * g.uniform())
}

fn fill(shape: Vec<usize>, seed: Option<u64>, mut draw: impl FnMut(&mut Generator) -> f64) -> Result<Tensor> {
    let mut generator = Generator::new(seed.unwrap_or_else(next_seed));
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| draw(&mut generator) as f32).collect();
    Tensor::new(shape, values)
}
