//! Images that lose colours.
use super::augment::{Factor, SEED, augment, rising};
use super::color::grayscale;
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, mixes RGB images with grey ones. Keras's `RandomColorDegeneration`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomColorDegeneration::new(0.2).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomColorDegeneration {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The share of grey; a number `x` for `-x..=x`.
    pub factor: Factor<-1, 1>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomColorDegeneration {
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
            let factor = images.each(factor)?;
            let grey = grayscale(&images.x, &images.axes)?;
            Ok((&images.x + factor * (grey - &images.x)).clip(low, high))
        })
    }
}
