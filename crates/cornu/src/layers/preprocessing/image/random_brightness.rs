//! Brighter or darker images.
use super::augment::{Factor, SEED, augment, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, adds a random number to each image. Keras's `RandomBrightness`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomBrightness::new(0.2).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomBrightness {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// What to add, as a share of `value_range`; a number `x` for `-x..=x`.
    pub factor: Factor<-1, 1>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomBrightness {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let (factor, [low, high]) = (self.factor.ends("factor")?, rising(self.value_range)?);
        if !cx.training() {
            // Integers stay integers.
            return Ok(x.clone());
        }
        augment(cx, x, &self.data_format, |images| {
            let more = images.each(factor)? * (high - low);
            Ok((&images.x + more).clip(low, high))
        })
    }
}
