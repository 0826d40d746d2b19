//! Additive noise.
use super::{SEED, normal_like};
use crate::layers::checks::share;
use crate::layers::prelude::*;

/// While training, adds normal values of mean 0. Keras's `GaussianNoise`.
#[layer("keras.layers")]
pub struct GaussianNoise {
    /// Standard deviation of the noise, from 0 to 1.
    pub stddev: f64,
    /// The same seed gives the same noise.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for GaussianNoise {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        share("GaussianNoise.stddev", self.stddev)?;
        if self.stddev > 0.0 {
            weights.add_seed(SEED, self.seed);
        }
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        if !cx.training() || self.stddev == 0.0 {
            return Ok(x.clone());
        }
        Ok(x + normal_like(cx, x)? * self.stddev)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
