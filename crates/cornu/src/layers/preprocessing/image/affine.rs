//! Turning, moving and stretching images.
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
        /// The image in a mirror, the pixel at the border once; for [`ops::affine_transform`](crate::ops::affine_transform)
        /// alone.
        Mirror "mirror",
    }
}

/// How pixels between and beyond those of an image are found.
pub(crate) struct Sampling<'a> {
    pub fill_mode: &'a FillMode,
    pub fill_value: f64,
    pub interpolation: &'a Interpolation,
}

/// From the place `(x, y)` of a pixel to the place it is taken from: `x * a[0] + y * a[1] + a[2]`, and likewise `b` for the
/// row. One value, or one for each image (`(batch, 1, 1)`).
pub(crate) struct Affine {
    pub a: [Value; 3],
    pub b: [Value; 3],
}

impl Affine {
    /// The images as seen through this map, as layers take them.
    pub fn apply(&self, x: &Value, axes: &ImageAxes, sampling: &Sampling) -> Result<Value> {
        let (rows, columns) = self.places(x, axes);
        sample(x, axes, &rows, &columns, sampling)
    }

    /// The same with every mode.
    pub fn apply_any(&self, x: &Value, axes: &ImageAxes, sampling: &Sampling) -> Result<Value> {
        let (rows, columns) = self.places(x, axes);
        sample_any(x, axes, &rows, &columns, sampling)
    }

    /// The row and column that each pixel is taken from.
    fn places(&self, x: &Value, axes: &ImageAxes) -> (Value, Value) {
        let (row, column) = places(x, axes);
        let dtype = row.dtype();
        let at = |m: &[Value; 3]| {
            let [x, y, offset] = m.each_ref().map(|v| v.cast(dtype));
            &column * x + &row * y + offset
        };
        (at(&self.b), at(&self.a))
    }
}

/// Row and column of each pixel, float32 `(batch, height, width)`.
pub(crate) fn places(x: &Value, axes: &ImageAxes) -> (Value, Value) {
    let (height, width) = axes.size(x);
    let place = |axis| x.builder().iota(DType::F32, [x.dim(0), height, width], axis);
    (place(1), place(2))
}

/// The images at places `rows` and `columns` (`(batch, height, width)`), as layers take them.
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
    sampling.fill_mode.check()?;
    if !matches!(sampling.interpolation, Interpolation::Nearest | Interpolation::Bilinear) {
        let word = sampling.interpolation.as_str();
        return Err(Error::unknown("interpolation", word, ["bilinear", "nearest"]));
    }
    let (height, width) = axes.size(images);
    let channel = axes.channel;
    let last_channel = images.rank() - 1;
    let order: Vec<usize> = (0..4).filter(|&a| a != channel).chain([channel]).collect();
    let x = if channel == last_channel { images.clone() } else { images.transpose(&order) };
    let (batch, channels) = (x.dim(0), x.dim(-1));
    let flat = x.reshape(&[batch, height * width, channels]);

    let pick = |row: &Value, column: &Value| {
        let (inside_rows, row) = within(row, height, sampling.fill_mode);
        let (inside_columns, column) = within(column, width, sampling.fill_mode);
        let index = (row * width + column).cast(DType::I32).reshape(&[batch, height * width, 1]);
        let picked = flat.take_along_axis(&index.broadcast_to(flat.shape()), 1).reshape(x.shape());
        match (inside_rows, inside_columns) {
            (Some(rows), Some(columns)) => {
                rows.and(&columns).expand_dims(-1).select(&picked, &picked.scalar(sampling.fill_value))
            }
            _ => picked,
        }
    };
    let y = if *sampling.interpolation == Interpolation::Nearest {
        let nearest = |at: &Value| at.sign() * (at.abs() + 0.5).floor();
        pick(&nearest(rows), &nearest(columns))
    } else {
        let (top, left) = (rows.floor(), columns.floor());
        let down = (rows - &top).expand_dims(-1).cast(x.dtype());
        let right = (columns - &left).expand_dims(-1).cast(x.dtype());
        let (bottom, beyond) = (&top + 1.0, &left + 1.0);
        let mix = |a: Value, b: Value, share: &Value| &a + (b - &a) * share;
        let upper = mix(pick(&top, &left), pick(&top, &beyond), &right);
        let lower = mix(pick(&bottom, &left), pick(&bottom, &beyond), &right);
        mix(upper, lower, &down)
    };
    Ok(if channel == last_channel { y } else { y.transpose(&[0, 3, 1, 2]) })
}

/// Whole places brought into an axis of `size`; for the constant mode, which of them lie within.
fn within(at: &Value, size: usize, mode: &FillMode) -> (Option<Value>, Value) {
    let n = size as f64;
    let modulo = |x: &Value, n: f64| x - (x * (1.0 / n)).floor() * n;
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
