//! Multiplicative noise.
use super::{SEED, normal_like};
use crate::layers::checks::share;
use crate::layers::prelude::*;

/// While training, multiplies by normal values of mean 1 and standard deviation `sqrt(rate / (1 - rate))`. Keras's
/// `GaussianDropout`.
#[layer("keras.layers")]
pub struct GaussianDropout {
    /// What [`Dropout`](struct@crate::layers::Dropout) would drop for noise of the same strength; below 1.
    pub rate: f64,
    /// The same seed gives the same noise.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for GaussianDropout {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        share("GaussianDropout.rate", self.rate)?;
        if self.rate == 1.0 {
            return Err(Error::argument(
                "GaussianDropout.rate",
                "must be less than 1: the noise would be infinite",
            ));
        }
        if self.rate > 0.0 {
            weights.add_seed(SEED, self.seed);
        }
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        if !cx.training() || self.rate == 0.0 {
            return Ok(x.clone());
        }
        let stddev = (self.rate / (1.0 - self.rate)).sqrt();
        Ok(x * (normal_like(cx, x)? * stddev + 1.0))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
