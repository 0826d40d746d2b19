//! Sharper or softer images.
use super::augment::{Factor, SEED, augment, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, mixes images with smoothed ones. Keras's `RandomSharpness`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomSharpness::new(0.2).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomSharpness {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// 0 for smooth, 0.5 for the image, 1 for sharp.
    pub factor: Factor<0, 1>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomSharpness {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let (factor, [low, high]) = (self.factor.ends("factor")?, rising(self.value_range)?);
        augment(cx, x, &self.data_format, |images| {
            let kernel: Vec<f64> = (0..9).map(|i| if i == 4 { 5.0 / 13.0 } else { 1.0 / 13.0 }).collect();
            let kernel = Tensor::from_f64([3, 3], images.x.dtype(), &kernel)?;
            let smooth = images.filter(&images.x.builder().constant(kernel), &self.data_format)?;
            let sharpness = images.each(factor)? * 2.0;
            Ok((&images.x + (-sharpness + 1.0) * (smooth - &images.x)).clip(low, high))
        })
    }
}
