//! Independent random values.
use crate::initializers::{Initialize, draw};
use cornu_derive::config;
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Result, Tensor};

/// Normally distributed.
#[config("keras.initializers")]
pub struct RandomNormal {
    /// The same seed gives the same values.
    #[default(None)]
    pub seed: Option<u64>,
    /// Mean.
    #[default(0.0)]
    pub mean: f64,
    /// Standard deviation.
    #[default(0.05)]
    pub stddev: f64,
}

impl Initialize for RandomNormal {
    fn sample(&self, shape: &[usize], dtype: DType, rng: &mut Generator) -> Result<Tensor> {
        draw(shape, dtype, self.seed, rng, |rng| rng.normal() * self.stddev + self.mean)
    }
}

/// Uniform within `minval..maxval`.
#[config("keras.initializers")]
pub struct RandomUniform {
    /// The same seed gives the same values.
    #[default(None)]
    pub seed: Option<u64>,
    /// Lower bound.
    #[default(-0.05)]
    pub minval: f64,
    /// Upper bound.
    #[default(0.05)]
    pub maxval: f64,
}

impl Initialize for RandomUniform {
    fn sample(&self, shape: &[usize], dtype: DType, rng: &mut Generator) -> Result<Tensor> {
        draw(shape, dtype, self.seed, rng, |rng| self.minval + rng.uniform() * (self.maxval - self.minval))
    }
}

/// Normally distributed; values further than 2 `stddev` from the mean are drawn again.
#[config("keras.initializers")]
pub struct TruncatedNormal {
    /// The same seed gives the same values.
    #[default(None)]
    pub seed: Option<u64>,
    /// Mean.
    #[default(0.0)]
    pub mean: f64,
    /// Standard deviation before values are cut off.
    #[default(0.05)]
    pub stddev: f64,
}

impl Initialize for TruncatedNormal {
    fn sample(&self, shape: &[usize], dtype: DType, rng: &mut Generator) -> Result<Tensor> {
        draw(shape, dtype, self.seed, rng, |rng| rng.truncated_normal() * self.stddev + self.mean)
    }
}
