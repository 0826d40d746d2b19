//! Images with their bright parts inverted.
use super::augment::{Factor, SEED, augment, rescale, rising};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, adds to pixels and inverts those above a threshold. Keras's `Solarization`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(Solarization::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct Solarization {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// What to add, drawn from this range of shares of the brightest; a number `x` for `0..=x`.
    #[default(0.0)]
    pub addition_factor: Factor<0, 1>,
    /// Above what to invert, drawn likewise.
    #[default(0.0)]
    pub threshold_factor: Factor<0, 1>,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for Solarization {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let range = rising(self.value_range)?;
        let [a, b] = self.addition_factor.ends("addition_factor")?;
        let [c, d] = self.threshold_factor.ends("threshold_factor")?;
        augment(cx, x, &self.data_format, |images| {
            let more = images.each([a, b * 255.0])?;
            let threshold = images.each([c, d * 255.0])?;
            let y = (rescale(&images.x, range, [0.0, 255.0]) + more).clip(0.0, 255.0);
            let y = y.lt(&threshold).select(&y, &(-&y + 255.0));
            Ok(rescale(&y, [0.0, 255.0], range))
        })
    }
}
