//! More of the same.
use super::first_spatial_axis;
use super::resize::{Interpolation, resize_axis};
use crate::arguments::{DataFormat, Size};
use crate::layers::checks::positive;
use crate::layers::prelude::*;
use crate::layers::preprocessing::image::geometry::saturate;
use crate::ops::dtypes::float;

/// Repeats each step of a sequence. Keras's `UpSampling1D`.
#[layer("keras.layers")]
pub struct UpSampling1D {
    /// How often.
    #[default(2)]
    pub size: usize,
}

impl Layer for UpSampling1D {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        positive("UpSampling1D.size", self.size)?;
        let axis = first_spatial_axis(x, 1, &DataFormat::ChannelsLast)?;
        Ok(x.repeat(self.size, axis as i64))
    }
}

/// Enlarges an image. Keras's `UpSampling2D`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// let y = UpSampling2D::new().size((2, 3)).interpolation("bilinear").apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 16, 24, 3)");
/// ```
#[layer("keras.layers")]
pub struct UpSampling2D {
    /// Factor of each axis; 2 by default.
    #[default(2)]
    pub size: Size<2>,
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// `"nearest"` (default), `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
    #[default("nearest")]
    pub interpolation: Interpolation,
}

impl Layer for UpSampling2D {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        let first = first_spatial_axis(x, 2, &self.data_format)?;
        let sizes = self.size.positive("UpSampling2D.size")?;
        let smooth = match self.interpolation.check()? {
            Interpolation::Nearest => {
                return Ok((first..)
                    .zip(sizes)
                    .fold(x.clone(), |y, (axis, size)| y.repeat(*size, axis as i64)));
            }
            smooth => smooth,
        };
        let mut y = float(x);
        for (axis, size) in (first..).zip(sizes) {
            y = resize_axis(&y, axis, y.dim(axis as i64) * size, smooth, false)?;
        }
        Ok(saturate(&y, x.dtype()))
    }
}

/// Repeats each element of a volume along each axis. Keras's `UpSampling3D`.
#[layer("keras.layers")]
pub struct UpSampling3D {
    /// Factor of each axis; 2 by default.
    #[default(2)]
    pub size: Size<3>,
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
}

impl Layer for UpSampling3D {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        let first = first_spatial_axis(x, 3, &self.data_format)?;
        let sizes = self.size.positive("UpSampling3D.size")?;
        Ok((first..).zip(sizes).fold(x.clone(), |y, (axis, size)| y.repeat(*size, axis as i64)))
    }
}
