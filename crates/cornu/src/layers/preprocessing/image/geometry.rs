//! Images in memory.
use crate::arguments::DataFormat;
use crate::layers::reshaping::resize::{Interpolation, resize_axis};
use cornu_graph::{DType, Error, Result, Value};

/// Where height, width and channels are, in an image or a batch of images.
#[derive(Clone, Copy)]
pub(crate) struct ImageAxes {
    pub height: usize,
    pub width: usize,
    pub channel: usize,
}

impl ImageAxes {
    /// The axes of `x`.
    pub fn of(x: &Value, format: &DataFormat) -> Result<ImageAxes> {
        let Some(first) = x.rank().checked_sub(3).filter(|first| *first < 2) else {
            let message = format!("expected an image or a batch of images, got shape {:?}", x.shape());
            return Err(Error::Data(message));
        };
        Ok(match format.check()? {
            DataFormat::ChannelsFirst => ImageAxes { channel: first, height: first + 1, width: first + 2 },
            _ => ImageAxes { height: first, width: first + 1, channel: first + 2 },
        })
    }

    /// Height and width of `x`.
    pub fn size(&self, x: &Value) -> (usize, usize) {
        (x.shape()[self.height], x.shape()[self.width])
    }

    /// A part of each image, from `top` and `left`.
    pub fn crop(&self, x: &Value, (top, left): (usize, usize), (height, width): (usize, usize)) -> Value {
        let rows = x.slice_axis(self.height as i64, top, top + height);
        rows.slice_axis(self.width as i64, left, left + width)
    }

    /// Another size.
    pub fn resize(
        &self,
        x: &Value,
        (height, width): (usize, usize),
        interpolation: &Interpolation,
        antialias: bool,
    ) -> Result<Value> {
        let rows = resize_axis(x, self.height, height, interpolation, antialias)?;
        resize_axis(&rows, self.width, width, interpolation, antialias)
    }

    /// The largest part in the middle of each image that has the proportions of `target`.
    pub fn crop_to_aspect_ratio(&self, x: &Value, target: (usize, usize)) -> Value {
        let (start, size) = self.middle(x, target);
        self.crop(x, start, size)
    }

    /// Where that part starts, and its size.
    pub fn middle(&self, x: &Value, target: (usize, usize)) -> ((usize, usize), (usize, usize)) {
        let (height, width) = self.size(x);
        let fitted = fitted((height, width), target);
        let (rows, columns) = (fitted.0.clamp(1, height), fitted.1.clamp(1, width));
        (((height - rows) / 2, (width - columns) / 2), (rows, columns))
    }

    /// Each image with `value` around it, so that it has the proportions of `target`.
    pub fn pad_to_aspect_ratio(&self, x: &Value, target: (usize, usize), value: f64) -> Value {
        let (height, width) = self.size(x);
        let fitted = fitted((height, width), target);
        let (rows, columns) = ((fitted.0.max(height) - height) / 2, (fitted.1.max(width) - width) / 2);
        if rows > 0 {
            x.pad_axis(self.height as i64, rows as i64, rows as i64, value)
        } else {
            x.pad_axis(self.width as i64, columns as i64, columns as i64, value)
        }
    }
}

/// The height that goes with `width`, and the width that goes with `height`, in the proportions of `target`.
fn fitted((height, width): (usize, usize), target: (usize, usize)) -> (usize, usize) {
    (width * target.0 / target.1, height * target.1 / target.0)
}

/// `x` as `dtype`; for integers the nearest that there is.
pub(crate) fn saturate(x: &Value, dtype: DType) -> Value {
    let x = if dtype.is_float() || !x.dtype().is_float() { x.clone() } else { x.round() };
    // A cast to integers stops at the ends of their range.
    x.cast(dtype)
}
