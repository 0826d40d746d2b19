//! Mixed chains of changes.
use super::augment::{Factor, SEED, augment, rising};
use super::augmentations::Augmentations;
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;
use crate::object::WholePair;

/// While training, mixes images with what chains of random changes make of them. Keras's `AugMix` (Hendrycks et al., 2019).
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
    #[save_as(WholePair)]
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
    /// Of the distributions that the shares of the chains are drawn from; 1, the default, is the only one in training.
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

impl AugMix {
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

impl Layer for AugMix {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        self.augmentations()?.build(self.all_ops, weights, input)
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        if cx.training() && self.alpha != 1.0 {
            let message = format!("must be 1 in training, got {}", self.alpha);
            return Err(Error::argument("AugMix.alpha", message));
        }
        let [low, high] = rising(self.value_range)?;
        augment(cx, x, &self.data_format, |images| {
            let changes = self.augmentations()?;
            // Shares that are even over all that sum to 1: those of exponential numbers.
            let drawn = images.uniform([0.0, 1.0], &[self.num_chains])?;
            let drawn = -(-drawn + 1.0).log();
            let shares = &drawn / drawn.sum([0]).maximum(&drawn.scalar(1e-12));
            let mut mixed = images.x.full_like(0.0);
            for chain in 0..self.num_chains {
                let start = images.x.clone();
                let y = (0..self.chain_depth)
                    .try_fold(start, |x, _| changes.one(self.all_ops, true, images, &x))?;
                mixed = mixed + y * shares.index_axis(0, chain);
            }
            let share = images.uniform([0.0, 1.0], &[])?;
            let y = &images.x * &share + mixed * (-&share + 1.0);
            Ok(y.clip(low, high))
        })
    }
}
