//! Images seen at other places.
use super::arguments::Text;
use super::image::batched;
use super::operation::one_of;
use super::slot::Arguments;
use super::{Arg, Number, Operand};
use crate::DataFormat;
use crate::layers::preprocessing::image::sampling::{FillMode, Sampling, sample_grid};
use crate::layers::preprocessing::image::warp::{self, Rubber};
use crate::layers::reshaping::resize::Interpolation;
use cornu_graph::{DType, Error, Result, Value};

ops! {
    "keras.src.ops.image";
    /// The elements at `coordinates` `(axes of the input, ..)`, one place for each element of the result: the nearest (`order`
    /// 0), or on lines between neighbours (1). What lies outside is `"constant"` (the fill value), `"nearest"`, `"wrap"`,
    /// `"mirror"` or `"reflect"`. In the dtype of the input; integers are rounded.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Tensor::from([[1f32, 2.0], [3.0, 4.0]]);
    /// let places = Tensor::from([[0f32, 0.5], [0.5, 1.0]]);
    /// let y = ops::map_coordinates(&x, &places, 1, "constant", 0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1.5, 3.0]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MapCoordinates map_coordinates(inputs, coordinates) { order: i64, fill_mode: Text, fill_value: Number } =>
        elements(inputs, coordinates, *order, fill_mode, fill_value.to_f64()).unwrap_or_else(|e| inputs.fail(e));
    /// Images in which the points `end_points` show what the points `start_points` showed: four `(x, y)` each, `(4, 2)` for all
    /// or `(batch, 4, 2)`. What lies outside is the fill value.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Tensor::new([2, 2, 1], vec![1f32, 2.0, 3.0, 4.0])?;
    /// let corners = Tensor::from([[0f32, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
    /// let turned = Tensor::from([[1f32, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]);
    /// let y = ops::perspective_transform(&x, &corners, &turned, "bilinear", 0, "channels_last")?;
    /// assert_eq!(y.to_vec::<f32>()?, [3.0, 1.0, 4.0, 2.0]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    PerspectiveTransform perspective_transform(images, start_points, end_points) {
        interpolation: Text, fill_value: Number, data_format: DataFormat
    } => seen_from_aside(images, start_points, end_points, interpolation, fill_value.to_f64(), data_format)
        .unwrap_or_else(|e| images.fail(e));
    ElasticTransform _(images; key) {
        alpha: f64, sigma: f64, interpolation: Text, fill_mode: Text, fill_value: Number, seed: Seed,
        data_format: DataFormat
    } => {
        let _ = seed;
        let sampling = Sampling {
            fill_mode: &FillMode::from(fill_mode.as_str()),
            fill_value: fill_value.to_f64(),
            interpolation: &Interpolation::from(interpolation.as_str()),
        };
        key.ok_or_else(|| Error::argument("seed", "draws nothing"))
            .and_then(|key| pulled(images, [*alpha, *sigma], key, &sampling, data_format))
            .unwrap_or_else(|e| images.fail(e))
    }, seed seed;
}

/// Where the numbers start from.
type Seed = Option<u64>;

/// Images of floats as if on rubber that is pulled at random: pixels move by normal numbers, seen through a bell of deviation
/// `sigma` and multiplied by `alpha * sigma`. With a seed the same moves come in each call. What lies outside is `"reflect"`,
/// `"constant"` (the fill value), `"wrap"`, `"nearest"` or `"mirror"`.
///
/// Rows and columns move by numbers of their own, as in Keras on NumPy and PyTorch; on JAX and TensorFlow both move by the
/// same. In a functional model without a seed, each batch is pulled otherwise; within a layer the seed is needed.
///
/// ```
/// use cornu::prelude::*;
/// let x = random::uniform([8, 8, 3], 0.0, 1.0, None, 1)?;
/// let pull = |seed| ops::elastic_transform(&x, 20.0, 5.0, "bilinear", "reflect", 0.0, seed, "channels_last");
/// assert_eq!(pull(Some(1))?, pull(Some(1))?);
/// assert_ne!(pull(None)?, pull(None)?);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
#[allow(clippy::too_many_arguments)] // As many as Keras's function has.
pub fn elastic_transform<X: Operand>(
    images: impl Into<Arg<X>>,
    alpha: f64,
    sigma: f64,
    interpolation: &str,
    fill_mode: &str,
    fill_value: impl Into<Number>,
    seed: Option<u64>,
    data_format: impl Into<DataFormat>,
) -> X::Output {
    let rule = ElasticTransform {
        alpha,
        sigma,
        interpolation: interpolation.into(),
        fill_mode: fill_mode.into(),
        fill_value: fill_value.into(),
        seed,
        data_format: data_format.into(),
    };
    one_of(rule, Arguments::new().and(images.into()))
}

fn elements(x: &Value, at: &Value, order: i64, fill_mode: &str, fill_value: f64) -> Result<Value> {
    if at.rank() < 2 || at.dim(0) != x.rank() {
        let message =
            format!("must be ({}, ..), a place for each axis, got shape {:?}", x.rank(), at.shape());
        return Err(Error::argument("coordinates", message));
    }
    let interpolation = match order {
        0 => Interpolation::Nearest,
        1 => Interpolation::Bilinear,
        _ => return Err(Error::argument("order", format!("must be 0 or 1, got {order}"))),
    };
    if at.dtype() == DType::Bool {
        return Err(Error::argument("coordinates", "must be numbers, got bools"));
    }
    let sampling =
        Sampling { fill_mode: &FillMode::from(fill_mode), fill_value, interpolation: &interpolation };
    let grid = x.reshape(&[&[1], x.shape(), &[1]].concat());
    let at: Vec<Value> = (0..x.rank()).map(|i| at.slice_axis(0, i, i + 1)).collect();
    Ok(sample_grid(&grid, &at, &sampling)?.squeeze(-1).squeeze(0))
}

fn seen_from_aside(
    images: &Value,
    start: &Value,
    end: &Value,
    interpolation: &str,
    fill_value: f64,
    format: &DataFormat,
) -> Result<Value> {
    let count = if images.rank() == 3 { 1 } else { images.dim(0) };
    let points = |what: &str, x: &Value| match x.shape() {
        [4, 2] => Ok(x.cast(DType::F32).expand_dims(0)),
        [n, 4, 2] if [1, count].contains(n) => Ok(x.cast(DType::F32)),
        other => {
            let message = format!("must be (4, 2), or (batch, 4, 2) for {count} images, got {other:?}");
            Err(Error::argument(what, message))
        }
    };
    let (from, to) = (points("start_points", start)?, points("end_points", end)?);
    if start.shape() != end.shape() {
        let message = format!("must be of one shape, got {:?} and {:?}", start.shape(), end.shape());
        return Err(Error::argument("start_points and end_points", message));
    }
    let interpolation = Interpolation::from(interpolation);
    let sampling = Sampling { fill_mode: &FillMode::Constant, fill_value, interpolation: &interpolation };
    batched(images, format, |x, axes| warp::perspective(x, axes, &from, &to, &sampling))
}

fn pulled(
    images: &Value,
    [alpha, sigma]: [f64; 2],
    key: &Value,
    sampling: &Sampling,
    format: &DataFormat,
) -> Result<Value> {
    super::image::of_floats(images, |images| {
        let (alpha, deviation) = (warp::scalar(images, alpha), warp::scalar(images, sigma));
        let rubber = Rubber { alpha: &alpha, sigma: &deviation, largest: sigma };
        batched(images, format, |x, axes| warp::elastic(x, axes, &rubber, key, sampling))
    })
}
