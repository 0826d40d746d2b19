//! Dropout for scaled exponential linear units.
use super::SEED;
use super::dropout::{NoiseShape, noise_shape};
use crate::layers::checks::share;
use crate::layers::prelude::*;

/// While training, sets a random share `rate` of the inputs to the negative saturation of `selu`, and transforms the
/// result to keep mean and variance. Keras's `AlphaDropout`.
///
/// Klambauer et al., "Self-Normalizing Neural Networks", 2017.
#[layer("keras.layers")]
pub struct AlphaDropout {
    /// The share to drop, from 0 to 1.
    pub rate: f64,
    /// The same seed gives the same masks.
    #[default(None)]
    pub seed: Option<u64>,
    /// The shape of the mask, if not the input's; see [`Dropout`](struct@crate::layers::Dropout).
    #[default(None)]
    pub noise_shape: Option<NoiseShape>,
}

impl Layer for AlphaDropout {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        share("AlphaDropout.rate", self.rate)?;
        if self.rate == 1.0 {
            return Err(Error::argument(
                "AlphaDropout.rate",
                "must be less than 1: nothing would be left to scale",
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
        // What selu gives for large negative inputs.
        const SATURATION: f64 = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;
        let rate = self.rate;
        let shape = noise_shape("AlphaDropout.noise_shape", x, self.noise_shape.as_deref())?;
        let kept = cx.random(|state| state.bernoulli(1.0 - rate, &shape))?;
        let scale = ((1.0 - rate) * (1.0 + rate * SATURATION * SATURATION)).powf(-0.5);
        let shift = -scale * SATURATION * rate;
        Ok(kept.select(x, &x.scalar(SATURATION)) * scale + shift)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
