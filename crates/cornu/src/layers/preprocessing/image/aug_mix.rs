//! Mixed chains of changes.
use super::augment::{Factor, SEED, augment, only_inference, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;
/// The identity in inference; Keras mixes chains of random changes while training. Keras's `AugMix` (Hendrycks et al., 2019).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(AugMix::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct AugMix {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    pub value_range: [f64; 2],
    /// Number of chains; 3 by default.
    #[default(3)]
    pub num_chains: usize,
    /// Changes in each chain; 3 by default.
    #[default(3)]
    pub chain_depth: usize,
    /// How strong the changes are; 0.3 by default.
    #[default(0.3)]
    pub factor: Factor<0, 1>,
    /// Of the distributions that the shares of the chains are drawn from; 1 by default.
    #[default(1.0)]
    pub alpha: f64,
    /// Whether all kinds of changes are used.
    #[default(true)]
    pub all_ops: bool,
    /// `"bilinear"` (default) or `"nearest"`.
    #[default("bilinear")]
    pub interpolation: Interpolation,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for AugMix {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        only_inference(cx, "AugMix", "its shares come from distributions that cannot be drawn from")?;
        self.factor.ends("factor")?;
        rising(self.value_range)?;
        self.interpolation.check()?;
        augment(cx, x, &self.data_format, |images| Ok(images.x.clone()))
    }
}
