//! Another size of images.
use super::geometry::{ImageAxes, saturate};
use crate::arguments::DataFormat;
use crate::layers::checks::positive;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;

/// Another size of images; integers stay integers. Keras's `Resizing`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([9, 11, 3]).tensor();
/// let y = Resizing::new(32, 32).interpolation("bicubic").pad_to_aspect_ratio(true).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 32, 32, 3)");
/// ```
#[layer("keras.layers")]
pub struct Resizing {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// Height of the result.
    pub height: usize,
    /// Width of the result.
    pub width: usize,
    /// `"bilinear"` (default), `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
    #[default("bilinear")]
    pub interpolation: Interpolation,
    /// Whether to keep proportions by cutting the sides.
    #[default(false)]
    pub crop_to_aspect_ratio: bool,
    /// Whether to keep proportions by adding to the sides.
    #[default(false)]
    pub pad_to_aspect_ratio: bool,
    /// `"constant"`, the only one that Keras takes.
    #[default("constant")]
    pub fill_mode: String,
    /// What is added.
    #[default(0.0)]
    pub fill_value: f64,
    /// Whether samples of a smaller image are means of all that they stand for.
    #[default(false)]
    pub antialias: bool,
}

impl Layer for Resizing {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        positive("Resizing.height", self.height)?;
        positive("Resizing.width", self.width)?;
        // Keras reads it only where there is something to fill.
        if self.pad_to_aspect_ratio && self.fill_mode != "constant" {
            return Err(Error::unknown("fill_mode", &self.fill_mode, ["constant"]));
        }
        if self.crop_to_aspect_ratio && self.pad_to_aspect_ratio {
            let message = "cannot be combined with `pad_to_aspect_ratio`";
            return Err(Error::argument("crop_to_aspect_ratio", message));
        }
        let target = (self.height, self.width);
        let axes = ImageAxes::of(x, &self.data_format)?;
        let smooth = *self.interpolation.check()? != Interpolation::Nearest && !x.dtype().is_float();
        let mut y = if smooth { x.cast(DType::F32) } else { x.clone() };
        if self.crop_to_aspect_ratio {
            y = axes.crop_to_aspect_ratio(&y, target);
        }
        if self.pad_to_aspect_ratio {
            y = axes.pad_to_aspect_ratio(&y, target, self.fill_value);
        }
        let y = axes.resize(&y, target, &self.interpolation, self.antialias)?;
        Ok(saturate(&y, x.dtype()))
    }
}
