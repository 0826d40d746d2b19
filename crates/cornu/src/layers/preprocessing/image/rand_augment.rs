//! Several random changes.
use super::augment::{Factor, SEED, augment, only_inference, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;
/// The identity in inference; Keras applies some of many random changes while training. Keras's `RandAugment` (Cubuk et
/// al., 2019).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandAugment::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandAugment {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    pub value_range: [f64; 2],
    /// How many changes; 2 by default.
    #[default(2)]
    pub num_ops: usize,
    /// How strong the changes are; 0.5 by default.
    #[default(0.5)]
    pub factor: Factor<0, 1>,
    /// `"bilinear"` (default) or `"nearest"`.
    #[default("bilinear")]
    pub interpolation: Interpolation,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandAugment {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        only_inference(cx, "RandAugment", "its choice among layers is not there")?;
        self.factor.ends("factor")?;
        rising(self.value_range)?;
        self.interpolation.check()?;
        augment(cx, x, &self.data_format, |images| Ok(images.x.clone()))
    }
}
