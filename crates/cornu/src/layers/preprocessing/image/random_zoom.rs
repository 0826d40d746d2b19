//! Images from nearer or farther.
use super::affine::Affine;
use super::augment::{RawFactor, SEED, augment};
use super::sampling::{FillMode, Sampling};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;

/// While training, zooms images by random factors: out where positive, in where negative. Keras's `RandomZoom`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomZoom::new(0.1).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomZoom {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// How much more of the height to see: 0.2 for 20%; a number `x` for `-x..=x`.
    pub height_factor: RawFactor,
    /// How much more of the width to see; by default what keeps proportions.
    #[default(None)]
    pub width_factor: Option<RawFactor>,
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

impl Layer for RandomZoom {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let tall = self.height_factor.within("height_factor", -1.0, 1.0)?;
        let wide = self.width_factor.map(|f| f.within("width_factor", -1.0, 1.0)).transpose()?;
        self.fill_mode.check()?;
        self.interpolation.check()?;
        augment(cx, x, &self.data_format, |images| {
            let (height, width) = images.axes.size(&images.x);
            let zoom = |ends: [f64; 2]| images.uniform(ends.map(|x| 1.0 + x), &[images.count(), 1, 1]);
            let tall = zoom(tall)?;
            let wide = wide.map_or_else(|| Ok(tall.clone()), zoom)?;
            // The middle stays where it is.
            let keep = |zoom: &Value, size: usize| (-zoom + 1.0) * ((size - 1) as f64 / 2.0);
            let (right, down, zero) = (keep(&wide, width), keep(&tall, height), tall.scalar(0.0));
            let map = Affine { a: [wide, zero.clone(), right], b: [zero, tall, down] };
            let (fill_mode, fill_value, interpolation) =
                (&self.fill_mode, self.fill_value, &self.interpolation);
            map.apply(&images.x, &images.axes, &Sampling { fill_mode, fill_value, interpolation })
        })
    }
}
