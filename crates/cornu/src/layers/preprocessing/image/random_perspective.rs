//! Images seen from aside.
use super::augment::{Factor, SEED, augment, only_inference};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;
/// The identity in inference; Keras changes the perspective of images while training. Keras's `RandomPerspective`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomPerspective::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomPerspective {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The probability, or the ends of a range to draw it from; 1 by default, which stands for `0..=1`.
    #[default(1.0)]
    pub factor: Factor<0, 1>,
    /// How far corners move, as a share; 1 by default.
    #[default(1.0)]
    pub scale: f64,
    /// `"bilinear"` (default) or `"nearest"`.
    #[default("bilinear")]
    pub interpolation: Interpolation,
    /// What lies outside.
    #[default(0.0)]
    pub fill_value: f64,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomPerspective {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        only_inference(cx, "RandomPerspective", "it would need the perspective of each image")?;
        self.factor.ends("factor")?;
        self.interpolation.check()?;
        augment(cx, x, &self.data_format, |images| Ok(images.x.clone()))
    }
}
