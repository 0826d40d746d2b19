//! Another size of pictures: by Pillow's rules for bytes, by TensorFlow's for floats.
use cornu_graph::{Error, Result};
use std::f64::consts::PI;

/// How far a sample reaches, and how much each distance counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Filter {
    Nearest,
    Box,
    Bilinear,
    Hamming,
    Bicubic,
    Lanczos(u8),
    Gaussian,
    Mitchell,
    Area,
}

impl Filter {
    /// Pillow's names, as `load_img` takes them.
    pub fn of_pillow(name: &str) -> Result<Filter> {
        const NAMES: [&str; 6] = ["nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"];
        Ok(match name {
            "nearest" => Filter::Nearest,
            "bilinear" => Filter::Bilinear,
            "bicubic" => Filter::Bicubic,
            "hamming" => Filter::Hamming,
            "box" => Filter::Box,
            "lanczos" => Filter::Lanczos(3),
            _ => return Err(Error::unknown("interpolation", name, NAMES)),
        })
    }

    /// TensorFlow's names, as `image_dataset_from_directory` takes them.
    pub fn of_tensorflow(name: &str) -> Result<Filter> {
        const NAMES: [&str; 8] =
            ["bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"];
        Ok(match name {
            "bilinear" => Filter::Bilinear,
            "nearest" => Filter::Nearest,
            "bicubic" => Filter::Bicubic,
            "area" => Filter::Area,
            "lanczos3" => Filter::Lanczos(3),
            "lanczos5" => Filter::Lanczos(5),
            "gaussian" => Filter::Gaussian,
            "mitchellcubic" => Filter::Mitchell,
            _ => return Err(Error::unknown("interpolation", name, NAMES)),
        })
    }

    fn support(self) -> f64 {
        match self {
            Filter::Nearest | Filter::Box | Filter::Area => 0.5,
            Filter::Bilinear | Filter::Hamming => 1.0,
            Filter::Bicubic | Filter::Mitchell => 2.0,
            Filter::Lanczos(radius) => f64::from(radius),
            Filter::Gaussian => 1.5,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let distance = x.abs();
        match self {
            Filter::Nearest | Filter::Box | Filter::Area => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Filter::Bilinear => (1.0 - distance).max(0.0),
            Filter::Hamming if distance >= 1.0 => 0.0,
            Filter::Hamming => sinc(x) * (0.54 + 0.46 * (PI * x).cos()),
            Filter::Bicubic => cubic(distance, 0.0, 0.5),
            Filter::Mitchell => cubic(distance, 1.0 / 3.0, 1.0 / 3.0),
            Filter::Lanczos(radius) if distance >= f64::from(radius) => 0.0,
            Filter::Lanczos(radius) => sinc(x) * sinc(x / f64::from(radius)),
            Filter::Gaussian if distance >= 1.5 => 0.0,
            Filter::Gaussian => (-x * x / (2.0 * 0.25)).exp(),
        }
    }
}

/// D. Mitchell and A. Netravali, *Reconstruction filters in computer graphics* (SIGGRAPH 1988).
fn cubic(x: f64, b: f64, c: f64) -> f64 {
    let sum = if x < 1.0 {
        (12.0 - 9.0 * b - 6.0 * c) * x.powi(3) + (-18.0 + 12.0 * b + 6.0 * c) * x * x + 6.0 - 2.0 * b
    } else if x < 2.0 {
        (-b - 6.0 * c) * x.powi(3)
            + (6.0 * b + 30.0 * c) * x * x
            + (-12.0 * b - 48.0 * c) * x
            + 8.0 * b
            + 24.0 * c
    } else {
        0.0
    };
    sum / 6.0
}

/// For each sample of an axis: the first that it is made from, and how much each counts.
type Weights = Vec<(usize, Vec<f64>)>;

/// `size` samples of the part `from..to` of an axis of `count`; filters grow as pictures shrink.
fn weights(filter: Filter, count: usize, (from, to): (f64, f64), size: usize) -> Weights {
    let center = |i: usize, scale: f64| from + (i as f64 + 0.5) * scale;
    weights_around(filter, count, (to - from) / size as f64, size, true, center)
}

/// The same, with centers that TensorFlow's bicubic filter rounds to 1024th parts of a pixel.
fn rounded_weights(filter: Filter, count: usize, size: usize) -> Weights {
    const PARTS: f32 = 1024.0;
    let scale = count as f32 / size as f32;
    let center = |i: usize, _: f64| {
        let place = (i as f32 + 0.5) * scale - 0.5;
        let part = ((place - place.floor()) * PARTS).round_ties_even() / PARTS;
        f64::from(place.floor()) + f64::from(part) + 0.5
    };
    weights_around(filter, count, f64::from(scale), size, false, center)
}

fn weights_around(
    filter: Filter,
    count: usize,
    scale: f64,
    size: usize,
    shrinks: bool,
    center: impl Fn(usize, f64) -> f64,
) -> Weights {
    let stretch = if shrinks { scale.max(1.0) } else { 1.0 };
    let support = filter.support() * stretch;
    let sample = |i: usize| {
        let center = center(i, scale);
        // What is just as far as the filter reaches counts on both sides for TensorFlow, on one for Pillow.
        let (low, high) = (center - support, center + support);
        let (first, last) = match shrinks {
            true => ((low + 0.5).floor(), (high + 0.5).floor()),
            false => ((low - 0.5).ceil(), (high - 0.5).floor() + 1.0),
        };
        let (first, last) = (first.max(0.0) as usize, (last.max(0.0) as usize).min(count));
        let first = first.min(last.saturating_sub(1));
        let of = |k: usize| filter.weight((k as f64 - center + 0.5) * (1.0 / stretch));
        let mut found: Vec<f64> = (first..last).map(of).collect();
        let sum: f64 = found.iter().sum();
        if sum != 0.0 {
            found.iter_mut().for_each(|w| *w /= sum);
        }
        (first, found)
    };
    (0..size).map(sample).collect()
}

/// Means of the places that each sample covers.
fn areas(count: usize, size: usize) -> Weights {
    let scale = count as f64 / size as f64;
    let sample = |i: usize| {
        let (from, to) = (i as f64 * scale, (i as f64 + 1.0) * scale);
        let (first, last) = (from as usize, (to.ceil() as usize).min(count));
        let covered = |k: usize| (to.min(k as f64 + 1.0) - from.max(k as f64)) / scale;
        (first, (first..last).map(covered).collect())
    };
    (0..size).map(sample).collect()
}

/// What TensorFlow's `tf.image.resize` makes of rows of pixels of `channels` floats, without antialiasing.
pub(crate) fn floats(
    pixels: &[f32],
    (rows, columns, channels): (usize, usize, usize),
    (height, width): (usize, usize),
    filter: Filter,
) -> Vec<f32> {
    let along = |count: usize, size: usize| match filter {
        Filter::Area => areas(count, size),
        Filter::Nearest => {
            let scale = count as f32 / size as f32;
            let at = |i: usize| (((i as f32 + 0.5) * scale) as usize).min(count.saturating_sub(1));
            (0..size).map(|i| (at(i), vec![1.0])).collect()
        }
        Filter::Bicubic => rounded_weights(filter, count, size),
        _ => {
            // In float32, whose roundings decide what is within reach.
            let step = 1.0 / (size as f32 / count as f32);
            let center = |i: usize, _: f64| f64::from((i as f32 + 0.5) * step);
            weights_around(filter, count, f64::from(step), size, false, center)
        }
    };
    let mut wide = Vec::with_capacity(rows * width * channels);
    let horizontal = along(columns, width);
    for row in pixels.chunks_exact((columns * channels).max(1)) {
        for (first, weights) in &horizontal {
            for channel in 0..channels {
                let part = weights
                    .iter()
                    .enumerate()
                    .map(|(k, w)| w * f64::from(row[(first + k) * channels + channel]));
                wide.push(part.sum::<f64>() as f32);
            }
        }
    }
    let line = width * channels;
    let mut out = Vec::with_capacity(height * line);
    for (first, weights) in along(rows, height) {
        for at in 0..line {
            let part = weights.iter().enumerate().map(|(k, w)| w * f64::from(wide[(first + k) * line + at]));
            out.push(part.sum::<f64>() as f32);
        }
    }
    out
}

/// A part of a picture: left, top, right, bottom.
pub(crate) type Window = (usize, usize, usize, usize);

/// What Pillow's `Image.resize` makes of the `window` of rows of pixels of `channels` bytes: the same bytes.
pub(crate) fn bytes(
    pixels: &[u8],
    (rows, columns, channels): (usize, usize, usize),
    (height, width): (usize, usize),
    filter: Filter,
    (left, top, right, bottom): Window,
) -> Vec<u8> {
    if filter == Filter::Nearest {
        let places = |from: usize, to: usize, size: usize| {
            let step = (to - from) as f64 / size as f64;
            // Summed up, as Pillow does, whose roundings show.
            let mut place = from as f64 + step * 0.5;
            let next = move |_| {
                let at = place as usize;
                place += step;
                at.min(to - 1)
            };
            (0..size).map(next).collect::<Vec<usize>>()
        };
        let across = places(left, right, width);
        let mut out = Vec::with_capacity(height * width * channels);
        for row in places(top, bottom, height) {
            for column in &across {
                let at = (row * columns + column) * channels;
                out.extend_from_slice(&pixels[at..at + channels]);
            }
        }
        return out;
    }
    let whole = |from: usize, to: usize, count: usize, size: usize| from == 0 && to == count && size == count;
    let mut wide = pixels.to_vec();
    if !whole(left, right, columns, width) {
        let fixed = fixed(weights(filter, columns, (left as f64, right as f64), width));
        wide = Vec::with_capacity(rows * width * channels);
        for row in pixels.chunks_exact(columns * channels) {
            for (first, weights) in &fixed {
                for channel in 0..channels {
                    let of = |k: usize| row[(first + k) * channels + channel];
                    wide.push(sum(weights.iter().enumerate().map(|(k, w)| (of(k), *w))));
                }
            }
        }
    }
    if whole(top, bottom, rows, height) {
        return wide;
    }
    let line = width * channels;
    let mut out = Vec::with_capacity(height * line);
    for (first, weights) in fixed(weights(filter, rows, (top as f64, bottom as f64), height)) {
        for at in 0..line {
            let of = |k: usize| wide[(first + k) * line + at];
            out.push(sum(weights.iter().enumerate().map(|(k, w)| (of(k), *w))));
        }
    }
    out
}

/// Bits after the point of Pillow's weights.
const PRECISION: u32 = 32 - 8 - 2;

fn fixed(weights: Weights) -> Vec<(usize, Vec<i32>)> {
    let round = |w: f64| (w * f64::from(1 << PRECISION) + if w < 0.0 { -0.5 } else { 0.5 }) as i32;
    weights.into_iter().map(|(first, of)| (first, of.into_iter().map(round).collect())).collect()
}

fn sum(parts: impl Iterator<Item = (u8, i32)>) -> u8 {
    let sum = parts.fold(1 << (PRECISION - 1), |sum: i32, (pixel, w)| sum + i32::from(pixel) * w);
    (sum >> PRECISION).clamp(0, 255) as u8
}
