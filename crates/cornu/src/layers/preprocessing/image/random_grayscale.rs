//! Grey images.
use super::augment::{SEED, augment};
use super::color::grayscale;
use crate::arguments::DataFormat;
use crate::layers::checks::share;
use crate::layers::prelude::*;

/// While training, makes a share of RGB images grey, with three equal channels. Keras's `RandomGrayscale`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomGrayscale::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomGrayscale {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The share; 0.5 by default.
    #[default(0.5)]
    pub factor: f64,
    /// The same seed gives the same changes. Keras does not save it.
    #[default(None)]
    #[unsaved]
    pub seed: Option<u64>,
}

impl Layer for RandomGrayscale {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        share("RandomGrayscale.factor", self.factor)?;
        if !cx.training() {
            // Integers stay integers.
            return Ok(x.clone());
        }
        augment(cx, x, &self.data_format, |images| {
            let chosen = images.each([0.0, 1.0])?.lt(&images.x.scalar(self.factor));
            let grey = grayscale(&images.x, &images.axes)?.broadcast_to(images.x.shape());
            Ok(chosen.select(&grey, &images.x))
        })
    }
}
