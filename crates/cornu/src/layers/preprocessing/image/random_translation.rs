//! Moved images.
use super::affine::Affine;
use super::augment::{RawFactor, SEED, augment};
use super::sampling::{FillMode, Sampling};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;

/// While training, moves images by random shares of their size. Keras's `RandomTranslation`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomTranslation::new(0.1, 0.2).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomTranslation {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// By how much of the height to move down: a range, or a number for both ways.
    pub height_factor: RawFactor,
    /// By how much of the width to move right.
    pub width_factor: RawFactor,
    /// What lies outside: `"reflect"` (default), `"wrap"`, `"constant"` or `"nearest"`.
    #[default("reflect")]
    pub fill_mode: FillMode,
    /// `"bilinear"` (default) or `"nearest"`.
    #[default("bilinear")]
    pub interpolation: Interpolation,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
    /// What lies outside with `"constant"`.
    #[default(0.0)]
    pub fill_value: f64,
}

impl Layer for RandomTranslation {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let down = self.height_factor.within("height_factor", -1.0, 1.0)?;
        let right = self.width_factor.within("width_factor", -1.0, 1.0)?;
        self.fill_mode.check()?;
        self.interpolation.check()?;
        augment(cx, x, &self.data_format, |images| {
            let (height, width) = images.axes.size(&images.x);
            let by =
                |ends, size: usize| Ok::<_, Error>(-images.uniform(ends, &[images.count(), 1, 1])? * size);
            let (down, right) = (by(down, height)?, by(right, width)?);
            let (zero, one) = (right.scalar(0.0), right.scalar(1.0));
            let map = Affine { a: [one.clone(), zero.clone(), right], b: [zero, one, down] };
            let (fill_mode, fill_value, interpolation) =
                (&self.fill_mode, self.fill_value, &self.interpolation);
            map.apply(&images.x, &images.axes, &Sampling { fill_mode, fill_value, interpolation })
        })
    }
}
