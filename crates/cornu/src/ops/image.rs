//! Images: `(batch, rows, columns, channels)` or one without the batch axis; channels first if asked for.
use super::Sizes;
use crate::DataFormat;
use cornu_graph::ops::ConvWindow;
use cornu_graph::{Error, Result, Tensor, Value};

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
    let count = size[0] * size[1] * channels;
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
