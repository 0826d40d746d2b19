//! Images seen from aside.
use super::affine::{FillMode, Sampling, places, sample};
use super::augment::{Factor, SEED, augment};
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
            let [right, down] = [width, height].map(|size| size.saturating_sub(1).max(1) as f64);
            // Where the corners come to lie: (0, 0) stays, the others move away from it or towards it.
            let reach = 0.5 * self.scale;
            let moved = |by: f64| {
                Ok::<_, Error>(
                    (images.uniform([-reach, reach], &[images.count(), 1, 1])?.cast(DType::F32) + 1.0) * by,
                )
            };
            let (top_right, bottom_left) = (moved(right)?, moved(down)?);
            let (corner_x, corner_y) = (moved(right)?, moved(down)?);

            // A point (u, v) of the unit square comes to ((1 + g) u, (1 + h) v) / (1 + g u + h v), in units of the two corners
            // beside (0, 0). The fourth corner says what g and h are.
            let (x_share, y_share) = (corner_x / &top_right, corner_y / &bottom_left);
            let scale = (&x_share + &y_share - 1.0).powf(-1.0);
            let (more_x, more_y) = (x_share * &scale, y_share * scale);
            let (row, column) = places(&images.x, &images.axes);
            let (x, y) = (column / (top_right * &more_x), row / (bottom_left * &more_y));
            let depth = (-((more_x - 1.0) * &x) - (more_y - 1.0) * &y + 1.0).powf(-1.0);
            let sampling = Sampling {
                fill_mode: &FillMode::Constant,
                fill_value: self.fill_value,
                interpolation: &self.interpolation,
            };
            let seen =
                sample(&images.x, &images.axes, &(y * &depth * down), &(x * depth * right), &sampling)?;
            Ok(chosen.select(&seen, &images.x))
        })
    }
}
