//! The middle of images.
use super::geometry::ImageAxes;
use crate::arguments::DataFormat;
use crate::layers::checks::positive;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;

/// The middle of each image; images that are too small are cut to the proportions asked for and enlarged. Keras's
/// `CenterCrop`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([9, 11, 3]).tensor();
/// assert_eq!(CenterCrop::new(5, 7).apply(&x).shape().to_string(), "(None, 5, 7, 3)");
/// ```
#[layer("keras.layers")]
pub struct CenterCrop {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// Height of the result.
    pub height: usize,
    /// Width of the result.
    pub width: usize,
}

impl Layer for CenterCrop {
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        positive("CenterCrop.height", self.height)?;
        positive("CenterCrop.width", self.width)?;
        let x = x.cast(cx.dtype());
        let axes = ImageAxes::of(&x, &self.data_format)?;
        let (size, target) = (axes.size(&x), (self.height, self.width));
        if size.0 >= target.0 && size.1 >= target.1 {
            return Ok(axes.crop(&x, ((size.0 - target.0) / 2, (size.1 - target.1) / 2), target));
        }
        let cut = axes.crop_to_aspect_ratio(&x, target);
        axes.resize(&cut, target, &Interpolation::Bilinear, false)
    }
}
