//! Images of stronger or weaker colours.
use super::augment::{Factor, SEED, augment, rising};
use super::color::{hsv, rgb};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, multiplies the saturation of RGB images. Keras's `RandomSaturation`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomSaturation::new(0.2).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomSaturation {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// 0 for grey, 0.5 for the image, 1 for full colours; a number `x` for `-x..=x`.
    pub factor: Factor<-1, 1>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomSaturation {
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
            let factor = &factor / (-&factor + (1.0 + 1e-7));
            let [hue, saturation, value] = hsv(&images.x, &images.axes)?;
            Ok(rgb(&[hue, (saturation * factor).clip(low, high), value], &images.axes))
        })
    }
}
