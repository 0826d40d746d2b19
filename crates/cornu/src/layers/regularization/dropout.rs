//! Dropout.
use super::{SEED, drop_out};
use crate::layers::checks::share;
use crate::layers::prelude::*;

/// Sizes of a random mask, `None` where they are the input's.
pub type NoiseShape = Vec<Option<usize>>;

/// While training, sets a random share `rate` of the inputs to 0 and scales the others up to keep the sum. Keras's
/// `Dropout`.
///
/// Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
#[layer("keras.layers")]
pub struct Dropout {
    /// The share to drop, from 0 to 1.
    pub rate: f64,
    /// The same seed gives the same masks.
    #[default(None)]
    pub seed: Option<u64>,
    /// The shape of the mask, if not the input's: size 1 where elements are dropped together, `None` for the size of the
    /// input.
    #[default(None)]
    pub noise_shape: Option<NoiseShape>,
}

impl Layer for Dropout {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        share("Dropout.rate", self.rate)?;
        if self.rate > 0.0 {
            weights.add_seed(SEED, self.seed);
        }
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        if !cx.training() || self.rate == 0.0 {
            return Ok(x.clone());
        }
        let noise_shape = noise_shape("Dropout.noise_shape", x, self.noise_shape.as_deref())?;
        drop_out(cx, x, self.rate, &noise_shape)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// The shape of the mask of `x`.
pub(super) fn noise_shape(what: &str, x: &Value, given: Option<&[Option<usize>]>) -> Result<Vec<usize>> {
    let Some(given) = given else { return Ok(x.shape().to_vec()) };
    let fits = |(given, size): (&Option<usize>, &usize)| given.is_none_or(|d| d == 1 || d == *size);
    if given.len() != x.rank() || !given.iter().zip(x.shape()).all(fits) {
        let message = format!("{given:?} does not broadcast to an input of shape {:?}", x.shape());
        return Err(Error::argument(what, message));
    }
    Ok(given.iter().zip(x.shape()).map(|(given, size)| given.unwrap_or(*size)).collect())
}
