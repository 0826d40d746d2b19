//! Images of more or less contrast.
use super::augment::{Factor, SEED, augment, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, multiplies the distance of each pixel from the mean of its channel. Keras's `RandomContrast`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomContrast::new(0.2).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomContrast {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// How much less and more contrast there may be: the factor is between `1 - factor[0]` and `1 + factor[1]`.
    pub factor: Factor<0, 1>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomContrast {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let ([less, more], [low, high]) = (self.factor.ends("factor")?, rising(self.value_range)?);
        if !cx.training() {
            // Integers stay integers.
            return Ok(x.clone());
        }
        augment(cx, x, &self.data_format, |images| {
            let mean = images.x.mean_keepdims([images.axes.height as i64, images.axes.width as i64]);
            let factor = images.each([1.0 - less, 1.0 + more])?;
            Ok(((&images.x - &mean) * factor + mean).clip(low, high))
        })
    }
}
