//! Parts of one image in another.
use super::augment::{Factor, SEED, augment, only_inference};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;

/// The identity in inference; Keras puts parts of images into others while training, and mixes their labels. Keras's
/// `CutMix` (Yun et al., 2019).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(CutMix::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct CutMix {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// Of the distribution that the size of the part is drawn from; 1 by default.
    #[default(1.0)]
    pub factor: Factor<0, 1>,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for CutMix {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        only_inference(cx, "CutMix", "it changes labels too, which a layer within a model does not see")?;
        self.factor.ends("factor")?;
        augment(cx, x, &self.data_format, |images| Ok(images.x.clone()))
    }
}
