//! Images on rubber.
use super::affine::FillMode;
use super::augment::{Factor, SEED, augment, only_inference, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;
use crate::object::WholePair;

/// The identity in inference; Keras distorts images while training. Keras's `RandomElasticTransform`.
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
    /// What lies outside: `"reflect"` (default), `"wrap"`, `"constant"` or `"nearest"`.
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
        only_inference(cx, "RandomElasticTransform", "its field of displacements is not there")?;
        self.factor.ends("factor")?;
        self.scale.ends("scale")?;
        rising(self.value_range)?;
        self.interpolation.check()?;
        self.fill_mode.check()?;
        augment(cx, x, &self.data_format, |images| Ok(images.x.clone()))
    }
}
