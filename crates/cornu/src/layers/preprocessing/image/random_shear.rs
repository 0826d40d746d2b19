//! Slanted images.
use super::affine::Affine;
use super::augment::{Factor, SEED, augment};
use super::sampling::{FillMode, Sampling};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;

/// While training, slants images by random factors. Keras's `RandomShear`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomShear::new().x_factor(0.2).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomShear {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// How far a row moves for each row above it.
    #[default(0.0)]
    pub x_factor: Factor<-1, 1>,
    /// How far a column moves for each column before it.
    #[default(0.0)]
    pub y_factor: Factor<-1, 1>,
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

impl Layer for RandomShear {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let (along_x, along_y) = (self.x_factor.ends("x_factor")?, self.y_factor.ends("y_factor")?);
        self.fill_mode.check()?;
        self.interpolation.check()?;
        augment(cx, x, &self.data_format, |images| {
            let each = |ends| images.uniform(ends, &[images.count(), 1, 1]);
            let inverted = each([0.0, 1.0])?.gt(&images.x.scalar(0.5));
            let signed = |x: Value| inverted.select(&-&x, &x);
            let (along_y, along_x) = (signed(each(along_y)?), signed(each(along_x)?));
            let (zero, one) = (along_x.scalar(0.0), along_x.scalar(1.0));
            let map = Affine { a: [one.clone(), along_x, zero.clone()], b: [along_y, one, zero] };
            let (fill_mode, fill_value, interpolation) =
                (&self.fill_mode, self.fill_value, &self.interpolation);
            map.apply(&images.x, &images.axes, &Sampling { fill_mode, fill_value, interpolation })
        })
    }
}
