//! Images: `(batch, rows, columns, channels)` or one without the batch axis; channels first if asked for.
use super::{Number, Sizes};
use crate::DataFormat;
use crate::layers::preprocessing::image::affine::{Affine, FillMode, Sampling};
use crate::layers::preprocessing::image::color;
use crate::layers::preprocessing::image::geometry::{self, ImageAxes};
use crate::layers::reshaping::resize::Interpolation;
use cornu_graph::ops::ConvWindow;
use cornu_graph::{DType, Error, Result, Tensor, Value, memory};

ops! {
    "keras.src.ops.image";
    /// Without these rows and columns at the borders; a target size says what is cut where a border is not given.
    CropImages crop_images(images) {
        top_cropping: Border, left_cropping: Border, bottom_cropping: Border, right_cropping: Border,
        target_height: Border, target_width: Border, data_format: Format
    } => {
        let (rows, columns) = axes_of(images, data_format);
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
        target_height: Border, target_width: Border, data_format: Format
    } => {
        let (rows, columns) = axes_of(images, data_format);
        let add = |x: &Value, axis: i64, low: &Border, high: &Border, target: &Border| {
            match borders(x.dim(axis) as i64, 1, *low, *high, *target) {
                Ok((low, high)) => x.pad_axis(axis, low, high, 0.0),
                Err(e) => x.fail(e),
            }
        };
        let x = add(images, rows, top_padding, bottom_padding, target_height);
        add(&x, columns, left_padding, right_padding, target_width)
    };
    /// The patches of this size, each as the channels of one place.
    ExtractPatches extract_patches(images) {
        size: Sizes, strides: MaybeSizes, dilation_rate: Sizes, padding: Word, data_format: Format
    } => patches(images, size, strides, dilation_rate, padding, data_format).unwrap_or_else(|e| images.fail(e));
    /// Another size. Keras's interpolations: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"`.
    Resize resize(images) {
        size: Sizes, interpolation: Word, antialias: bool, crop_to_aspect_ratio: bool, pad_to_aspect_ratio: bool,
        fill_mode: Word, fill_value: f64, data_format: Format
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
        interpolation: Word, fill_mode: Word, fill_value: Number, data_format: Format
    } => transformed(images, transform, interpolation, fill_mode, *fill_value, data_format)
        .unwrap_or_else(|e| images.fail(e));
    /// One channel: what the eye makes of three (ITU-R BT.601).
    RGBToGrayscale rgb_to_grayscale(images) { data_format: Format } => {
        let gray = |x: &Value| color::grayscale(x, &ImageAxes::of(x, &format_of(data_format))?);
        in_float(images, gray).unwrap_or_else(|e| images.fail(e))
    };
    /// Hue, saturation and value, between 0 and 1, of red, green and blue.
    RGBToHSV rgb_to_hsv(images) { data_format: Format } => {
        let hsv = |x: &Value| -> Result<Value> {
            let axes = ImageAxes::of(x, &format_of(data_format))?;
            let [hue, saturation, value] = color::hsv(x, &axes)?;
            Ok(Value::concat(&[&hue, &saturation, &value], axes.channel as i64))
        };
        of_floats(images, hsv).unwrap_or_else(|e| images.fail(e))
    };
    /// Red, green and blue of hue, saturation and value.
    HSVToRGB hsv_to_rgb(images) { data_format: Format } => {
        let rgb = |x: &Value| -> Result<Value> {
            let axes = ImageAxes::of(x, &format_of(data_format))?;
            Ok(color::rgb(&color::channels(x, &axes)?, &axes))
        };
        of_floats(images, rgb).unwrap_or_else(|e| images.fail(e))
    };
    /// Each channel seen through a bell of this size and deviation along rows and columns.
    GaussianBlur gaussian_blur(images) { kernel_size: [usize; 2], sigma: [f64; 2], data_format: Format } =>
        of_floats(images, |x| blurred(x, *kernel_size, *sigma, data_format)).unwrap_or_else(|e| images.fail(e));
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

fn format_of(format: &Format) -> DataFormat {
    format.as_deref().map_or(DataFormat::ChannelsLast, DataFormat::from)
}

/// `f` of the images as floats; integers stay integers.
fn in_float(images: &Value, f: impl FnOnce(&Value) -> Result<Value>) -> Result<Value> {
    let x = if images.dtype().is_float() { images.clone() } else { images.cast(DType::F32) };
    Ok(geometry::saturate(&f(&x)?, images.dtype()))
}

/// `f` of images that must be floats.
fn of_floats(images: &Value, f: impl FnOnce(&Value) -> Result<Value>) -> Result<Value> {
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
    format: &Format,
) -> Result<Value> {
    let &[height, width] = size.0.as_slice() else {
        return Err(Error::argument("size", format!("expected height and width, got {:?}", size.0)));
    };
    let (Ok(height @ 1..), Ok(width @ 1..)) = (usize::try_from(height), usize::try_from(width)) else {
        return Err(Error::argument("size", format!("must be positive, got {:?}", size.0)));
    };
    let (axes, interpolation) =
        (ImageAxes::of(images, &format_of(format))?, Interpolation::from(interpolation));
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
    fill_value: Number,
    format: &Format,
) -> Result<Value> {
    let is_single = images.rank() == 3;
    let batch = if is_single { images.expand_dims(0) } else { images.clone() };
    let transform = if transform.rank() == 1 { transform.expand_dims(0) } else { transform.clone() };
    if transform.rank() != 2 || transform.dim(1) != 8 || ![1, batch.dim(0)].contains(&transform.dim(0)) {
        let message = format!("expected 8 numbers, for all or each image, got shape {:?}", transform.shape());
        return Err(Error::op("affine_transform", message));
    }
    let axes = ImageAxes::of(&batch, &format_of(format))?;
    let number = |i: usize| transform.cast(DType::F32).slice_axis(1, i, i + 1).expand_dims(-1);
    let map = Affine { a: [0, 1, 2].map(number), b: [3, 4, 5].map(number) };
    let fill_value = fill_value.beside(DType::F32).item()?;
    let (fill_mode, interpolation) = (FillMode::from(fill_mode), Interpolation::from(interpolation));
    let sampling = Sampling { fill_mode: &fill_mode, fill_value, interpolation: &interpolation };
    let seen = in_float(&batch, |x| map.apply_any(x, &axes, &sampling))?;
    Ok(if is_single { seen.squeeze(0) } else { seen })
}

fn blurred(images: &Value, size: [usize; 2], sigma: [f64; 2], format: &Format) -> Result<Value> {
    if size.contains(&0) || sigma.iter().any(|s| s.is_nan() || *s <= 0.0) {
        let message = format!("sizes and deviations must be positive, got {size:?} and {sigma:?}");
        return Err(Error::op("gaussian_blur", message));
    }
    let is_single = images.rank() == 3;
    let x = if is_single { images.expand_dims(0) } else { images.clone() };
    let x = if is_first(format) { x.transpose(&[0, 2, 3, 1]) } else { x };
    let channels = x.dim(-1);
    memory::check_table(&[size[0], size[1], channels], DType::F64)?;
    let bell = |size: usize, sigma: f64| {
        let at = |i: usize| i as f64 - (size - 1) as f64 / 2.0;
        let bell: Vec<f64> = (0..size).map(|i| (-0.5 * (at(i) / sigma).powi(2)).exp()).collect();
        let sum: f64 = bell.iter().sum();
        bell.into_iter().map(move |b| b / sum).collect::<Vec<f64>>()
    };
    // Keras gives the first of each to the columns.
    let (columns, rows) = (bell(size[0], sigma[0]), bell(size[1], sigma[1]));
    let weights = rows.iter().flat_map(|r| columns.iter().map(move |c| r * c));
    let kernel: Vec<f64> = weights.flat_map(|w| std::iter::repeat_n(w, channels)).collect();
    let kernel = Tensor::new([size[1], size[0], 1, channels], kernel)?.cast(x.dtype());
    let same = |n: usize| ((n - 1) as i64 / 2, (n - 1) as i64 - (n - 1) as i64 / 2);
    let window = ConvWindow {
        strides: vec![1, 1],
        padding: vec![same(size[1]), same(size[0])],
        lhs_dilation: vec![1, 1],
        rhs_dilation: vec![1, 1],
        groups: channels,
    };
    let y = x.conv(&x.builder().constant(kernel), &window);
    let y = if is_first(format) { y.transpose(&[0, 3, 1, 2]) } else { y };
    Ok(if is_single { y.squeeze(0) } else { y })
}

/// A number of rows or columns, or what is left.
type Border = Option<i64>;
/// `"channels_last"` unless given.
type Format = Option<String>;
/// Sizes, or a default.
type MaybeSizes = Option<Sizes>;
/// A word.
type Word = String;

fn is_first(format: &Format) -> bool {
    format.as_deref().map(DataFormat::from) == Some(DataFormat::ChannelsFirst)
}

/// The axes of rows and columns.
fn axes_of(images: &Value, format: &Format) -> (i64, i64) {
    let _ = images;
    if is_first(format) { (-2, -1) } else { (-3, -2) }
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

fn patches(
    images: &Value,
    size: &Sizes,
    strides: &MaybeSizes,
    dilation: &Sizes,
    padding: &str,
    format: &Format,
) -> Result<Value> {
    let two = |s: &Sizes| match s.0.as_slice() {
        &[n] if n > 0 => Ok([n as usize; 2]),
        &[a, b] if a > 0 && b > 0 => Ok([a as usize, b as usize]),
        other => Err(Error::op("extract_patches", format!("two sizes are needed, got {other:?}"))),
    };
    let size = two(size)?;
    let strides = strides.as_ref().map_or(Ok(size), two)?;
    let dilation = two(dilation)?;
    let is_single = images.rank() == 3;
    let x = if is_single { images.expand_dims(0) } else { images.clone() };
    let x = if is_first(format) { x.transpose(&[0, 2, 3, 1]) } else { x };
    let channels = x.dim(-1);
    let pad = |i: usize| -> Result<(i64, i64)> {
        let reach = (size[i] - 1) * dilation[i] + 1;
        let n = x.shape()[i + 1];
        match padding {
            "valid" => Ok((0, 0)),
            "same" => {
                let total = ((n.div_ceil(strides[i]) - 1) * strides[i] + reach).saturating_sub(n) as i64;
                Ok((total / 2, total - total / 2))
            }
            _ => Err(Error::unknown("padding", padding, ["valid", "same"])),
        }
    };
    // A convolution whose filters each pick one place of one channel.
    let count = size[0].saturating_mul(size[1]).saturating_mul(channels);
    memory::check_table(&[count, count], DType::F32)?;
    let mut picks = vec![0f32; count * count];
    (0..count).for_each(|i| picks[i * count + i] = 1.0);
    let kernel = Tensor::new([size[0], size[1], channels, count], picks)?.cast(x.dtype());
    let window = ConvWindow {
        strides: strides.to_vec(),
        padding: vec![pad(0)?, pad(1)?],
        lhs_dilation: vec![1, 1],
        rhs_dilation: dilation.to_vec(),
        groups: 1,
    };
    let y = x.conv(&x.builder().constant(kernel), &window);
    let y = if is_first(format) { y.transpose(&[0, 3, 1, 2]) } else { y };
    Ok(if is_single { y.squeeze(0) } else { y })
}
