//! What lies between the elements of a grid, and beyond them.
use super::geometry::ImageAxes;
use crate::arguments::keyword;
use crate::layers::reshaping::resize::Interpolation;
use cornu_graph::{DType, Error, Result, Value};

keyword! {
    /// What lies outside of an image.
    FillMode as "fill_mode" {
        /// The image in a mirror.
        Reflect "reflect",
        /// The image again.
        Wrap "wrap",
        /// One value.
        Constant "constant",
        /// The pixel at the border.
        Nearest "nearest",
        /// The image in a mirror, the pixel at the border once. For functions of [`ops`](crate::ops) and
        /// [`RandomElasticTransform`](crate::layers::RandomElasticTransform) alone.
        Mirror "mirror",
    }
}

/// How pixels between and beyond those of an image are found.
pub(crate) struct Sampling<'a> {
    pub fill_mode: &'a FillMode,
    pub fill_value: f64,
    pub interpolation: &'a Interpolation,
}

/// Row and column of each pixel, float32 `(batch, height, width)`.
pub(crate) fn places(x: &Value, axes: &ImageAxes) -> (Value, Value) {
    let (height, width) = axes.size(x);
    let place = |axis| x.builder().iota(DType::F32, [x.dim(0), height, width], axis);
    (place(1), place(2))
}

/// A batch of images at places `rows` and `columns` (`(batch, height, width)`), as layers take them.
pub(crate) fn sample(
    x: &Value,
    axes: &ImageAxes,
    rows: &Value,
    columns: &Value,
    sampling: &Sampling,
) -> Result<Value> {
    if *sampling.fill_mode.check()? == FillMode::Mirror {
        return Err(Error::unknown("fill_mode", "mirror", ["reflect", "wrap", "constant", "nearest"]));
    }
    sample_any(x, axes, rows, columns, sampling)
}

/// The same with every mode.
pub(crate) fn sample_any(
    images: &Value,
    axes: &ImageAxes,
    rows: &Value,
    columns: &Value,
    sampling: &Sampling,
) -> Result<Value> {
    let is_last = axes.channel + 1 == images.rank();
    let x = if is_last { images.clone() } else { images.transpose(&[0, 2, 3, 1]) };
    let y = sample_grid(&x, &[rows.clone(), columns.clone()], sampling)?;
    Ok(if is_last { y } else { y.transpose(&[0, 3, 1, 2]) })
}

/// Between so many axes lines are drawn at most: each doubles the number of elements that a place is made of.
const MOST_AXES: usize = 8;

/// The elements of grids `x` `(batch, sizes.., channels)` at places `at`, for each axis of the grid a tensor
/// `(batch, places..)`: `(batch, places.., channels)` in the dtype of `x`.
pub(crate) fn sample_grid(x: &Value, at: &[Value], sampling: &Sampling) -> Result<Value> {
    sampling.fill_mode.check()?;
    let is_smooth = match sampling.interpolation {
        Interpolation::Nearest => false,
        Interpolation::Bilinear => true,
        other => return Err(Error::unknown("interpolation", other.as_str(), ["bilinear", "nearest"])),
    };
    if is_smooth && at.len() > MOST_AXES {
        let message = format!("draws lines along at most {MOST_AXES} axes, got shape {:?}", x.shape());
        return Err(Error::Data(message));
    }
    x.builder().check()?;
    let (batch, channels, sizes) = (x.dim(0), x.dim(-1), &x.shape()[1..x.rank() - 1]);
    let (places, count) = (at[0].shape(), x.spec().len());
    if places.contains(&0) || channels == 0 {
        return Ok(x.builder().full(x.spec().with_shape([places, &[channels]].concat()), 0.0));
    }
    if count == 0 {
        return Err(Error::Data(format!("an image of shape {:?} has no pixels", x.shape())));
    }
    let rows = count / channels;
    // Whole numbers are exact in float32, which is fast, up to 2^24.
    let counted = if rows < 1 << 24 { DType::F32 } else { DType::I64 };
    let axes = at.iter().zip(sizes).map(|(at, &size)| {
        let at = if at.dtype() == DType::F64 { at.clone() } else { at.cast(DType::F32) };
        let end = |whole: &Value| {
            let (inside, whole) = within(whole, size, sampling.fill_mode);
            End { inside, place: whole.cast(counted) }
        };
        if !is_smooth {
            return Axis { size, ends: vec![end(&away_from_zero(&at))], share: None };
        }
        let low = at.floor();
        Axis { size, ends: vec![end(&low), end(&(&low + 1.0))], share: Some((at - &low).expand_dims(-1)) }
    });
    let axes: Vec<Axis> = axes.collect();
    let mixed = match axes.first().and_then(|axis| axis.share.as_ref()) {
        Some(share) if x.dtype().is_float() => DType::promote(x.dtype(), share.dtype()),
        Some(share) => share.dtype(),
        None => x.dtype(),
    };
    let grid = Grid {
        rows: x.reshape(&[rows, channels]),
        index: if rows < 1 << 24 { DType::I32 } else { DType::I64 },
        fill: sampling.fill_value,
        mixed,
    };
    let first = (batch > 1).then(|| x.builder().iota(counted, places, 0));
    let y = grid.at(&axes, first.as_ref(), None);
    let y = if x.dtype().is_int() && is_smooth { away_from_zero(&y) } else { y };
    Ok(y.cast(x.dtype()))
}

/// The elements next to a place along one axis: one, or two and the share of the second.
struct Axis {
    size: usize,
    ends: Vec<End>,
    share: Option<Value>,
}

struct End {
    /// Which places are within the grid, where that matters.
    inside: Option<Value>,
    place: Value,
}

struct Grid {
    /// All elements in a row, `(elements, channels)`.
    rows: Value,
    index: DType,
    fill: f64,
    mixed: DType,
}

impl Grid {
    /// What lies along the remaining axes at the row found so far.
    fn at(&self, axes: &[Axis], row: Option<&Value>, inside: Option<&Value>) -> Value {
        let Some((axis, rest)) = axes.split_first() else { return self.pick(row, inside) };
        let step = |end: &End| {
            let row = row.map_or_else(|| end.place.clone(), |row| row * axis.size + &end.place);
            let inside = match (inside, &end.inside) {
                (Some(a), Some(b)) => Some(a.and(b)),
                (a, b) => b.as_ref().or(a).cloned(),
            };
            self.at(rest, Some(&row), inside.as_ref())
        };
        match (axis.ends.as_slice(), &axis.share) {
            ([low, high], Some(share)) => {
                let low = step(low);
                &low + (step(high) - &low) * share
            }
            ([one, ..], _) => step(one),
            ([], _) => self.pick(row, inside),
        }
    }

    fn pick(&self, row: Option<&Value>, inside: Option<&Value>) -> Value {
        let Some(row) = row else { return self.rows.clone() };
        let picked = self.rows.take_clamped(&row.cast(self.index), 0);
        let picked = match inside {
            Some(inside) => {
                let inside = inside.expand_dims(-1).broadcast_to(picked.shape());
                inside.select(&picked, &picked.scalar(self.fill))
            }
            None => picked,
        };
        picked.cast(self.mixed)
    }
}

/// The nearest whole numbers; halves away from 0.
fn away_from_zero(x: &Value) -> Value {
    x.sign() * (x.abs() + 0.5).floor()
}

/// Whole places brought into an axis of `size`; for the constant mode, which of them lie within.
fn within(at: &Value, size: usize, mode: &FillMode) -> (Option<Value>, Value) {
    let n = size as f64;
    let modulo = |x: &Value, n: f64| x - (x / n).floor() * n;
    // Rounding may leave a remainder at the very end.
    let clipped = |x: &Value| x.clip(0.0, n - 1.0);
    match mode {
        FillMode::Constant => {
            let inside = at.ge(&at.scalar(0.0)).and(&at.le(&at.scalar(n - 1.0)));
            (Some(inside), clipped(at))
        }
        FillMode::Nearest => (None, clipped(at)),
        FillMode::Wrap => (None, clipped(&modulo(at, n))),
        FillMode::Mirror => {
            let last = n - 1.0;
            let period = (2.0 * last).max(1.0);
            (None, clipped(&(modulo(&(at + last), period) - last).abs()))
        }
        _ => {
            let round = modulo(at, 2.0 * n);
            let back = -&round + (2.0 * n - 1.0);
            (None, clipped(&round.minimum(&back)))
        }
    }
}
