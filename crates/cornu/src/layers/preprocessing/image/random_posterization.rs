//! Images of fewer shades.
use super::augment::{Factor, SEED, augment, rescale, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, keeps only the first bits of each 8-bit pixel. Keras's `RandomPosterization`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomPosterization::new(4.0).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomPosterization {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// How many bits to keep, 1 to 8; a range is drawn from.
    pub factor: Factor<1, 8>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomPosterization {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let ([least, most], range) = (self.factor.ends("factor")?, rising(self.value_range)?);
        if !cx.training() {
            // Integers stay integers.
            return Ok(x.clone());
        }
        augment(cx, x, &self.data_format, |images| {
            let bits =
                if least == most { images.x.scalar(least) } else { images.each([least, most])?.floor() };
            // What is left out below a step of 2^(8 - bits).
            let step = ((-bits + 8.0) * std::f64::consts::LN_2).exp().round();
            let pixels = rescale(&images.x, range, [0.0, 255.0]).clip(0.0, 255.0).floor();
            Ok(rescale(&((pixels / &step).floor() * step), [0.0, 255.0], range))
        })
    }
}
