//! Images of even brightness.
use super::augment::{augment, rescale, rising};
use crate::arguments::DataFormat;
use crate::layers::checks::positive;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, spreads the values of each channel so that all are about equally frequent in the batch; otherwise the
/// images as they are. Keras's `Equalization`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(Equalization::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct Equalization {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// How many classes of values are counted; 256 by default.
    #[default(256)]
    pub bins: usize,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
}

impl Equalization {
    /// One channel with values from 0 to 255.
    fn equalize(&self, x: &Value) -> Value {
        let last = (self.bins - 1) as f64;
        let bins = (x * (last / 255.0)).clip(0.0, last).cast(DType::I32);
        let flat = bins.reshape(&[bins.shape().iter().product()]);
        let counts = flat.one_hot(self.bins, -1, DType::F32).sum([0]);
        let used = counts.gt(&counts.scalar(0.0)).cast(DType::F32).sum([0]);
        let below = counts.cumsum(0);
        // The count of the first class that is used.
        let empty = below.scalar(f64::from(f32::MAX));
        let first = below.gt(&below.scalar(0.0)).select(&below, &empty.broadcast_to(below.shape())).min([0]);
        let rest = below.max([0]) - &first;
        let rest = rest.equal(&rest.scalar(0.0)).select(&rest.scalar(1.0), &rest);
        let table = ((&below - first) * 255.0 / rest).round().clip(0.0, 255.0).cast(x.dtype());
        used.le(&used.scalar(1.0)).select(x, &table.take(&bins, 0))
    }
}

impl Layer for Equalization {
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        positive("Equalization.bins", self.bins)?;
        let range = rising(self.value_range)?;
        if !cx.training() {
            // Integers stay integers.
            return Ok(x.clone());
        }
        augment(cx, x, &self.data_format, |images| {
            let channel = images.axes.channel as i64;
            let channels = rescale(&images.x, range, [0.0, 255.0]).split(images.x.dim(channel), channel);
            let equal: Vec<Value> = channels.iter().map(|x| self.equalize(x)).collect();
            let y = Value::concat(&equal.iter().collect::<Vec<_>>(), channel);
            Ok(rescale(&y, [0.0, 255.0], range))
        })
    }
}
