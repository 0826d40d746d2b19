//! Images seen from aside.
use super::augment::{Factor, SEED, augment};
use super::sampling::{FillMode, Sampling};
use super::warp::perspective;
use crate::arguments::DataFormat;
use crate::layers::checks::share;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;

/// While training, shows images as seen from aside, at random. Keras's `RandomPerspective`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomPerspective::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomPerspective {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The probability, or the ends of a range to draw it from; 1 by default, which stands for `0..=1`.
    #[default(1.0)]
    pub factor: Factor<0, 1>,
    /// How far corners move, as a share of the largest move; 1 by default.
    #[default(1.0)]
    pub scale: f64,
    /// `"bilinear"` (default) or `"nearest"`.
    #[default("bilinear")]
    pub interpolation: Interpolation,
    /// What lies outside.
    #[default(0.0)]
    pub fill_value: f64,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomPerspective {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        share("RandomPerspective.scale", self.scale)?;
        let factor = self.factor.ends("factor")?;
        self.interpolation.check()?;
        augment(cx, x, &self.data_format, |images| {
            let chosen = images.chosen(factor)?;
            let (height, width) = images.axes.size(&images.x);
            let [right, down] = [width, height].map(|size| size.saturating_sub(1).max(1) as f32);
            let start = Tensor::new([1, 4, 2], vec![0.0, 0.0, right, 0.0, 0.0, down, right, down])?;
            let start = images.x.builder().constant(start);
            // The corner (0, 0) stays, the others move away from it or towards it.
            let reach = 0.5 * self.scale;
            let moved = images.uniform([-reach, reach], &[images.count(), 4, 2])?.cast(DType::F32);
            let end = &start + &start * moved;
            let sampling = Sampling {
                fill_mode: &FillMode::Constant,
                fill_value: self.fill_value,
                interpolation: &self.interpolation,
            };
            let seen = perspective(&images.x, &images.axes, &start, &end, &sampling)?;
            Ok(chosen.select(&seen, &images.x))
        })
    }
}
