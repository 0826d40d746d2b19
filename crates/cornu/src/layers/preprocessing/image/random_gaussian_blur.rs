//! Blurred images.
use super::augment::{Factor, SEED, augment, rising};
use crate::arguments::{DataFormat, Size};
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, blurs images at random. Keras's `RandomGaussianBlur`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomGaussianBlur::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomGaussianBlur {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The probability, or the ends of a range to draw it from; 1 by default, which stands for `0..=1`.
    #[default(1.0)]
    pub factor: Factor<0, 1>,
    /// Size of the window, odd; 3 by default.
    #[default(3)]
    pub kernel_size: Size<2>,
    /// Deviation of the blur along each axis, drawn from this range; 1 by default, which stands for `0..=1`.
    #[default(1.0)]
    pub sigma: Factor<0, 1>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomGaussianBlur {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let (factor, sigma) = (self.factor.ends("factor")?, self.sigma.ends("sigma")?);
        let [low, high] = rising(self.value_range)?;
        if self.kernel_size.0.iter().any(|size| size % 2 == 0) {
            let message = format!("must be odd, got {:?}", self.kernel_size.0);
            return Err(Error::argument("kernel_size", message));
        }
        augment(cx, x, &self.data_format, |images| {
            let chosen = images.chosen(factor)?;
            cornu_graph::memory::check_table(&self.kernel_size.0, DType::F64)?;
            let sides = self.kernel_size.0.map(|size| {
                let sigma = images.uniform(sigma, &[])? + 1e-6;
                let middle = (size - 1) as f64 / 2.0;
                let at = images.x.builder().iota(images.x.dtype(), [size], 0) - middle;
                let bell = (-(at / sigma).square() * 0.5).exp();
                Ok::<_, Error>(&bell / bell.sum([0]))
            });
            let [rows, columns] = sides;
            let kernel = rows?.expand_dims(1) * columns?.expand_dims(0);
            let blurred = images.filter(&kernel, &self.data_format)?;
            Ok(chosen.select(&blurred, &images.x).clip(low, high))
        })
    }
}
