//! Images on rubber.
use super::augment::{Factor, SEED, augment, rising};
use super::sampling::{FillMode, Sampling};
use super::warp::{Rubber, elastic};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;
use crate::object::WholePair;

/// While training, shows images as if on rubber, pulled at random. Keras's `RandomElasticTransform`.
///
/// Rows and columns move by numbers of their own, as in Keras on NumPy and PyTorch; on JAX and TensorFlow both move by the
/// same.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomElasticTransform::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomElasticTransform {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The probability, or the ends of a range to draw it from; 1 by default, which stands for `0..=1`.
    #[default(1.0)]
    pub factor: Factor<0, 1>,
    /// How strong the distortion is; 1 by default, which stands for `0..=1`.
    #[default(1.0)]
    pub scale: Factor<0, 1>,
    /// `"bilinear"` (default) or `"nearest"`.
    #[default("bilinear")]
    pub interpolation: Interpolation,
    /// What lies outside: `"reflect"` (default), `"wrap"`, `"constant"`, `"nearest"` or `"mirror"`.
    #[default("reflect")]
    pub fill_mode: FillMode,
    /// What lies outside.
    #[default(0.0)]
    pub fill_value: f64,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomElasticTransform {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let (factor, scale) = (self.factor.ends("factor")?, self.scale.ends("scale")?);
        let [low, high] = rising(self.value_range)?;
        self.interpolation.check()?;
        self.fill_mode.check()?;
        augment(cx, x, &self.data_format, |images| {
            if factor[1] == 0.0 || scale[1] == 0.0 {
                return Ok(images.x.clone());
            }
            let chosen = images.chosen(factor)?;
            let (height, width) = images.axes.size(&images.x);
            let (long, short) = (height.max(width) as f64, height.min(width) as f64);
            let strength = images.uniform(scale, &[])?.cast(DType::F32);
            let rubber = Rubber {
                alpha: &(&strength * (0.1 * long)),
                // Where nothing was drawn, nothing moves.
                sigma: &(strength * (0.05 * short) + 1e-6),
                largest: 0.05 * short * scale[1] + 1e-6,
            };
            let key = cx.random_key()?;
            let sampling = Sampling {
                fill_mode: &self.fill_mode,
                fill_value: self.fill_value,
                interpolation: &self.interpolation,
            };
            let pulled = elastic(&images.x, &images.axes, &rubber, &key, &sampling)?;
            Ok(chosen.select(&pulled, &images.x).clip(low, high))
        })
    }
}
