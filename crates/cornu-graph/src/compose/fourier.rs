//! Fourier transforms as products with matrices: those of small sizes directly, others in parts (Cooley and Tukey, 1965) or, of
//! large prime sizes, as a convolution (Bluestein, 1970). Complex numbers are pairs of values.
use crate::ops::{GatherDims, ScatterKind};
use crate::{DType, Error, Tensor, Value, memory};
use std::f64::consts::PI;

/// Sizes up to this are one product with a matrix.
const DIRECT: usize = 64;
/// Prime sizes up to this, too.
const DIRECT_PRIME: usize = 256;

/// Real parts, and imaginary ones unless they are 0.
type Complex = (Value, Option<Value>);

impl Value {
    /// The discrete Fourier transform along the last axis of numbers with these real and, if given, imaginary parts: its real
    /// and imaginary parts. With `inverse`, its inverse.
    ///
    /// Of float32 or float64; both parts of one shape.
    #[track_caller]
    pub fn fourier(&self, imaginary: Option<&Value>, inverse: bool) -> (Value, Value) {
        let n = self.dim(-1);
        if self.rank() == 0 || n == 0 || !self.dtype().is_float() {
            return self
                .refused(Error::op("fourier", format!("takes floats along an axis, got {}", self.spec())));
        }
        // The roots of unity of an axis are a table as long as it.
        if let Err(e) = memory::check_table(&[n, 2], DType::F64) {
            return self.refused(e);
        }
        if let Some(v) = imaginary.filter(|v| v.spec() != self.spec()) {
            let message = format!("the parts differ: {} and {}", self.spec(), v.spec());
            return self.refused(Error::op("fourier", message));
        }
        let turn = if inverse { 1.0 } else { -1.0 };
        let (re, im) = transform(&(self.clone(), imaginary.cloned()), turn);
        let im = im.unwrap_or_else(|| re.full_like(0.0));
        if inverse { (re / n, im / n) } else { (re, im) }
    }

    fn refused(&self, e: Error) -> (Value, Value) {
        (self.fail(e), self.builder().failed())
    }

    /// The transform of real numbers along the last axis: the part of it, `n / 2 + 1` frequencies, that gives the rest.
    #[track_caller]
    pub fn real_fourier(&self) -> (Value, Value) {
        let bins = self.dim(-1) / 2 + 1;
        let (re, im) = self.fourier(None, false);
        (re.slice_axis(-1, 0, bins), im.slice_axis(-1, 0, bins))
    }

    /// The `n` real numbers whose [`Value::real_fourier`] has these real and imaginary parts. Frequencies that are missing are
    /// 0; more than `n / 2 + 1` do not count.
    #[track_caller]
    pub fn inverse_real_fourier(&self, imaginary: &Value, n: usize) -> Value {
        let bins = n / 2 + 1;
        let fit = |v: &Value| v.resized(bins);
        let mirror = |v: &Value| v.slice_axis(-1, 1, n - bins + 1).flip([-1]);
        let (re, im) = (fit(self), fit(imaginary));
        let re = Value::concat(&[&re, &mirror(&re)], -1);
        let im = Value::concat(&[&im, &-mirror(&im)], -1);
        re.fourier(Some(&im), true).0
    }

    /// The last axis cut, or filled up with zeros, to this size.
    #[track_caller]
    pub fn resized(&self, size: usize) -> Value {
        self.pad_axis(-1, 0, size as i64 - self.dim(-1) as i64, 0.0)
    }

    /// Pieces of the last axis, which begin every `stride` elements: `(.., frames, length)`. What is left at the end is not in
    /// them.
    #[track_caller]
    pub fn frames(&self, length: usize, stride: usize) -> Value {
        match frame_places(self.dim(-1), length, stride) {
            Some(places) => self.take_clamped(&self.builder().constant(places), -1),
            None => self.fail(Error::op("frames", format!("of {length} every {stride} of {}", self.spec()))),
        }
    }

    /// The sum of frames `(.., frames, length)` that begin every `stride` elements: what [`Value::frames`] is of, if they do not
    /// overlap.
    #[track_caller]
    pub fn overlap_add(&self, stride: usize) -> Value {
        let (count, length) = (self.dim(-2), self.dim(-1));
        let size = (count.max(1) - 1) * stride + length;
        let (Some(places), true) = (frame_places(size, length, stride), self.rank() > 1 && count > 0) else {
            return self.fail(Error::op("overlap_add", format!("every {stride} of {}", self.spec())));
        };
        let shape = [&self.shape()[..self.rank() - 2], &[size]].concat();
        let dims = GatherDims::take(shape.len(), shape.len() - 1, 2);
        let zeros = self.scalar(0.0).broadcast_to(&shape);
        zeros.scatter(ScatterKind::Add, &self.builder().constant(places), self, dims)
    }
}

/// Where the elements of frames come from, int32 `(frames, length)`.
fn frame_places(size: usize, length: usize, stride: usize) -> Option<Tensor> {
    if length == 0 || stride == 0 || length > size {
        return None;
    }
    let count = (size - length) / stride + 1;
    memory::check_table(&[count, length], DType::I32).ok()?;
    let places: Vec<i32> =
        (0..count).flat_map(|f| (0..length).map(move |i| (f * stride + i) as i32)).collect();
    Tensor::new([count, length], places).ok()
}

/// Along the last axis, without division.
fn transform(x: &Complex, turn: f64) -> Complex {
    let n = x.0.dim(-1);
    let factor = (2..=DIRECT).rev().find(|r| n.is_multiple_of(*r));
    match factor {
        _ if n <= DIRECT => direct(x, turn),
        Some(r) => in_parts(x, turn, r),
        None if n <= DIRECT_PRIME => direct(x, turn),
        None => by_convolution(x, turn),
    }
}

/// Both parts by `f`.
fn map(x: &Complex, f: impl Fn(&Value) -> Value) -> Complex {
    (f(&x.0), x.1.as_ref().map(f))
}

/// Constants of length 1 at these angles: cosines and sines.
fn unit(like: &Value, shape: Vec<usize>, angles: impl Iterator<Item = f64> + Clone) -> (Value, Value) {
    let table = |f: fn(f64) -> f64| {
        let values: Vec<f64> = angles.clone().map(f).collect();
        match Tensor::from_f64(shape.clone(), like.dtype(), &values) {
            Ok(tensor) => like.builder().constant(tensor),
            Err(e) => like.fail(e),
        }
    };
    (table(f64::cos), table(f64::sin))
}

/// The angle of `i / n` of a turn, exact for large `i`.
fn angle(turn: f64, i: usize, n: usize) -> f64 {
    turn * 2.0 * PI * (i % n) as f64 / n as f64
}

fn multiply(x: &Complex, (cos, sin): &(Value, Value)) -> Complex {
    match x {
        (re, None) => (re * cos, Some(re * sin)),
        (re, Some(im)) => (re * cos - im * sin, Some(re * sin + im * cos)),
    }
}

fn direct(x: &Complex, turn: f64) -> Complex {
    let n = x.0.dim(-1);
    let angles = (0..n * n).map(|i| angle(turn, (i / n) * (i % n), n));
    let (cos, sin) = unit(&x.0, vec![n, n], angles);
    // One product gives both parts.
    let both = Value::concat(&[&cos, &sin], 1);
    let product = |v: &Value| {
        let y = v.tensordot(&both, &[-1], &[0]);
        (y.slice_axis(-1, 0, n), y.slice_axis(-1, n, 2 * n))
    };
    let (re, im) = product(&x.0);
    match &x.1 {
        None => (re, Some(im)),
        Some(v) => {
            let (cross, straight) = product(v);
            (re - straight, Some(im + cross))
        }
    }
}

/// `n = r q`: transforms of size `q`, turned, then such of size `r`.
fn in_parts(x: &Complex, turn: f64, r: usize) -> Complex {
    let n = x.0.dim(-1);
    let q = n / r;
    let outer = x.0.shape()[..x.0.rank() - 1].to_vec();
    let with = |a: usize, b: usize| [&outer[..], &[a, b]].concat();
    let parts = map(x, |v| v.reshape(&with(q, r)).swap_axes(-1, -2));
    let angles = (0..n).map(|i| angle(turn, (i / q) * (i % q), n));
    let turned = multiply(&transform(&parts, turn), &unit(&x.0, vec![r, q], angles));
    let joined = direct(&map(&turned, |v| v.swap_axes(-1, -2)), turn);
    map(&joined, |v| v.swap_axes(-1, -2).reshape(&[&outer[..], &[n]].concat()))
}

/// From `2 j k = j² + k² - (k - j)²`.
fn by_convolution(x: &Complex, turn: f64) -> Complex {
    let n = x.0.dim(-1);
    let size = (2 * n - 1).next_power_of_two();
    // Half turns: `j² / 2n`.
    let square = |j: usize| angle(turn, (j * j) % (2 * n), 2 * n);
    let chirp = unit(&x.0, vec![n], (0..n).map(square));
    let wide = map(&multiply(x, &chirp), |v| v.resized(size));
    // Against the turn, around the ends.
    let (cos, sin) = unit(&x.0, vec![n], (0..n).map(|j| -square(j)));
    let around = |v: Value| {
        let gap = v.scalar(0.0).broadcast_to(&[size + 1 - 2 * n]);
        Value::concat(&[&v, &gap, &v.slice_axis(0, 1, n).flip([0])], 0)
    };
    let kernel = transform(&(around(cos), Some(around(sin))), turn);
    let zero = kernel.0.full_like(0.0);
    let kernel = (kernel.0, kernel.1.unwrap_or(zero));
    let product = multiply(&transform(&wide, turn), &kernel);
    let back = map(&transform(&product, -turn), |v| v.slice_axis(-1, 0, n) / size);
    multiply(&back, &chirp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, DType, Spec, interpret};

    /// Against the definition, of sizes that go each way.
    #[test]
    fn as_defined() {
        for (n, inverse) in
            [(1, true), (2, false), (3, true), (65, false), (67, true), (134, true), (257, false)]
        {
            let value = |i: usize, by: usize| ((i * by + 5) % 23) as f64 / 23.0 - 0.4;
            let re: Vec<f64> = (0..n).map(|i| value(i, 7)).collect();
            let im: Vec<f64> = (0..n).map(|i| value(i, 11)).collect();
            let b = Builder::new();
            let x = [b.input(Spec::new(DType::F64, [1, n])), b.input(Spec::new(DType::F64, [1, n]))];
            let (y_re, y_im) = x[0].fourier(Some(&x[1]), inverse);
            let (half_re, half_im) = x[0].real_fourier();
            let again = half_re.inverse_real_fourier(&half_im, n);
            let graph = b.finish(&[y_re, y_im, again]).unwrap();
            let inputs = [&re, &im].map(|v| Tensor::new([1, n], v.clone()).unwrap());
            let got: Vec<Vec<f64>> = interpret(&graph, &inputs).unwrap().iter().map(Tensor::to_f64).collect();
            let (turn, scale) = if inverse { (1.0, n as f64) } else { (-1.0, 1.0) };
            for k in 0..n {
                let sum = |f: &dyn Fn(usize, f64) -> f64| -> f64 {
                    (0..n).map(|j| f(j, angle(turn, j * k, n))).sum::<f64>() / scale
                };
                let want = [
                    sum(&|j, a| re[j] * a.cos() - im[j] * a.sin()),
                    sum(&|j, a| re[j] * a.sin() + im[j] * a.cos()),
                    re[k],
                ];
                for part in 0..3 {
                    let (got, want) = (got[part][k], want[part]);
                    assert!((got - want).abs() < 1e-8, "{n}, {inverse}, {part}, {k}: {got}, not {want}");
                }
            }
        }
    }

    #[test]
    fn frames_and_back() {
        let b = Builder::new();
        let x = b.input(Spec::f32([1, 7]));
        let frames = x.frames(3, 2);
        let graph = b.finish(&[frames.overlap_add(2), frames]).unwrap();
        let numbers = Tensor::new([1, 7], (0..7).map(|i| i as f32).collect()).unwrap();
        let got = interpret(&graph, &[numbers]).unwrap();
        assert_eq!(got[1].shape(), [1, 3, 3]);
        assert_eq!(got[1].to_f64(), [0.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0]);
        assert_eq!(got[0].to_f64(), [0.0, 1.0, 4.0, 3.0, 8.0, 5.0, 6.0]);
        x.frames(8, 1);
        assert!(b.check().unwrap_err().to_string().starts_with("frames: of 8 every 1 of float32[1,7]"));
    }
}
