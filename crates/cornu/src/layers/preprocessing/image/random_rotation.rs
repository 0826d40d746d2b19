//! Turned images.
use super::affine::Affine;
use super::augment::{Factor, SEED, augment};
use super::sampling::{FillMode, Sampling};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;
use std::f64::consts::PI;

/// While training, turns images by random angles. Keras's `RandomRotation`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomRotation::new(0.1).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomRotation {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// How far to turn, in full turns; a number `x` for `-x..=x`.
    pub factor: Factor<-1, 1>,
    /// What lies outside: `"reflect"` (default), `"wrap"`, `"constant"` or `"nearest"`.
    #[default("reflect")]
    pub fill_mode: FillMode,
    /// What lies outside with `"constant"`.
    #[default(0.0)]
    pub fill_value: f64,
    /// `"bilinear"` (default) or `"nearest"`.
    #[default("bilinear")]
    pub interpolation: Interpolation,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomRotation {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let turns = self.factor.ends("factor")?;
        self.fill_mode.check()?;
        self.interpolation.check()?;
        augment(cx, x, &self.data_format, |images| {
            let (height, width) = images.axes.size(&images.x);
            let angle = images.uniform(turns, &[images.count(), 1, 1])? * (2.0 * PI);
            let (cos, sin) = (angle.cos(), angle.sin());
            let (x, y) = ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
            // The middle stays where it is.
            let right = -(&cos * x) + &sin * y + x;
            let down = -(&sin * x) - &cos * y + y;
            let map = Affine { a: [cos.clone(), -&sin, right], b: [sin, cos, down] };
            let (fill_mode, fill_value, interpolation) =
                (&self.fill_mode, self.fill_value, &self.interpolation);
            map.apply(&images.x, &images.axes, &Sampling { fill_mode, fill_value, interpolation })
        })
    }
}
