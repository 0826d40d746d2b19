//! Images of full contrast.
use super::augment::{rescale, rising};
use super::geometry::ImageAxes;
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// Stretches each channel of each image over the whole range of values, in training and inference. Keras's `AutoContrast`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(AutoContrast::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct AutoContrast {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
}

impl Layer for AutoContrast {
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let range = rising(self.value_range)?;
        let axes = ImageAxes::of(x, &self.data_format)?;
        let x = x.cast(cx.dtype());
        // Keras takes the second and third axis of a batch, wherever the channels are.
        let first = x.rank() as i64 - 3;
        let over = if x.rank() == 4 { [first, first + 1] } else { [axes.height as i64, axes.width as i64] };
        let pixels = rescale(&x, range, [0.0, 255.0]);
        let (low, high) = (pixels.min_keepdims(over), pixels.max_keepdims(over));
        let scale = (&high - &low).powf(-1.0) * 255.0;
        let y = (&pixels * &scale - low.clone() * &scale).clip(0.0, 255.0);
        let y = rescale(&y, [0.0, 255.0], range);
        Ok(high.equal(&low).broadcast_to(y.shape()).select(&x, &y))
    }
}
