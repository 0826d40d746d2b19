//! Negatives.
use super::augment::{Factor, SEED, augment, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, inverts images at random. Keras's `RandomInvert`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomInvert::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomInvert {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The probability, or the ends of a range to draw it from; 1 by default, which stands for `0..=1`.
    #[default(1.0)]
    pub factor: Factor<0, 1>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomInvert {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let (factor, [_, high]) = (self.factor.ends("factor")?, rising(self.value_range)?);
        if !cx.training() {
            // Integers stay integers.
            return Ok(x.clone());
        }
        augment(cx, x, &self.data_format, |images| {
            Ok(images.chosen(factor)?.select(&(-&images.x + high), &images.x))
        })
    }
}
