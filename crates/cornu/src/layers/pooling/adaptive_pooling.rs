//! Pooling to a given size, whatever that of the input.
use crate::arguments::{DataFormat, Size};
use crate::layers::checks;
use crate::layers::prelude::*;
use crate::ops::dtypes::float;
use cornu_graph::ops::PoolKind;
use std::ops::Range;

/// Declares the layer for one number of spatial axes.
macro_rules! adaptive_pooling_layer {
    ($(#[$doc:meta])* $Pool:ident over $n:literal by $pool:ident) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Pool {
            /// Size of each spatial axis of the output.
            pub output_size: Size<$n>,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
        }

        impl Layer for $Pool {
            fn call(&self, _: &Call, x: &Value) -> Result<Value> {
                adaptive(x, self.output_size.positive("output_size")?, &self.data_format, PoolKind::$pool)
            }
        }
    };
}

/// Pools each spatial axis to its size: the largest of each window, or the mean.
pub(crate) fn adaptive(x: &Value, sizes: &[usize], format: &DataFormat, kind: PoolKind) -> Result<Value> {
    checks::rank(x, sizes.len() + 2)?;
    let first = if *format.check()? == DataFormat::ChannelsFirst { 2 } else { 1 };
    let pool = if kind == PoolKind::Max { largest } else { mean };
    (first..).zip(sizes).try_fold(x.clone(), |y, (axis, &size)| pool(&y, axis, size))
}

/// The window of each of `to` outputs over an axis of `from` elements; windows overlap where `to` does not divide `from`.
///
/// # Errors
/// When the table of which element is in which would be absurdly large.
fn windows(from: usize, to: usize) -> Result<Vec<Range<usize>>> {
    /// Most entries of that table.
    const MOST: usize = 1 << 28;
    if from.max(1).checked_mul(to).is_none_or(|entries| entries > MOST) {
        let message = format!("is too large: {to} windows over {from} elements");
        return Err(Error::argument("output_size", message));
    }
    cornu_graph::memory::check_table(&[from.max(1), to], DType::F64)?;
    Ok((0..to).map(|i| i * from / to..((i + 1) * from).div_ceil(to)).collect())
}

/// The mean of each window: a product with a matrix of shares.
fn mean(x: &Value, axis: usize, size: usize) -> Result<Value> {
    let Some(&from) = x.shape().get(axis) else { return Ok(x.clone()) };
    let x = float(x);
    let windows = windows(from, size)?;
    let mut shares = vec![0.0; from * size];
    for (j, window) in windows.into_iter().enumerate() {
        let share = 1.0 / window.len() as f64;
        window.for_each(|i| shares[i * size + j] = share);
    }
    let shares = x.builder().constant(Tensor::from_f64([from, size], x.dtype(), &shares)?);
    let last = x.rank() - 1;
    // The product has the new axis last.
    let order: Vec<usize> = (0..axis).chain([last]).chain(axis..last).collect();
    Ok(x.tensordot(&shares, &[axis as i64], &[0]).transpose(&order))
}

/// The largest of each window.
fn largest(x: &Value, axis: usize, size: usize) -> Result<Value> {
    // A value that could not be made has no axes; its error comes out later.
    let Some(&from) = x.shape().get(axis) else { return Ok(x.clone()) };
    let windows = windows(from, size)?;
    let longest = windows.iter().map(Range::len).max().unwrap_or(1);
    // Shorter windows repeat their last element.
    let places =
        windows.iter().flat_map(|w| (0..longest).map(|k| (w.start + k).min(w.end.saturating_sub(1)) as i32));
    let places = Tensor::new([size, longest], places.collect())?;
    Ok(x.take(&x.builder().constant(places), axis as i64).max([axis as i64 + 1]))
}

adaptive_pooling_layer! {
    /// The mean of each of `output_size` windows of steps. Keras's `AdaptiveAveragePooling1D`.
    AdaptiveAveragePooling1D over 1 by Sum
}
adaptive_pooling_layer! {
    /// The mean of windows of an image, as many as `output_size` says. Keras's `AdaptiveAveragePooling2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([7, 10, 4]).tensor();
    /// assert_eq!(AdaptiveAveragePooling2D::new((3, 5)).apply(&x).shape().to_string(), "(None, 3, 5, 4)");
    /// ```
    AdaptiveAveragePooling2D over 2 by Sum
}
adaptive_pooling_layer! {
    /// The mean of windows of a volume, as many as `output_size` says. Keras's `AdaptiveAveragePooling3D`.
    AdaptiveAveragePooling3D over 3 by Sum
}
adaptive_pooling_layer! {
    /// The largest of each of `output_size` windows of steps. Keras's `AdaptiveMaxPooling1D`.
    AdaptiveMaxPooling1D over 1 by Max
}
adaptive_pooling_layer! {
    /// The largest of windows of an image, as many as `output_size` says. Keras's `AdaptiveMaxPooling2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([4, 7, 10]).tensor();
    /// let y = AdaptiveMaxPooling2D::new(3).data_format("channels_first").apply(&x);
    /// assert_eq!(y.shape().to_string(), "(None, 4, 3, 3)");
    /// ```
    AdaptiveMaxPooling2D over 2 by Max
}
adaptive_pooling_layer! {
    /// The largest of windows of a volume, as many as `output_size` says. Keras's `AdaptiveMaxPooling3D`.
    AdaptiveMaxPooling3D over 3 by Max
}
