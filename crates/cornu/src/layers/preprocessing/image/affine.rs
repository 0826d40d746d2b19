//! Turning, moving and stretching images.
use super::geometry::ImageAxes;
use super::sampling::{Sampling, places, sample, sample_any};
use cornu_graph::{Result, Value};

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
