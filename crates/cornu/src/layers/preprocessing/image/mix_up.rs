//! Two images in one.
use super::augment::{SEED, only_inference};
use super::geometry::ImageAxes;
use crate::arguments::DataFormat;
use crate::layers::prelude::*;

/// The identity in inference; Keras mixes pairs of images and of their labels while training. Keras's `MixUp` (Zhang et
/// al., 2017).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(MixUp::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct MixUp {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// Of the distribution that the shares are drawn from; 0.2 by default.
    #[default(0.2)]
    pub alpha: f64,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for MixUp {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        only_inference(cx, "MixUp", "it changes labels too, which a layer within a model does not see")?;
        ImageAxes::of(x, &self.data_format)?;
        Ok(x.clone())
    }
}
