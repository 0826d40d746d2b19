//! What goes into networks trained on ImageNet, and what comes out. Keras module: `keras.applications.imagenet_utils`.
use crate::arguments::DataFormat;
use crate::data::Checksum;
use crate::datasets::Source;
use crate::layers::Rescaling;
use crate::models::{Apply, KerasTensor};
use crate::ops;
use cornu_graph::{DType, Error, Result, Tensor};
use std::collections::BTreeMap;
use std::sync::OnceLock;

crate::arguments::keyword! {
    /// How pixels from 0 to 255 are prepared.
    Mode as "mode" {
        /// Blue, green, red, each minus its mean on ImageNet.
        Caffe "caffe",
        /// From -1 to 1.
        Tf "tf",
        /// From 0 to 1, then minus the mean on ImageNet and divided by the deviation, for each channel.
        Torch "torch",
    }
}

/// Kinds of images that can be prepared: a [`Tensor`] on the host, or a symbolic [`KerasTensor`].
pub trait Image {
    /// What comes of it: for a tensor on the host a [`Result`], for a symbolic one another.
    type Output;

    #[doc(hidden)]
    #[track_caller]
    fn prepare(&self, data_format: &DataFormat, mode: &Mode) -> Self::Output;

    #[doc(hidden)]
    #[track_caller]
    fn as_it_is(&self, data_format: &DataFormat) -> Self::Output;
}

/// Prepares images of pixels from 0 to 255 as a network expects them: one (3 axes) or a batch (4 axes). `data_format` is
/// `"channels_last"` or `"channels_first"`; `mode` is `"caffe"`, `"tf"` or `"torch"`. Integers become float32.
///
/// ```
/// use cornu::prelude::*;
/// use cornu::applications::imagenet_utils::preprocess_input;
/// let white = Tensor::full([1, 2, 2, 3], DType::U8, 255.0);
/// let x = preprocess_input(&white, "channels_last", "tf")?;
/// assert_eq!(x.to_f64(), [1.0; 12]);
/// # Ok::<(), cornu::Error>(())
/// ```
///
/// # Errors
/// When the words are none of these, or this is no image of 3 channels where the mode needs one; a symbolic tensor keeps
/// the error.
#[track_caller]
pub fn preprocess_input<X: Image>(
    x: &X,
    data_format: impl Into<DataFormat>,
    mode: impl Into<Mode>,
) -> X::Output {
    x.prepare(&data_format.into(), &mode.into())
}

/// For each channel of the colours red, green, blue, in the order in which they come out: what is subtracted, and by what
/// the rest is divided.
fn statistics(mode: &Mode) -> Option<([f64; 3], [f64; 3])> {
    match mode {
        Mode::Caffe => Some(([103.939, 116.779, 123.68], [1.0; 3])),
        Mode::Torch => Some(([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])),
        _ => None,
    }
}

/// The axis of the channels, for one image or a batch.
fn channel_axis(shape: &[Option<usize>], data_format: &DataFormat) -> Result<usize> {
    let axis = match (shape.len(), data_format.check()?) {
        (3 | 4, DataFormat::ChannelsLast) => shape.len() - 1,
        (3 | 4, _) => shape.len() - 3,
        (rank, _) => {
            let message = format!("an image has 3 axes, a batch of them 4; got {rank}");
            return Err(Error::argument("preprocess_input", message));
        }
    };
    match shape[axis] {
        Some(3) => Ok(axis),
        other => {
            let got = other.map_or("an unknown number".into(), |n| n.to_string());
            Err(Error::argument("preprocess_input", format!("an image has 3 channels, got {got}")))
        }
    }
}

impl Image for Tensor {
    type Output = Result<Tensor>;

    fn prepare(&self, data_format: &DataFormat, mode: &Mode) -> Result<Tensor> {
        mode.check()?;
        data_format.check()?;
        let dtype = if self.dtype().is_float() { self.dtype() } else { DType::F32 };
        let mut values = self.to_f64();
        // In the precision of the result, as Keras does.
        let round = |x: f64| if dtype == DType::F64 { x } else { f64::from(x as f32) };
        let Some((mean, deviation)) = statistics(mode) else {
            values.iter_mut().for_each(|x| *x = round(round(*x / 127.5) - 1.0));
            return Tensor::from_f64(self.shape(), dtype, &values);
        };
        let shape = self.shape();
        let known: Vec<Option<usize>> = shape.iter().map(|&d| Some(d)).collect();
        let axis = channel_axis(&known, data_format)?;
        // Elements from one channel to the next, and of all channels together.
        let step: usize = shape[axis + 1..].iter().product();
        let scale = if *mode == Mode::Torch { 255.0 } else { 1.0 };
        for all in values.chunks_mut((3 * step).max(1)) {
            if *mode == Mode::Caffe {
                let (red, rest) = all.split_at_mut(step);
                red.swap_with_slice(&mut rest[step..]);
            }
            for (channel, plane) in all.chunks_mut(step.max(1)).enumerate() {
                let (mean, deviation) = (round(mean[channel]), round(deviation[channel]));
                plane.iter_mut().for_each(|x| *x = round(round(round(*x / scale) - mean) / deviation));
            }
        }
        Tensor::from_f64(shape, dtype, &values)
    }

    fn as_it_is(&self, data_format: &DataFormat) -> Result<Tensor> {
        data_format.check()?;
        Ok(self.clone())
    }
}

impl Image for KerasTensor {
    type Output = KerasTensor;

    fn prepare(&self, data_format: &DataFormat, mode: &Mode) -> KerasTensor {
        if let Err(e) = mode.check().and_then(|_| data_format.check()) {
            return self.fail(e);
        }
        let Some((mean, deviation)) = statistics(mode) else {
            return self / 127.5 - 1.0;
        };
        let axis = match channel_axis(self.shape().dims(), data_format) {
            Ok(axis) => axis,
            Err(e) => return self.fail(e),
        };
        let mut shape = vec![1; self.shape().rank() - axis];
        shape[0] = 3;
        let numbers = |values: [f64; 3]| Tensor::from_f64(shape.clone(), DType::F64, &values);
        let (x, scale) = match mode {
            Mode::Caffe => (ops::flip(self, [axis as i64]), 1.0),
            _ => (self.clone(), 255.0),
        };
        let scales = numbers(deviation.map(|d| 1.0 / (d * scale)));
        let offsets = numbers([0, 1, 2].map(|i| -mean[i] / deviation[i]));
        match (scales, offsets) {
            (Ok(scales), Ok(offsets)) => Rescaling::new(&scales).offset(&offsets).apply(&x),
            (Err(e), _) | (_, Err(e)) => x.fail(e),
        }
    }

    fn as_it_is(&self, data_format: &DataFormat) -> KerasTensor {
        match data_format.check() {
            Ok(_) => self.clone(),
            Err(e) => self.fail(e),
        }
    }
}

/// A class of ImageNet: its number in WordNet, its name, and how likely it is.
pub type Prediction = (String, String, f64);

/// The `top` most likely classes of each sample, the likeliest first; `preds` is `(samples, 1000)`.
///
/// The names are in a file of Keras, `imagenet_class_index.json`, which is found as the
/// [weights](crate::applications) are.
///
/// # Errors
/// When the shape is another, or the file cannot be had.
pub fn decode_predictions(preds: &Tensor, top: usize) -> Result<Vec<Vec<Prediction>>> {
    let &[_, 1000] = preds.shape() else {
        let message = format!(
            "expects a batch of predictions, of shape (samples, 1000), got an array of shape {:?}",
            preds.shape()
        );
        return Err(Error::argument("decode_predictions", message));
    };
    let classes = class_index()?;
    let best = |scores: &[f64]| {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let class = |i: usize| (classes[i].0.clone(), classes[i].1.clone(), scores[i]);
        order.into_iter().take(top).map(class).collect()
    };
    Ok(preds.to_f64().chunks(1000).map(best).collect())
}

/// The number in WordNet and the name of each class.
fn class_index() -> Result<&'static Vec<(String, String)>> {
    const FILE: &str = "imagenet_class_index.json";
    const URL: &str = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json";
    const MD5: &str = "c2c37ea517e94d9795004a39431a14cb";
    static INDEX: OnceLock<Vec<(String, String)>> = OnceLock::new();
    if let Some(index) = INDEX.get() {
        return Ok(index);
    }
    let path = Source::models().published(FILE, URL, Some(Checksum::Md5(MD5)))?;
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
    let bad = |message: String| Error::Format { what: path.display().to_string(), message };
    let mut named: BTreeMap<usize, (String, String)> =
        serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    let missing = |i: usize| bad(format!("class {i} is missing"));
    let index = (0..1000).map(|i| named.remove(&i).ok_or_else(|| missing(i))).collect::<Result<_>>()?;
    Ok(INDEX.get_or_init(|| index))
}

/// Declares what each family's module has besides its architectures, for pixels that are prepared in this mode; without
/// one the network prepares them itself.
macro_rules! preprocessing {
    ($mode:ident: $what:literal) => {
        #[doc = concat!("Prepares images of pixels from 0 to 255 as these networks expect them: ", $what, ".")]
        ///
        /// One image (3 axes) or a batch (4 axes), on the host or symbolic; `data_format` is `"channels_last"` or
        /// `"channels_first"`. Integers become float32.
        ///
        /// # Errors
        /// When it is no such image; a symbolic tensor keeps the error.
        #[track_caller]
        pub fn preprocess_input<X: $crate::applications::imagenet_utils::Image>(
            x: &X,
            data_format: impl Into<$crate::DataFormat>,
        ) -> X::Output {
            x.prepare(&data_format.into(), &$crate::applications::imagenet_utils::Mode::$mode)
        }

        pub use $crate::applications::imagenet_utils::decode_predictions;
    };
    () => {
        /// Gives the images back as they are: these networks take pixels from 0 to 255.
        ///
        /// # Errors
        /// When `data_format` is neither `"channels_last"` nor `"channels_first"`.
        #[track_caller]
        pub fn preprocess_input<X: $crate::applications::imagenet_utils::Image>(
            x: &X,
            data_format: impl Into<$crate::DataFormat>,
        ) -> X::Output {
            x.as_it_is(&data_format.into())
        }

        pub use $crate::applications::imagenet_utils::decode_predictions;
    };
}
pub(super) use preprocessing;
