//! Kernels of the short-time Fourier transform.
use crate::initializers::Initialize;
use cornu_derive::config;
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Error, Result, Tensor};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The kernel `(frame, 1, frequencies)` of a convolution that computes one side of a short-time Fourier transform.
#[config("keras.initializers")]
pub struct STFT {
    /// `"real"` or `"imag"`.
    #[default("real")]
    pub side: String,
    /// What weighs the samples of a frame; null for nothing.
    #[default("hann")]
    pub window: Option<Window>,
    /// Whether a named window is periodic rather than symmetric.
    #[default(false)]
    pub periodic: bool,
    /// How the window is normalized: `"density"` by its L2 norm, `"spectrum"` by its L1 norm, null not at all.
    #[default("density")]
    pub scaling: Option<String>,
}

/// A window, by SciPy's name or by its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Window {
    /// `"hann"`, `"hamming"`, `"blackman"`, `"boxcar"`, `"bartlett"`, `"triang"` or `"cosine"`.
    Name(String),
    /// One value per sample of the frame.
    Values(Vec<f64>),
}

impl From<&str> for Window {
    fn from(name: &str) -> Window {
        Window::Name(name.into())
    }
}

impl From<Vec<f64>> for Window {
    fn from(values: Vec<f64>) -> Window {
        Window::Values(values)
    }
}

impl Window {
    /// One value per sample of a frame.
    pub(crate) fn values(&self, length: usize, periodic: bool) -> Result<Vec<f64>> {
        let name = match self {
            Window::Name(name) => name,
            Window::Values(values) if values.len() == length => return Ok(values.clone()),
            Window::Values(values) => {
                let message = format!("the frame has {length} samples, the window {}", values.len());
                return Err(Error::argument("STFT.window", message));
            }
        };
        // A periodic window is a symmetric one of a sample more, without its last.
        let n = if periodic && length > 1 { length + 1 } else { length };
        let sum = |weights: &[f64], x: f64| -> f64 {
            weights.iter().enumerate().map(|(k, w)| w * (2.0 * PI * k as f64 * x).cos()).sum()
        };
        let at = |i: usize| -> Option<f64> {
            if n <= 1 {
                return Some(1.0);
            }
            let (i, n) = (i as f64, n as f64);
            let x = i / (n - 1.0);
            Some(match name.as_str() {
                "hann" | "hanning" | "han" => sum(&[0.5, -0.5], x),
                "hamming" | "hamm" | "ham" => sum(&[0.54, -0.46], x),
                "blackman" | "black" | "blk" => sum(&[0.42, -0.5, 0.08], x),
                "boxcar" | "box" | "ones" | "rect" | "rectangular" => 1.0,
                "bartlett" | "bart" | "brt" => 1.0 - (2.0 * x - 1.0).abs(),
                "triang" | "triangle" | "tri" => {
                    let half = if n % 2.0 == 0.0 { n } else { n + 1.0 };
                    1.0 - (2.0 * i - (n - 1.0)).abs() / half
                }
                "cosine" | "halfcosine" => (PI * (i + 0.5) / n).sin(),
                _ => return None,
            })
        };
        let known = ["hann", "hamming", "blackman", "boxcar", "bartlett", "triang", "cosine"];
        let values: Option<Vec<f64>> = (0..length.max(1)).map(at).collect();
        let mut values = values.ok_or_else(|| Error::unknown("window", name, known))?;
        values.truncate(length);
        Ok(values)
    }
}

impl Initialize for STFT {
    fn sample(&self, shape: &[usize], dtype: DType, _: &mut Generator) -> Result<Tensor> {
        let &[frame, 1, frequencies] = shape else {
            let message = format!("makes kernels of shape (frame, 1, frequencies), not {shape:?}");
            return Err(Error::argument("STFT", message));
        };
        let side: fn(f64) -> f64 = match self.side.as_str() {
            "real" => f64::cos,
            "imag" => f64::sin,
            side => return Err(Error::unknown("side", side, ["real", "imag"])),
        };
        let mut window = match &self.window {
            Some(window) => window.values(frame, self.periodic)?,
            None => vec![1.0; frame],
        };
        let scale = match self.scaling.as_deref() {
            _ if self.window.is_none() => 1.0,
            None => 1.0,
            Some("density") => window.iter().map(|w| w * w).sum::<f64>().sqrt(),
            Some("spectrum") => window.iter().map(|w| w.abs()).sum(),
            Some(other) => return Err(Error::unknown("scaling", other, ["density", "spectrum"])),
        };
        window.iter_mut().for_each(|w| *w /= scale);
        let length = frequencies.saturating_sub(1) as f64 * 2.0;
        let values: Vec<f64> = (0..frame)
            .flat_map(|t| (0..frequencies).map(move |k| (t, k)))
            .map(|(t, k)| side(-2.0 * PI * t as f64 * (k as f64 / length)) * window[t])
            .collect();
        Tensor::from_f64(shape, dtype, &values)
    }
}
