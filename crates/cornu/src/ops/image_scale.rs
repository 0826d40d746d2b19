//! Images of another size and place.
use super::operation::{Rule, Settings, one_of};
use super::slot::{Arguments, Slot};
use super::{Arg, Number, Operand, Sizes};
use crate::layers::reshaping::resize::{Interpolation, along};
use crate::object::excerpt;
use cornu_graph::{DType, Error, Result, Value, normalize_axis};
use serde::Serialize;
use serde_json::Value as Json;

/// The op. The sizes are an argument of Keras's call, not in its config.
#[derive(Debug, Serialize)]
pub(super) struct ScaleAndTranslate {
    #[serde(skip)]
    output_shape: Vec<i64>,
    spatial_dims: Sizes,
    method: String,
    antialias: bool,
}

/// The arguments of Keras's call.
const PARAMETERS: [&str; 4] = ["images", "output_shape", "scale", "translation"];

impl ScaleAndTranslate {
    /// From a saved config and call: the op, and what it is called on.
    pub fn from_saved(mut config: Settings, args: &[Json], kwargs: &Json) -> Result<(Self, Vec<Slot>)> {
        let argument = |i: usize| args.get(i).or(kwargs.get(PARAMETERS[i])).unwrap_or(&Json::Null);
        let saved = argument(1);
        let bad = || Error::Format { what: "op ScaleAndTranslate".into(), message: excerpt(saved) };
        let items = saved.as_array().or(saved["items"].as_array()).ok_or_else(bad)?;
        let size = |n: &Json| if n.is_null() { Ok(-1) } else { n.as_i64().ok_or_else(bad) };
        let op = ScaleAndTranslate {
            output_shape: items.iter().map(size).collect::<Result<_>>()?,
            spatial_dims: config.take("spatial_dims")?,
            method: config.take("method")?,
            antialias: config.take("antialias")?,
        };
        config.finish(&["spatial_dims", "method", "antialias"])?;
        let slot = |i: usize| Slot::from_saved("ScaleAndTranslate", argument(i));
        let slots = vec![slot(0)?, op.sizes(), slot(2)?, slot(3)?];
        Ok((op, slots))
    }

    /// The sizes as Keras saves them.
    fn sizes(&self) -> Slot {
        let size = |&n: &i64| if n < 0 { Slot::Absent } else { Slot::Number(Number::Int(n)) };
        Slot::List(self.output_shape.iter().map(size).collect())
    }
}

impl Rule for ScaleAndTranslate {
    fn class_name(&self) -> &'static str {
        "ScaleAndTranslate"
    }

    fn module(&self) -> &'static str {
        "keras.src.ops.image"
    }

    fn config(&self) -> serde_json::Result<Json> {
        serde_json::to_value(self)
    }

    fn call(&self, tensors: &[Value]) -> Vec<Value> {
        self.call_given(&tensors.iter().cloned().map(Some).collect::<Vec<_>>())
    }

    fn call_given(&self, given: &[Option<Value>]) -> Vec<Value> {
        // Between them are the sizes.
        let [Some(images), .., Some(scale), Some(translation)] = given else { return vec![] };
        vec![self.moved(images, scale, translation).unwrap_or_else(|e| images.fail(e))]
    }
}

/// Tensors resampled along some axes: what was at `x` along axis `spatial_dims[i]` comes to `x * scale[i] + translation[i]`,
/// where the middle of the first element is 0.5. `output_shape` has all axes; those that are not among the spatial ones stay as
/// they are whatever it says, -1 for instance. What lies outside is 0.
///
/// The method is `"linear"`, `"cubic"`, `"lanczos3"` or `"lanczos5"`, for which Keras has other names, too (`"bilinear"`,
/// `"trilinear"`, `"triangle"`, `"bicubic"`, `"tricubic"`). With `antialias`, elements of something smaller are means of all
/// that they stand for. In the dtype of the images; integers are rounded and stay between the least and the largest.
///
/// ```
/// use cornu::prelude::*;
/// let x = ops::reshape(ops::arange(9.0, None, None, None)?, [3, 3])?;
/// let y = ops::scale_and_translate(&x, [5, 5], [2.0, 2.0], [-0.5, -0.5], [0, 1], "linear", true)?;
/// assert_eq!(y.to_vec::<f32>()?[..6], [0.0, 0.5, 1.0, 1.5, 2.0, 1.5]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn scale_and_translate<X: Operand>(
    images: impl Into<Arg<X>>,
    output_shape: impl Into<Sizes>,
    scale: impl Into<Arg<X>>,
    translation: impl Into<Arg<X>>,
    spatial_dims: impl Into<Sizes>,
    method: &str,
    antialias: bool,
) -> X::Output {
    let rule = ScaleAndTranslate {
        output_shape: output_shape.into().0,
        spatial_dims: spatial_dims.into(),
        method: method.into(),
        antialias,
    };
    let mut arguments = Arguments::new().and(images.into());
    arguments.slots.push(rule.sizes());
    one_of(rule, arguments.and(scale.into()).and(translation.into()))
}

impl ScaleAndTranslate {
    fn moved(&self, images: &Value, scale: &Value, translation: &Value) -> Result<Value> {
        let kernel = match self.method.as_str() {
            "linear" | "bilinear" | "trilinear" | "triangle" => Interpolation::Bilinear,
            "cubic" | "bicubic" | "tricubic" => Interpolation::Bicubic,
            "lanczos3" => Interpolation::Lanczos3,
            "lanczos5" => Interpolation::Lanczos5,
            other => {
                let known = [
                    "linear",
                    "bilinear",
                    "trilinear",
                    "cubic",
                    "bicubic",
                    "tricubic",
                    "lanczos3",
                    "lanczos5",
                ];
                return Err(Error::unknown("method", other, known));
            }
        };
        let count = self.spatial_dims.0.len();
        let axis = |&axis: &i64| normalize_axis("scale_and_translate", axis, images.rank());
        let axes = self.spatial_dims.0.iter().map(axis).collect::<Result<Vec<usize>>>()?;
        if scale.shape() != [count] || translation.shape() != [count] {
            let message = format!(
                "must have a number for each of {count} axes, got shapes {:?} and {:?}",
                scale.shape(),
                translation.shape()
            );
            return Err(Error::argument("scale and translation", message));
        }
        // The sizes of other axes are those of the images, as in Keras: a batch has any.
        let fits =
            self.output_shape.len() == images.rank() && axes.iter().all(|&i| self.output_shape[i] >= 0);
        if !fits {
            let message = format!(
                "{:?} is no shape for images of shape {:?} resampled along {axes:?}",
                self.output_shape,
                images.shape()
            );
            return Err(Error::argument("output_shape", message));
        }
        let is_whole = !images.dtype().is_float();
        let x = if is_whole { images.cast(DType::F32) } else { images.clone() };
        let place = |v: &Value| if v.dtype().is_float() { v.clone() } else { v.cast(DType::F32) };
        let (scale, translation) = (place(scale), place(translation));
        let mut y = x.clone();
        for (i, &axis) in axes.iter().enumerate() {
            let (scale, translation) = (scale.index_axis(0, i), translation.index_axis(0, i));
            let to = self.output_shape[axis] as usize;
            let weights = kernel.weights(y.shape()[axis], to, &scale, &translation, self.antialias)?;
            y = along(&y, axis, &weights.cast(y.dtype()));
        }
        if !is_whole || axes.is_empty() {
            return Ok(y.cast(images.dtype()));
        }
        let all = x.all_axes();
        Ok(y.round().maximum(&x.min(&all)).minimum(&x.max(&all)).cast(images.dtype()))
    }
}
