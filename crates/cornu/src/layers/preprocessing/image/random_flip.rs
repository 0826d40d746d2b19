//! Mirrored images.
use super::augment::{SEED, augment};
use crate::arguments::{DataFormat, keyword};
use crate::layers::prelude::*;

keyword! {
    /// Which way images are mirrored.
    FlipMode as "mode" {
        /// Both ways.
        HorizontalAndVertical "horizontal_and_vertical",
        /// Left and right change places.
        Horizontal "horizontal",
        /// Top and bottom change places.
        Vertical "vertical",
    }
}

/// While training, mirrors images at random. Keras's `RandomFlip`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomFlip::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomFlip {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
    /// `"horizontal_and_vertical"` (default), `"horizontal"` or `"vertical"`.
    #[default("horizontal_and_vertical")]
    pub mode: FlipMode,
}

impl Layer for RandomFlip {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        self.mode.check()?;
        augment(cx, x, &self.data_format, |images| {
            let flips = images.each([0.0, 1.0])?.le(&images.x.scalar(0.5));
            let flip = |x: &Value, axis: usize| flips.select(&x.flip([axis as i64]), x);
            let mut y = images.x.clone();
            if self.mode != FlipMode::Vertical {
                y = flip(&y, images.axes.width);
            }
            if self.mode != FlipMode::Horizontal {
                y = flip(&y, images.axes.height);
            }
            Ok(y)
        })
    }
}
