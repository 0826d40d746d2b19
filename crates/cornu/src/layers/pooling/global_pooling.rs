//! One number for each channel.
use crate::arguments::DataFormat;
use crate::layers::prelude::*;
use crate::ops::dtypes::{by_bytes, float};

/// Declares the layer for one number of spatial axes.
macro_rules! global_pooling_layer {
    ($(#[$doc:meta])* $Pool:ident over $n:literal by $reduce:ident $reduce_keepdims:ident of $numbers:ident) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Pool {
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
            /// Whether the spatial axes stay, with size 1.
            #[default(false)]
            pub keepdims: bool,
        }

        impl Layer for $Pool {
            fn call(&self, _: &Call, x: &Value) -> Result<Value> {
                let axes = spatial_axes::<$n>(x, &self.data_format)?;
                $numbers(x, |x| Ok(if self.keepdims { x.$reduce_keepdims(axes) } else { x.$reduce(axes) }))
            }
        }
    };
}

fn by_floats(x: &Value, f: impl FnOnce(&Value) -> Result<Value>) -> Result<Value> {
    f(&float(x))
}

fn spatial_axes<const N: usize>(x: &Value, format: &DataFormat) -> Result<[i64; N]> {
    if x.rank() != N + 2 {
        return Err(Error::Data(format!("expected an input of {} axes, got shape {:?}", N + 2, x.shape())));
    }
    let first = if *format.check()? == DataFormat::ChannelsFirst { 2 } else { 1 };
    Ok(std::array::from_fn(|i| i as i64 + first))
}

/// Keras's `GlobalAveragePooling1D`: the mean over steps, of those that the mask keeps.
#[layer("keras.layers")]
pub struct GlobalAveragePooling1D {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// Whether the time axis stays, with size 1.
    #[default(false)]
    pub keepdims: bool,
}

impl Layer for GlobalAveragePooling1D {
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let axes = spatial_axes::<1>(x, &self.data_format)?;
        let x = &float(x);
        let Some(mask) = cx.mask() else {
            return Ok(if self.keepdims { x.mean_keepdims(axes) } else { x.mean(axes) });
        };
        let channel = if self.data_format == DataFormat::ChannelsFirst { 1 } else { 2 };
        let mask = mask.cast(x.dtype()).expand_dims(channel);
        let mean = (x * &mask).sum_keepdims(axes) / mask.sum_keepdims(axes);
        Ok(if self.keepdims { mean } else { mean.squeeze(axes[0]) })
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask(&self, _: &Call, _: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(vec![None; outputs.len()])
    }
}

global_pooling_layer! {
    /// The mean of each channel of an image: `(batch, height, width, channels)` to `(batch, channels)`. Keras's
    /// `GlobalAveragePooling2D`.
    GlobalAveragePooling2D over 2 by mean mean_keepdims of by_floats
}
global_pooling_layer! {
    /// The mean of each channel of a volume. Keras's `GlobalAveragePooling3D`.
    GlobalAveragePooling3D over 3 by mean mean_keepdims of by_floats
}
global_pooling_layer! {
    /// The largest of each channel over steps. Keras's `GlobalMaxPooling1D`.
    GlobalMaxPooling1D over 1 by max max_keepdims of by_bytes
}
global_pooling_layer! {
    /// The largest of each channel of an image. Keras's `GlobalMaxPooling2D`.
    GlobalMaxPooling2D over 2 by max max_keepdims of by_bytes
}
global_pooling_layer! {
    /// The largest of each channel of a volume. Keras's `GlobalMaxPooling3D`.
    GlobalMaxPooling3D over 3 by max max_keepdims of by_bytes
}
