//! Spectrogram on the mel scale.
use crate::initializers::Window;
use crate::layers::checks;
use crate::layers::prelude::*;
use crate::ops::fourier::Pieces;

/// Sound as the power of mel bands over time: `(batch, samples)` to `(batch, num_mel_bins, frames)`. Keras's
/// `MelSpectrogram`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([16000]).tensor();
/// let y = MelSpectrogram::new().num_mel_bins(64).fft_length(512).sequence_stride(256).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 64, 63)");
/// ```
#[layer("keras.layers")]
pub struct MelSpectrogram {
    /// Size of the transform; 2048 by default.
    #[default(2048)]
    pub fft_length: usize,
    /// Samples from one frame to the next; 512 by default.
    #[default(512)]
    pub sequence_stride: usize,
    /// Samples in a frame; `fft_length` by default.
    #[default(None)]
    pub sequence_length: Option<usize>,
    /// What weighs the samples of a frame: `"hann"` (default), `"hamming"`, values, or null for nothing.
    #[default("hann")]
    pub window: Option<Window>,
    /// Samples per second; 16000 by default.
    #[default(16000.0)]
    #[save_as(crate::object::Whole)]
    pub sampling_rate: f64,
    /// Number of bands; 128 by default.
    #[default(128)]
    pub num_mel_bins: usize,
    /// Where the lowest band begins, in hertz; 20 by default.
    #[default(20.0)]
    pub min_freq: f64,
    /// Where the highest band ends, in hertz; half the sampling rate by default.
    #[default(None)]
    pub max_freq: Option<f64>,
    /// Whether to give decibels; true by default.
    #[default(true)]
    pub power_to_db: bool,
    /// How far decibels go below the largest of the batch; 80 by default.
    #[default(80.0)]
    pub top_db: f64,
    /// Exponent of the magnitude; 2 by default, for power.
    #[default(2.0)]
    pub mag_exp: f64,
    /// The least power that counts; 1e-10 by default.
    #[default(1e-10)]
    pub min_power: f64,
    /// The power of 0 decibels; 1 by default.
    #[default(1.0)]
    pub ref_power: f64,
}

impl MelSpectrogram {
    fn check(&self) -> Result<usize> {
        checks::positive("fft_length", self.fft_length)?;
        checks::positive("sequence_stride", self.sequence_stride)?;
        checks::positive("num_mel_bins", self.num_mel_bins)?;
        let length = self.sequence_length.unwrap_or(self.fft_length);
        if length == 0 || length > self.fft_length {
            let message = format!("must be from 1 to `fft_length` ({}), got {length}", self.fft_length);
            return Err(Error::argument("sequence_length", message));
        }
        if let Some(Window::Name(name)) = &self.window
            && !["hann", "hamming"].contains(&name.as_str())
        {
            return Err(Error::unknown("window", name, ["hann", "hamming"]));
        }
        Ok(length)
    }

    /// The share of each frequency in each band, `(frequencies, num_mel_bins)`: triangles on the mel scale.
    fn bands(&self, dtype: DType) -> Result<Tensor> {
        // In single precision, as in Keras: at the foot of a triangle its rounding is most of a share.
        let mel = |hertz: f64| 1127.0 * (1.0 + hertz as f32 / 700.0).ln();
        let (low, high) =
            (mel(self.min_freq), mel(self.max_freq.unwrap_or((self.sampling_rate / 2.0).floor())));
        let (bins, bands) = (self.fft_length / 2 + 1, self.num_mel_bins);
        let edge = |i: usize| {
            let share = i as f32 / (bands + 1) as f32;
            low * (1.0 - share) + high * share
        };
        cornu_graph::memory::check_table(&[bins, bands], DType::F64)?;
        let mut shares = vec![0.0; bins * bands];
        for k in 1..bins {
            let at = mel(self.sampling_rate / 2.0 * k as f64 / (bins - 1) as f64);
            for (band, share) in shares[k * bands..(k + 1) * bands].iter_mut().enumerate() {
                let (lower, center, upper) = (edge(band), edge(band + 1), edge(band + 2));
                let height = ((at - lower) / (center - lower)).min((upper - at) / (upper - center));
                *share = f64::from(height.max(0.0));
            }
        }
        Tensor::from_f64([bins, bands], dtype, &shares)
    }

    fn decibels(&self, power: &Value) -> Value {
        let scale = 10.0 / std::f64::consts::LN_10;
        let reference = 10.0 * self.ref_power.abs().max(self.min_power).log10();
        let level = power.maximum(&power.scalar(self.min_power)).log() * scale - reference;
        let least = level.max(level.all_axes()) - self.top_db;
        level.maximum(&least)
    }
}

/// `x` with `n` elements more at each end of its last axis, as in a mirror that stands on the outermost element.
fn reflect(x: &Value, n: usize) -> Result<Value> {
    let size = x.dim(-1);
    if n >= size {
        return Err(Error::Data(format!(
            "{size} samples are too few for a frame; at least {} are needed",
            n + 1
        )));
    }
    let places = (0..n).map(|i| n - i).chain(0..size).chain((0..n).map(|i| size - 2 - i));
    let places: Vec<i32> = places.map(|i| i as i32).collect();
    Ok(x.take(&x.builder().constant(Tensor::new([places.len()], places)?), -1))
}

impl Layer for MelSpectrogram {
    fn settle(&self, config: &mut serde_json::Value, _: Option<&[Shape]>) {
        if config["sequence_length"].is_null() {
            config["sequence_length"] = self.fft_length.into();
        }
        if config["max_freq"].is_null() {
            config["max_freq"] = ((self.sampling_rate / 2.0).floor() as i64).into();
        }
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        checks::rank(x, 2)?;
        let wide = DType::promote(cx.dtype(), DType::F32);
        let sequence = self.check()?;
        let padded = reflect(&x.cast(wide), self.fft_length / 2)?;
        // A shorter window stands in the middle of the frame; none leaves all of it.
        let length = if self.window.is_some() { sequence } else { self.fft_length };
        let pieces = Pieces { length, stride: self.sequence_stride, size: self.fft_length };
        let (real, imaginary) = pieces.transform(&padded, self.window.as_ref(), false)?;
        let square = real.square() + imaginary.square();
        let magnitude = if self.mag_exp == 2.0 { square } else { square.powf(self.mag_exp / 2.0) };
        let power = magnitude.tensordot(&x.builder().constant(self.bands(wide)?), &[-1], &[0]);
        let y = if self.power_to_db { self.decibels(&power) } else { power };
        Ok(y.swap_axes(1, 2).cast(cx.dtype()))
    }
}
