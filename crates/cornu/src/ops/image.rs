//! Images: `(batch, rows, columns, channels)` or one without the batch axis; channels first if asked for.
use super::arguments::Text;
use super::{Number, Sizes};
use crate::DataFormat;
use crate::layers::preprocessing::image::affine::Affine;
use crate::layers::preprocessing::image::color;
use crate::layers::preprocessing::image::geometry::{self, ImageAxes};
use crate::layers::preprocessing::image::sampling::{FillMode, Sampling};
use crate::layers::reshaping::resize::Interpolation;
use cornu_graph::{DType, Error, Result, Value};

ops! {
    "keras.src.ops.image";
    /// Without these rows and columns at the borders; a target size says what is cut where a border is not given.
    CropImages crop_images(images) {
        top_cropping: Border, left_cropping: Border, bottom_cropping: Border, right_cropping: Border,
        target_height: Border, target_width: Border, data_format: DataFormat
    } => {
        let (rows, columns) = match axes_of(images, data_format) {
            Ok(axes) => axes,
            Err(e) => return vec![images.fail(e)],
        };
        let cut = |x: &Value, axis: i64, low: &Border, high: &Border, target: &Border| {
            let size = x.dim(axis) as i64;
            match borders(size, -1, *low, *high, *target) {
                Ok((low, high)) => x.slice_axis(axis, low as usize, (size - high) as usize),
                Err(e) => x.fail(e),
            }
        };
        let x = cut(images, rows, top_cropping, bottom_cropping, target_height);
        cut(&x, columns, left_cropping, right_cropping, target_width)
    };
    /// With these rows and columns of zeros at the borders; a target size says what is added where a border is not given.
    PadImages pad_images(images) {
        top_padding: Border, left_padding: Border, bottom_padding: Border, right_padding: Border,
        target_height: Border, target_width: Border, data_format: DataFormat
    } => {
        let (rows, columns) = match axes_of(images, data_format) {
            Ok(axes) => axes,
            Err(e) => return vec![images.fail(e)],
        };
        let add = |x: &Value, axis: i64, low: &Border, high: &Border, target: &Border| {
            match borders(x.dim(axis) as i64, 1, *low, *high, *target) {
                Ok((low, high)) => x.pad_axis(axis, low, high, 0.0),
                Err(e) => x.fail(e),
            }
        };
        let x = add(images, rows, top_padding, bottom_padding, target_height);
        add(&x, columns, left_padding, right_padding, target_width)
    };
    /// Another size. Keras's interpolations: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"`.
    Resize resize(images) {
        size: Sizes, interpolation: Text, antialias: bool, crop_to_aspect_ratio: bool, pad_to_aspect_ratio: bool,
        fill_mode: Text, fill_value: f64, data_format: DataFormat
    } => {
        let proportions = match (crop_to_aspect_ratio, pad_to_aspect_ratio) {
            (true, true) => Err(Error::argument("crop_to_aspect_ratio", "cannot be combined with `pad_to_aspect_ratio`")),
            (true, false) => Ok(Proportions::Crop),
            (false, true) => Ok(Proportions::Pad(*fill_value)),
            (false, false) => Ok(Proportions::Change),
        };
        let constant = if fill_mode == "constant" { Ok(()) } else { Err(Error::unknown("fill_mode", fill_mode, ["constant"])) };
        let resized = || resized(images, size, interpolation, *antialias, proportions?, data_format);
        constant.and_then(|()| resized()).unwrap_or_else(|e| images.fail(e))
    };
    /// What is seen through a map of places: `(a0, a1, a2, b0, b1, b2, c0, c1)`, one for each image or for all, takes the pixel
    /// at `(x, y)` from `(a0 x + a1 y + a2, b0 x + b1 y + b2)`. `c0` and `c1` do not count, as in Keras on JAX and torch.
    AffineTransform affine_transform(images, transform) {
        interpolation: Text, fill_mode: Text, fill_value: Number, data_format: DataFormat
    } => transformed(images, transform, interpolation, fill_mode, fill_value.to_f64(), data_format)
        .unwrap_or_else(|e| images.fail(e));
    /// One channel: what the eye makes of three (ITU-R BT.601).
    RGBToGrayscale rgb_to_grayscale(images) { data_format: DataFormat } => {
        let gray = |x: &Value| color::grayscale(x, &ImageAxes::of(x, data_format)?);
        in_float(images, gray).unwrap_or_else(|e| images.fail(e))
    };
    /// Hue, saturation and value, between 0 and 1, of red, green and blue.
    RGBToHSV rgb_to_hsv(images) { data_format: DataFormat } => {
        let hsv = |x: &Value| -> Result<Value> {
            let axes = ImageAxes::of(x, data_format)?;
            let [hue, saturation, value] = color::hsv(x, &axes)?;
            Ok(Value::concat(&[&hue, &saturation, &value], axes.channel as i64))
        };
        of_floats(images, hsv).unwrap_or_else(|e| images.fail(e))
    };
    /// Red, green and blue of hue, saturation and value.
    HSVToRGB hsv_to_rgb(images) { data_format: DataFormat } => {
        let rgb = |x: &Value| -> Result<Value> {
            let axes = ImageAxes::of(x, data_format)?;
            Ok(color::rgb(&color::channels(x, &axes)?, &axes))
        };
        of_floats(images, rgb).unwrap_or_else(|e| images.fail(e))
    };
}

/// What becomes of the proportions of an image whose size is changed.
enum Proportions {
    /// They are those of the new size.
    Change,
    /// They stay; the sides are cut.
    Crop,
    /// They stay; this is added to the sides.
    Pad(f64),
}

/// `f` of the images as floats; integers stay integers.
pub(super) fn in_float(images: &Value, f: impl FnOnce(&Value) -> Result<Value>) -> Result<Value> {
    let x = if images.dtype().is_float() { images.clone() } else { images.cast(DType::F32) };
    Ok(geometry::saturate(&f(&x)?, images.dtype()))
}

/// `f` of images that must be floats.
pub(super) fn of_floats(images: &Value, f: impl FnOnce(&Value) -> Result<Value>) -> Result<Value> {
    if images.dtype().is_float() {
        return f(images);
    }
    Err(Error::op("image", format!("expected images of floats, got {}", images.dtype())))
}

fn resized(
    images: &Value,
    size: &Sizes,
    interpolation: &str,
    antialias: bool,
    proportions: Proportions,
    format: &DataFormat,
) -> Result<Value> {
    let &[height, width] = size.0.as_slice() else {
        return Err(Error::argument("size", format!("expected height and width, got {:?}", size.0)));
    };
    let (Ok(height @ 1..), Ok(width @ 1..)) = (usize::try_from(height), usize::try_from(width)) else {
        return Err(Error::argument("size", format!("must be positive, got {:?}", size.0)));
    };
    let (axes, interpolation) = (ImageAxes::of(images, format)?, Interpolation::from(interpolation));
    interpolation.check()?;
    in_float(images, |x| {
        let x = match proportions {
            Proportions::Change => x.clone(),
            Proportions::Crop => axes.crop_to_aspect_ratio(x, (height, width)),
            Proportions::Pad(value) => axes.pad_to_aspect_ratio(x, (height, width), value),
        };
        axes.resize(&x, (height, width), &interpolation, antialias)
    })
}

fn transformed(
    images: &Value,
    transform: &Value,
    interpolation: &str,
    fill_mode: &str,
    fill_value: f64,
    format: &DataFormat,
) -> Result<Value> {
    let transform = if transform.rank() == 1 { transform.expand_dims(0) } else { transform.clone() };
    let count = if images.rank() == 3 { 1 } else { images.dim(0) };
    if transform.rank() != 2 || transform.dim(1) != 8 || ![1, count].contains(&transform.dim(0)) {
        let message = format!("expected 8 numbers, for all or each image, got shape {:?}", transform.shape());
        return Err(Error::op("affine_transform", message));
    }
    let number = |i: usize| transform.cast(DType::F32).slice_axis(1, i, i + 1).expand_dims(-1);
    let map = Affine { a: [0, 1, 2].map(number), b: [3, 4, 5].map(number) };
    let (fill_mode, interpolation) = (FillMode::from(fill_mode), Interpolation::from(interpolation));
    let sampling = Sampling { fill_mode: &fill_mode, fill_value, interpolation: &interpolation };
    batched(images, format, |x, axes| map.apply_any(x, axes, &sampling))
}

/// A number of rows or columns, or what is left.
type Border = Option<i64>;

/// The axes of rows and columns.
fn axes_of(images: &Value, format: &DataFormat) -> Result<(i64, i64)> {
    let axes = ImageAxes::of(images, format)?;
    Ok((axes.height as i64, axes.width as i64))
}

/// `f` of a batch of images; of one, as a batch of one.
pub(super) fn batched(
    images: &Value,
    format: &DataFormat,
    f: impl FnOnce(&Value, &ImageAxes) -> Result<Value>,
) -> Result<Value> {
    ImageAxes::of(images, format)?;
    let is_single = images.rank() == 3;
    let batch = if is_single { images.expand_dims(0) } else { images.clone() };
    let y = f(&batch, &ImageAxes::of(&batch, format)?)?;
    Ok(if is_single { y.squeeze(0) } else { y })
}

/// What is added or cut before and after, when the target size is `size + sign * (before + after)`.
fn borders(size: i64, sign: i64, low: Border, high: Border, target: Border) -> Result<(i64, i64)> {
    let (low, high) = match (low, high, target) {
        (Some(low), Some(high), _) => (low, high),
        (Some(low), None, Some(target)) => (low, sign * (target - size) - low),
        (None, Some(high), Some(target)) => (sign * (target - size) - high, high),
        _ => return Err(Error::op("image", "two of both borders and the target size are needed")),
    };
    let is_inside = low >= 0 && high >= 0 && (sign > 0 || low + high <= size);
    if is_inside {
        Ok((low, high))
    } else {
        Err(Error::op("image", format!("borders {low} and {high} of size {size}")))
    }
}
