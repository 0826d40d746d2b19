//! Images with a hole.
use super::augment::{Factor, SEED, augment, rising};
use crate::arguments::DataFormat;
use crate::layers::Numbers;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, replaces a rectangle of images by noise or a value. Keras's `RandomErasing` (Zhong et al., 2017).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(RandomErasing::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomErasing {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The probability, or the ends of a range to draw it from; 1 by default, which stands for `0..=1`.
    #[default(1.0)]
    pub factor: Factor<0, 1>,
    /// The share of the image that the rectangle takes.
    #[default((0.02, 0.33))]
    pub scale: Factor<0, 1>,
    /// What the rectangle shows: a number or one for each channel; noise by default.
    #[default(None)]
    pub fill_value: Option<Numbers>,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for RandomErasing {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let (factor, scale) = (self.factor.ends("factor")?, self.scale.ends("scale")?);
        let [low, high] = rising(self.value_range)?;
        augment(cx, x, &self.data_format, |images| {
            let axes = &images.axes;
            let shape = images.x.shape();
            let inside = |axis: usize| {
                let length = images.each(scale)?.sqrt() * shape[axis];
                let start = images.each([0.0, 1.0])? * (-&length + shape[axis] as f64);
                let at = images.x.builder().iota(images.x.dtype(), shape.to_vec(), axis);
                Ok::<_, Error>(at.ge(&start).and(&at.lt(&(&start + length))))
            };
            let erased = inside(axes.width)?.and(&inside(axes.height)?).and(&images.chosen(factor)?);
            let fill = match &self.fill_value {
                None => cx.random(|state| state.random_normal(shape))?.cast(images.x.dtype()) * high,
                Some(fill) => {
                    let fill = images.x.builder().constant(fill.tensor(images.x.dtype())?);
                    let mut along = vec![1; 4];
                    along[axes.channel] = fill.shape().first().copied().unwrap_or(1);
                    fill.reshape(&along).broadcast_to(shape)
                }
            };
            Ok(erased.select(&fill.clip(low, high), &images.x))
        })
    }
}
