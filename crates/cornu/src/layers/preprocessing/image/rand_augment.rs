//! Several random changes.
use super::augment::{Factor, SEED, augment, rising};
use super::augmentations::Augmentations;
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;
use crate::object::WholePair;

/// While training, applies some of many random changes, the same for all images of a batch. Keras's `RandAugment` (Cubuk et
/// al., 2019).
///
/// The changes move pixels and change colours, contrast, brightness, sharpness and the number of shades.
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
    #[save_as(WholePair)]
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

impl RandAugment {
    fn augmentations(&self) -> Result<Augmentations<'_>> {
        Ok(Augmentations {
            factor: self.factor.ends("factor")?,
            value_range: rising(self.value_range)?,
            interpolation: self.interpolation.check()?,
            data_format: &self.data_format,
            dtype: &self.base.dtype,
            seed: self.seed,
        })
    }
}

impl Layer for RandAugment {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        self.augmentations()?.build(true, weights, input)
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        augment(cx, x, &self.data_format, |images| {
            let changes = self.augmentations()?;
            (0..self.num_ops).try_fold(images.x.clone(), |x, _| changes.one(true, false, images, &x))
        })
    }
}
