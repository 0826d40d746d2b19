//! Patches of images and volumes.
use super::arguments::PerAxis;
use super::operation::one;
use super::{Arg, MaybePerAxis, Operand};
use crate::layers::convolutional::{channels_last, convolve_any, restore_channels};
use crate::{DataFormat, Padding};
use cornu_graph::{DType, Error, Result, Tensor, Value, memory};

ops! {
    "keras.src.ops.image";
    /// The patches of this size, each as the channels of one place. The strides are the size unless given, so that patches
    /// meet. Three sizes are for volumes, as in [`extract_patches_3d`].
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([20, 20, 3]).tensor();
    /// let y = ops::extract_patches(&x, 5, None, 1, "valid", "channels_last");
    /// assert_eq!(y.shape().to_string(), "(None, 4, 4, 75)");
    /// ```
    ExtractPatches extract_patches(images) {
        size: PerAxis, strides: MaybePerAxis, dilation_rate: PerAxis, padding: Padding, data_format: DataFormat
    } => patches(images, size, strides, dilation_rate, padding, data_format).unwrap_or_else(|e| images.fail(e));
}

/// The patches of volumes `(batch, depth, rows, columns, channels)`, or one without the batch axis, each as the channels of
/// one place.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([10, 10, 10, 3]).tensor();
/// let y = ops::extract_patches_3d(&x, 3, None, 1, "valid", "channels_last");
/// assert_eq!(y.shape().to_string(), "(None, 3, 3, 3, 81)");
/// ```
#[track_caller]
pub fn extract_patches_3d<X: Operand>(
    volumes: impl Into<Arg<X>>,
    size: impl Into<PerAxis>,
    strides: impl Into<MaybePerAxis>,
    dilation_rate: impl Into<PerAxis>,
    padding: impl Into<Padding>,
    data_format: impl Into<DataFormat>,
) -> X::Output {
    let size = match size.into() {
        PerAxis::Same(n) => PerAxis::Each(vec![n; 3]),
        PerAxis::Each(mut each) => {
            // Two would be those of an image; one that is missing is refused as 0.
            each.resize(each.len().max(3), 0);
            PerAxis::Each(each)
        }
    };
    let rule = ExtractPatches {
        size,
        strides: strides.into(),
        dilation_rate: dilation_rate.into(),
        padding: padding.into(),
        data_format: data_format.into(),
    };
    one(rule, false, vec![volumes.into()])
}

fn patches(
    images: &Value,
    size: &PerAxis,
    strides: &MaybePerAxis,
    dilation: &PerAxis,
    padding: &Padding,
    format: &DataFormat,
) -> Result<Value> {
    let axes = match size {
        PerAxis::Each(each) if each.len() > 2 => 3,
        _ => 2,
    };
    let size = size.positive(axes, "size")?;
    let strides = strides.0.as_ref().map_or_else(|| Ok(size.clone()), |s| s.positive(axes, "strides"))?;
    let dilation = dilation.positive(axes, "dilation_rate")?;
    if ![axes + 1, axes + 2].contains(&images.rank()) {
        let message = format!("expected {axes} axes, channels and perhaps a batch, got {:?}", images.shape());
        return Err(Error::op("extract_patches", message));
    }
    let is_single = images.rank() == axes + 1;
    let x = if is_single { images.expand_dims(0) } else { images.clone() };
    let x = channels_last(&x, format)?;
    let channels = x.dim(-1);
    // A convolution whose filters each pick one place of one channel.
    let count = size.iter().fold(channels, |a, &b| a.saturating_mul(b));
    memory::check_table(&[count, count], DType::F32)?;
    let mut picks = vec![0f32; count * count];
    (0..count).for_each(|i| picks[i * count + i] = 1.0);
    let kernel = Tensor::new([&size[..], &[channels, count]].concat(), picks)?.cast(x.dtype());
    let y = convolve_any(&x, &x.builder().constant(kernel), &strides, padding, &dilation, 1)?;
    let y = restore_channels(&y, format);
    Ok(if is_single { y.squeeze(0) } else { y })
}
