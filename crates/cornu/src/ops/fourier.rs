//! Fourier transforms. A complex tensor is two, its real and its imaginary part, as in Keras.
#![allow(clippy::upper_case_acronyms, reason = "classes have the names of Keras")]
use super::build::padded;
use super::dtypes::float;
use crate::initializers::Window;
use cornu_graph::{DType, Error, Result, Tensor, Value, memory};

ops! {
    "keras.src.ops.math" many;
    /// The discrete Fourier transform along the last axis of real and imaginary parts.
    FFT fft([x]) => complex("fft", x, 1, |re, im| re.fourier(Some(im), false));
    /// The discrete Fourier transform along the last two axes of real and imaginary parts.
    FFT2 fft2([x]) => complex("fft2", x, 2, |re, im| along_two(re, im, false));
    /// The inverse of [`fft2`].
    IFFT2 ifft2([x]) => complex("ifft2", x, 2, |re, im| along_two(re, im, true));
    /// The discrete Fourier transform along the last axis of real numbers, first cut or filled up with zeros to `fft_length` if
    /// given: real and imaginary parts of the first half of the frequencies, `fft_length / 2 + 1`.
    RFFT rfft(x) { fft_length: Length } => of_real("rfft", x, |x| {
        let (re, im) = x.resized(fft_length.unwrap_or(x.dim(-1))).real_fourier();
        vec![re, im]
    });
    /// The [`rfft`] of the pieces of `fft_length` samples that begin every `sequence_stride` samples, weighed by a window of
    /// `sequence_length`: real and imaginary parts, `(.., pieces, frequencies)`. With `center`, the ends are mirrored first, so
    /// that the middle of each piece lies on a multiple of the stride. The window is [`Window`], `"hann"`, `"hamming"` or
    /// values; `None` for no weights.
    STFT stft(x) {
        sequence_length: usize, sequence_stride: usize, fft_length: usize, window: MaybeWindow, center: bool
    } => {
        let pieces = Pieces { length: *sequence_length, stride: *sequence_stride, size: *fft_length };
        let (re, im) = match pieces.transform(x, window.as_ref(), *center) {
            Ok(y) => y,
            Err(e) => return vec![x.fail(e); 2],
        };
        vec![re, im]
    };
}

ops! {
    "keras.src.ops.math";
    /// The `fft_length` real numbers whose [`rfft`] has these real and imaginary parts; `2 (n - 1)` unless given, of `n`
    /// frequencies.
    IRFFT irfft([x]) { fft_length: Length } => complex("irfft", x, 1, |re, im| {
        let n = fft_length.unwrap_or(2 * (re.dim(-1).max(1) - 1));
        if n == 0 {
            let message = format!("takes two frequencies or more, or a length, got shape {:?}", re.shape());
            return (re.fail(Error::op("irfft", message)), im.clone());
        }
        (re.inverse_real_fourier(im, n), im.clone())
    }).remove(0);
    /// The samples whose [`stft`] has these real and imaginary parts, if they are `length` long or as long as its pieces reach.
    ///
    /// Without a window, the result is `fft_length / sequence_stride` times as large, as in Keras.
    ISTFT istft([x]) {
        sequence_length: usize, sequence_stride: usize, fft_length: usize, length: Length, window: MaybeWindow, center: bool
    } => {
        let pieces = Pieces { length: *sequence_length, stride: *sequence_stride, size: *fft_length };
        complex("istft", x, 2, |re, im| {
            let samples = pieces.samples(re, im, *length, window.as_ref(), *center);
            (samples.unwrap_or_else(|e| re.fail(e)), im.clone())
        }).remove(0)
    };
    /// The pieces of `sequence_length` samples along the last axis that begin every `sequence_stride` samples:
    /// `(.., pieces, sequence_length)`.
    ExtractSequences extract_sequences(x) { sequence_length: usize, sequence_stride: usize } => {
        if x.rank() == 0 || *sequence_length == 0 || *sequence_stride == 0 {
            let message = format!("of {sequence_length} samples every {sequence_stride} of shape {:?}", x.shape());
            return vec![x.fail(Error::op("extract_sequences", message))];
        }
        if x.dim(-1) < *sequence_length {
            let shape = [&x.shape()[..x.rank() - 1], &[0, *sequence_length]].concat();
            return vec![x.scalar(0.0).broadcast_to(&shape)];
        }
        x.frames(*sequence_length, *sequence_stride)
    };
    /// Real numbers as complex ones: a last axis with each and 0.
    ViewAsReal view_as_real(x) => Value::stack(&[x, &zeros(x)], -1);
}

ops! {
    "keras.src.ops.numpy";
    /// The real part: of real tensors, and there are no others, the tensor.
    Real real(x) => x.clone();
    /// The imaginary part: of real tensors, and there are no others, zeros.
    Imag imag(x) => zeros(x);
    /// The complex conjugate: of real tensors, and there are no others, the tensor.
    Conjugate conjugate(x) => x.clone();
}

/// A length, or the default.
type Length = Option<usize>;
/// Weights, or none.
type MaybeWindow = Option<Window>;

fn zeros(x: &Value) -> Value {
    x.full_like(0.0)
}

/// A function of the two parts of complex numbers with so many axes to work along.
fn complex(
    op: &'static str,
    parts: &[Value],
    axes: usize,
    f: impl FnOnce(&Value, &Value) -> (Value, Value),
) -> Vec<Value> {
    let bad = |x: &Value, message: String| vec![x.fail(Error::op(op, message)); 2];
    let [re, im] = parts else {
        let Some(first) = parts.first() else { return vec![] };
        return bad(first, format!("takes two tensors, real and imaginary parts, got {}", parts.len()));
    };
    if re.shape() != im.shape() {
        let (re_shape, im_shape) = (re.shape(), im.shape());
        return bad(
            re,
            format!("real and imaginary parts must have one shape, got {re_shape:?} and {im_shape:?}"),
        );
    }
    if !re.dtype().is_float() || !im.dtype().is_float() {
        return bad(re, format!("takes floats, got {} and {}", re.dtype(), im.dtype()));
    }
    if re.rank() < axes {
        return bad(re, format!("expected an input of rank >= {axes}, got shape {:?}", re.shape()));
    }
    let dtype = DType::promote(re.dtype(), im.dtype());
    let wide = DType::promote(dtype, DType::F32);
    let (a, b) = f(&re.cast(wide), &im.cast(wide));
    vec![a.cast(dtype), b.cast(dtype)]
}

/// The same of real numbers.
fn of_real(op: &'static str, x: &Value, f: impl FnOnce(&Value) -> Vec<Value>) -> Vec<Value> {
    if x.rank() == 0 {
        let message = "expected an input of rank >= 1, got a scalar";
        return vec![x.fail(Error::op(op, message)); 2];
    }
    let x = float(x);
    let wide = DType::promote(x.dtype(), DType::F32);
    f(&x.cast(wide)).iter().map(|y| y.cast(x.dtype())).collect()
}

fn along_two(re: &Value, im: &Value, inverse: bool) -> (Value, Value) {
    let (re, im) = re.fourier(Some(im), inverse);
    let turned = re.matrix_transpose().fourier(Some(&im.matrix_transpose()), inverse);
    (turned.0.matrix_transpose(), turned.1.matrix_transpose())
}

/// Pieces of a signal that are transformed one by one.
pub(crate) struct Pieces {
    /// Samples that the window lets through.
    pub length: usize,
    /// Samples from one piece to the next.
    pub stride: usize,
    /// Samples of the transform; the window stands in their middle.
    pub size: usize,
}

impl Pieces {
    /// The weights of the samples of a piece.
    fn weights(&self, window: Option<&Window>) -> Result<Vec<f64>> {
        if self.stride == 0 {
            return Err(Error::argument("sequence_stride", "must be a positive integer, got 0"));
        }
        if self.size < self.length || self.length == 0 {
            let message = format!(
                "must be at least `sequence_length` ({}), which must be positive, got {}",
                self.length, self.size
            );
            return Err(Error::argument("fft_length", message));
        }
        memory::check_table(&[self.size], DType::F64)?;
        let Some(window) = window else { return Ok(vec![1.0; self.size]) };
        if let Window::Name(name) = window
            && !["hann", "hamming"].contains(&name.as_str())
        {
            return Err(Error::unknown("window", name, ["hann", "hamming"]));
        }
        let before = (self.size - self.length) / 2;
        let mut weights = vec![0.0; before];
        weights.extend(window.values(self.length, true)?);
        weights.resize(self.size, 0.0);
        Ok(weights)
    }

    fn constant(&self, like: &Value, weights: &[f64]) -> Result<Value> {
        Ok(like.builder().constant(Tensor::from_f64([weights.len()], like.dtype(), weights)?))
    }

    /// Real and imaginary parts of the transforms, `(.., pieces, size / 2 + 1)`.
    ///
    /// # Errors
    /// When `x` is no float signal of a piece or more, or the sizes make no sense.
    pub fn transform(&self, x: &Value, window: Option<&Window>, center: bool) -> Result<(Value, Value)> {
        if x.rank() == 0 || !matches!(x.dtype(), DType::F32 | DType::F64) {
            return Err(Error::op("stft", format!("takes float32 or float64 signals, got {}", x.spec())));
        }
        let weights = self.weights(window)?;
        let half = (self.size / 2) as i64;
        let mut widths = vec![(0, 0); x.rank()];
        widths[x.rank() - 1] = (half, half);
        let x = if center { padded(std::slice::from_ref(x), &widths, "reflect") } else { x.clone() };
        if x.dim(-1) < self.size {
            let message = format!("the window of {} is longer than the signal of {}", self.size, x.dim(-1));
            return Err(Error::op("stft", message));
        }
        let pieces = x.frames(self.size, self.stride);
        let weighed = if window.is_some() { pieces * self.constant(&x, &weights)? } else { pieces };
        Ok(weighed.real_fourier())
    }

    /// The samples that have these transforms.
    fn samples(
        &self,
        re: &Value,
        im: &Value,
        length: Length,
        window: Option<&Window>,
        center: bool,
    ) -> Result<Value> {
        let weights = self.weights(window)?;
        let count = re.dim(-2);
        if count == 0 {
            return Err(Error::op("istft", "takes one piece or more, got none"));
        }
        let pieces = re.inverse_real_fourier(im, self.size) * self.constant(re, &weights)?;
        let sum = pieces.overlap_add(self.stride);
        // How much each sample was weighed.
        let mut total = vec![0.0; sum.dim(-1)];
        for piece in 0..count {
            let places = total[piece * self.stride..].iter_mut();
            places.zip(&weights).for_each(|(total, w)| *total += w * w);
        }
        total.iter_mut().filter(|t| **t <= 1e-10).for_each(|t| *t = 1.0);
        let mut samples = sum / self.constant(re, &total)?;
        if window.is_none() {
            samples = samples * (self.size as f64 / self.stride as f64);
        }
        let (start, size) = (if center { self.size / 2 } else { 0 }, samples.dim(-1));
        let end = match length {
            Some(length) => start + length,
            None if center => size - self.size / 2,
            None => size,
        };
        Ok(samples.slice_axis(-1, start.min(size), end.clamp(start.min(size), size)))
    }
}
