//! Images of other hues.
use super::augment::{Factor, SEED, augment, rescale, rising};
use super::color::{hsv, rgb};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, turns the hue of RGB images. Keras's `RandomHue`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomHue::new(0.2).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomHue {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// How far to turn, in half turns either way.
    pub factor: Factor<0, 1>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomHue {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let (factor, range) = (self.factor.ends("factor")?, rising(self.value_range)?);
        if !cx.training() {
            // Integers stay integers.
            return Ok(x.clone());
        }
        augment(cx, x, &self.data_format, |images| {
            let inverted = images.each([0.0, 1.0])?.gt(&images.x.scalar(0.5));
            let turn = images.each(factor)? * 0.5;
            let turn = inverted.select(&-&turn, &turn);
            let [hue, saturation, value] = hsv(&rescale(&images.x, range, [0.0, 1.0]), &images.axes)?;
            let hue = hue + turn;
            let y = rgb(&[&hue - hue.floor(), saturation, value], &images.axes);
            Ok(rescale(&y.clip(0.0, 1.0), [0.0, 1.0], range))
        })
    }
}
