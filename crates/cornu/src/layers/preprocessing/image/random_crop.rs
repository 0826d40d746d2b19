//! A part of images.
use super::augment::{SEED, augment};
use crate::arguments::DataFormat;
use crate::layers::checks::positive;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;

/// While training, a random part of each batch of images, the same for all; images that are too small are cut and
/// enlarged. Otherwise the images as they are. Keras's `RandomCrop`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomCrop::new(4, 4).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomCrop {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// Height of the part.
    pub height: usize,
    /// Width of the part.
    pub width: usize,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomCrop {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        positive("RandomCrop.height", self.height)?;
        positive("RandomCrop.width", self.width)?;
        if !cx.training() {
            return Ok(x.clone());
        }
        augment(cx, x, &self.data_format, |images| {
            let (axes, target) = (&images.axes, (self.height, self.width));
            let (height, width) = axes.size(&images.x);
            if height <= target.0 || width <= target.1 {
                // As Keras: from where the part of these proportions starts, as much as there is.
                let ((top, left), _) = axes.middle(&images.x, target);
                let size = (target.0.min(height - top), target.1.min(width - left));
                let cut = axes.crop(&images.x, (top, left), size);
                return axes.resize(&cut, target, &Interpolation::Bilinear, false);
            }
            let zero = images.x.scalar(0.0).cast(DType::I32);
            let (mut starts, mut sizes) = (vec![zero; 4], images.x.shape().to_vec());
            for (axis, size, part) in [(axes.height, height, target.0), (axes.width, width, target.1)] {
                starts[axis] = images.uniform([0.0, (size - part + 1) as f64], &[])?.floor().cast(DType::I32);
                sizes[axis] = part;
            }
            Ok(images.x.dynamic_slice(&starts, &sizes))
        })
    }
}
