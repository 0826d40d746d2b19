//! Images of even brightness, tile by tile.
use super::augment::{rescale, rising};
use super::geometry::ImageAxes;
use crate::arguments::{DataFormat, Size};
use crate::layers::prelude::*;
use crate::object::WholePair;

/// Spreads the values of each channel within tiles of each image, in training and inference: contrast-limited adaptive
/// histogram equalization (Zuiderveld, 1994). Keras's `ContrastLimitedAdaptiveHistogramEqualization`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([32, 32, 1]).tensor();
/// let y = ContrastLimitedAdaptiveHistogramEqualization::new().tile_grid_size(4).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 32, 32, 1)");
/// ```
#[layer("keras.layers")]
pub struct ContrastLimitedAdaptiveHistogramEqualization {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// How much more frequent than even a value may count in its tile; 4 by default, none if not positive.
    #[default(4.0)]
    pub clip_limit: f64,
    /// How many tiles there are down and across; 8 by default.
    #[default(8)]
    pub tile_grid_size: Size<2>,
}

/// Pixel values are counted in this many classes.
const LEVELS: usize = 256;

impl ContrastLimitedAdaptiveHistogramEqualization {
    /// Images `(batch, height, width, channels)` with values from 0 to 255.
    fn equalize(&self, x: &Value) -> Result<Value> {
        let &[batch, height, width, channels] = x.shape() else {
            return Err(Error::Data(format!("expected images, got shape {:?}", x.shape())));
        };
        let [down, across] = *self.tile_grid_size.positive("tile_grid_size")?;
        let (tile_height, tile_width) = (height.div_ceil(down), width.div_ceil(across));
        let (full_height, full_width) = (tile_height.saturating_mul(down), tile_width.saturating_mul(across));
        // Places and shares of each row and of each column, and the curves of the tiles.
        cornu_graph::memory::check_table(&[full_height.max(full_width), 4], DType::F64)?;
        cornu_graph::memory::check_table(&[down, across, LEVELS], DType::F32)?;
        let x = mirror(&mirror(x, 1, full_height)?, 2, full_width)?;
        let levels = x.clip(0.0, (LEVELS - 1) as f64).cast(DType::I32);

        let tiles = levels.reshape(&[batch, down, tile_height, across, tile_width, channels]);
        let tiles = tiles.transpose(&[0, 1, 3, 5, 2, 4]);
        let tiles = tiles.reshape(&[batch, down, across, channels, tile_height * tile_width]);
        let curves = self.curves(&tiles, tile_height * tile_width);

        // Each pixel lies between the middles of four tiles.
        let (rows, columns) =
            (Place::all(full_height, tile_height, down), Place::all(full_width, tile_width, across));
        let flat = curves.reshape(&[batch * down * across * channels * LEVELS]);
        let index = |values: Vec<usize>, shape: [usize; 4]| {
            let values: Vec<i32> = values.into_iter().map(|v| v as i32).collect();
            Ok::<_, Error>(x.builder().constant(Tensor::new(shape, values)?))
        };
        let tile = channels * LEVELS;
        let images = index((0..batch).map(|i| i * down * across * tile).collect(), [batch, 1, 1, 1])?;
        let of_channel = index((0..channels).map(|i| i * LEVELS).collect(), [1, 1, 1, channels])?;
        let base = &levels + images + of_channel;
        let row = |from: fn(&Place) -> usize| {
            index(rows.iter().map(|p| from(p) * across * tile).collect(), [1, full_height, 1, 1])
        };
        let column = |from: fn(&Place) -> usize| {
            index(columns.iter().map(|p| from(p) * tile).collect(), [1, 1, full_width, 1])
        };
        let pick = |row: &Value, column: &Value| flat.take(&(&base + row + column), 0);
        let share = |places: &[Place], shape: [usize; 4]| {
            let shares: Vec<f64> = places.iter().map(|p| p.share).collect();
            Ok::<_, Error>(x.builder().constant(Tensor::from_f64(shape, DType::F32, &shares)?))
        };
        let (above, below) = (row(|p| p.before)?, row(|p| p.after)?);
        let (left, right) = (column(|p| p.before)?, column(|p| p.after)?);
        let to_right = share(&columns, [1, 1, full_width, 1])?;
        let to_below = share(&rows, [1, full_height, 1, 1])?;
        let mix = |a: Value, b: Value, share: &Value| a * (-share + 1.0) + b * share;
        let upper = mix(pick(&above, &left), pick(&above, &right), &to_right);
        let lower = mix(pick(&below, &left), pick(&below, &right), &to_right);
        let y = mix(upper, lower, &to_below);
        Ok(y.slice_axis(1, 0, height).slice_axis(2, 0, width))
    }

    /// The new value of each level within tiles of so many pixels.
    fn curves(&self, tiles: &Value, pixels: usize) -> Value {
        let mut counts = tiles.one_hot(LEVELS, -1, DType::F32).sum([-2]);
        if self.clip_limit > 0.0 {
            let clipped = counts.minimum(&counts.scalar(self.clip_limit * pixels as f64 / LEVELS as f64));
            let excess = (&counts - &clipped).sum_keepdims([-1]);
            counts = clipped + excess * (1.0 / LEVELS as f64);
        }
        let below = counts.cumsum(-1);
        let least = below.min_keepdims([-1]);
        let rest = -&least + pixels as f64;
        let rest = rest.equal(&rest.scalar(0.0)).select(&rest.scalar(1.0), &rest);
        ((below - least) * 255.0 / rest).clip(0.0, 255.0)
    }
}

/// Where a pixel lies among the middles of tiles.
struct Place {
    before: usize,
    after: usize,
    /// How much of `after` it takes.
    share: f64,
}

impl Place {
    fn all(pixels: usize, tile: usize, tiles: usize) -> Vec<Place> {
        let place = |i: usize| {
            let at = (i as f64 - tile as f64 / 2.0) / tile as f64;
            let last = tiles - 1;
            let before = at.floor().max(0.0) as usize;
            let after = (at.floor() + 1.0).max(0.0) as usize;
            Place { before: before.min(last), after: after.min(last), share: at - at.floor() }
        };
        (0..pixels).map(place).collect()
    }
}

/// An axis made longer at its end, as in a mirror that stands behind the last element.
fn mirror(x: &Value, axis: usize, size: usize) -> Result<Value> {
    let from = x.shape()[axis];
    if size == from {
        return Ok(x.clone());
    }
    let round = |i: usize| if i % (2 * from) < from { i % from } else { from - 1 - i % from };
    let places: Vec<i32> = (0..size).map(|i| round(i) as i32).collect();
    Ok(x.take(&x.builder().constant(Tensor::new([size], places)?), axis as i64))
}

impl Layer for ContrastLimitedAdaptiveHistogramEqualization {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        let range = rising(self.value_range)?;
        let axes = ImageAxes::of(x, &self.data_format)?;
        let mut order: Vec<usize> = (0..x.rank()).filter(|&a| a != axes.channel).collect();
        order.push(axes.channel);
        let images = x.transpose(&order);
        let batch = if x.rank() == 3 { images.expand_dims(0) } else { images };
        let y = self.equalize(&rescale(&batch.cast(DType::F32), range, [0.0, 255.0]))?;
        let y = rescale(&y, [0.0, 255.0], range).cast(x.dtype());
        let y = if x.rank() == 3 { y.squeeze(0) } else { y };
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(i, &axis)| back[axis] = i);
        Ok(y.transpose(&back))
    }
}
