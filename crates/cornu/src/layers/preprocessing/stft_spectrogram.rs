//! Spectrogram by convolution.
use crate::arguments::{DataFormat, Padding, keyword};
use crate::initializers::{STFT, Window};
use crate::layers::checks;
use crate::layers::convolutional::convolve;
use crate::layers::prelude::*;

keyword! {
    /// What a spectrogram shows of each frequency.
    SpectrogramMode as "mode" {
        /// Logarithm of the magnitude.
        Log "log",
        /// Magnitude.
        Magnitude "magnitude",
        /// Power.
        Psd "psd",
        /// Real part.
        Real "real",
        /// Imaginary part.
        Imag "imag",
        /// Phase.
        Angle "angle",
        /// Real parts, then imaginary parts.
        Stft "stft",
    }
}

/// The short-time Fourier transform of sound, as trainable convolutions that start as the transform: `(batch, samples,
/// channels)` to `(batch, frames, channels * frequencies)`. Keras's `STFTSpectrogram`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([16000, 1]).tensor();
/// let y = STFTSpectrogram::new().frame_length(256).frame_step(128).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 124, 129)");
/// ```
#[layer("keras.layers")]
pub struct STFTSpectrogram {
    /// `"log"` (default), `"magnitude"`, `"psd"`, `"real"`, `"imag"`, `"angle"` or `"stft"`.
    #[default("log")]
    pub mode: SpectrogramMode,
    /// Samples in a frame; 256 by default.
    #[default(256)]
    pub frame_length: usize,
    /// Samples from one frame to the next; half a frame by default.
    #[default(None)]
    pub frame_step: Option<usize>,
    /// Size of the transform; the power of two from the frame on by default.
    #[default(None)]
    pub fft_length: Option<usize>,
    /// What weighs the samples of a frame; null for nothing.
    #[default("hann")]
    pub window: Option<Window>,
    /// Whether a named window is periodic rather than symmetric.
    #[default(false)]
    pub periodic: bool,
    /// How the window is normalized: `"density"` (default), `"spectrum"` or null.
    #[default("density")]
    pub scaling: Option<String>,
    /// `"valid"` (default) or `"same"`.
    #[default("valid")]
    pub padding: Padding,
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// Whether frequencies have an axis of their own.
    #[default(false)]
    pub expand_dims: bool,
}

const REAL: &str = "real_kernel";
const IMAGINARY: &str = "imag_kernel";

impl STFTSpectrogram {
    fn check(&self) -> Result<()> {
        checks::positive("frame_length", self.frame_length)?;
        self.mode.check()?;
        if let Some(step) = self.frame_step.filter(|step| !(1..=self.frame_length).contains(step)) {
            let message = format!("must be from 1 to `frame_length` ({}), got {step}", self.frame_length);
            return Err(Error::argument("frame_step", message));
        }
        if let Some(length) = self.fft_length.filter(|length| *length < self.frame_length) {
            let message = format!("must be at least `frame_length` ({}), got {length}", self.frame_length);
            return Err(Error::argument("fft_length", message));
        }
        Ok(())
    }

    /// One side of the transform of `x` (`(batch, channels, samples)`): `(batch, channels, frequencies, frames)`.
    fn side(&self, cx: &Call, x: &Value, kernel: &str) -> Result<Value> {
        let (batch, channels, samples) = (x.dim(0), x.dim(1), x.dim(2));
        let step = self.frame_step.unwrap_or((self.frame_length / 2).max(1));
        let line = x.reshape(&[batch * channels, samples, 1]);
        let y = convolve(&line, &cx.weight(kernel)?.cast(x.dtype()), &[step], &self.padding, &[1], 1)?;
        Ok(y.swap_axes(1, 2).reshape(&[batch, channels, y.dim(2), y.dim(1)]))
    }

    /// `(batch, channels, frequencies, frames)` in the form that the layer gives.
    fn arrange(&self, y: &Value) -> Value {
        let is_last = self.data_format != DataFormat::ChannelsFirst;
        if self.expand_dims {
            return y.transpose(if is_last { &[0, 3, 2, 1] } else { &[0, 1, 3, 2] });
        }
        let merged = y.reshape(&[y.dim(0), y.dim(1) * y.dim(2), y.dim(3)]);
        if is_last { merged.swap_axes(1, 2) } else { merged }
    }
}

impl Layer for STFTSpectrogram {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        self.check()?;
        let length = self.fft_length.unwrap_or(self.frame_length.next_power_of_two());
        let shape = [self.frame_length, 1, length / 2 + 1];
        let mut initializer = STFT::new().periodic(self.periodic);
        initializer.window.clone_from(&self.window);
        initializer.scaling.clone_from(&self.scaling);
        if self.mode != SpectrogramMode::Imag {
            weights.add(REAL, shape, &initializer.clone().side("real").into());
        }
        if self.mode != SpectrogramMode::Real {
            weights.add(IMAGINARY, shape, &initializer.side("imag").into());
        }
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        checks::rank(x, 3)?;
        if !x.dtype().is_float() {
            return Err(Error::Data(format!("expected samples as floats, got {}", x.dtype())));
        }
        let is_last = *self.data_format.check()? != DataFormat::ChannelsFirst;
        let x = if is_last { x.swap_axes(1, 2) } else { x.clone() };
        let real = || self.side(cx, &x, REAL);
        let imaginary = || self.side(cx, &x, IMAGINARY);
        let power = || Ok::<_, Error>(real()?.square() + imaginary()?.square());
        let magnitude = || {
            let power = power()?;
            Ok::<_, Error>(power.maximum(&power.scalar(1e-7)).sqrt())
        };
        let y = match self.mode.check()? {
            SpectrogramMode::Real => real()?,
            SpectrogramMode::Imag => imaginary()?,
            SpectrogramMode::Angle => imaginary()?.atan2(&real()?),
            SpectrogramMode::Stft => Value::concat(&[&real()?, &imaginary()?], 2),
            SpectrogramMode::Psd => {
                let power = power()?;
                // Each frequency but the first and last stands for its negative as well.
                let inner = power.slice_axis(2, 1, (power.dim(2) - 1).max(1));
                &power + inner.pad_axis(2, 1, power.dim(2) as i64 - 1 - inner.dim(2) as i64, 0.0)
            }
            SpectrogramMode::Magnitude => magnitude()?,
            _ => magnitude()?.log(),
        };
        Ok(self.arrange(&y))
    }
}
