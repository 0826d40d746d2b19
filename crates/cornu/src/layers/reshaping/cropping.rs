//! Less around.
use super::{Sides, first_spatial_axis};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;

/// Declares the layer for one number of spatial axes.
macro_rules! cropping_layer {
    ($(#[$doc:meta])* $Crop:ident over $n:literal by $default:literal) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Crop {
            /// How much to cut before and after.
            #[default($default)]
            pub cropping: Sides<$n>,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
        }

        impl Layer for $Crop {
            fn call(&self, _: &Call, x: &Value) -> Result<Value> {
                let first = first_spatial_axis(x, $n, &self.data_format)?;
                crop(x, first, &self.cropping.0)
            }
        }
    };
}

/// Cuts the axes from `first` on.
fn crop(x: &Value, first: usize, sides: &[(usize, usize)]) -> Result<Value> {
    let (mut start, mut limit) = (vec![0; x.rank()], x.shape().to_vec());
    for (i, &(before, after)) in sides.iter().enumerate() {
        let size = limit[first + i];
        if before + after >= size {
            let message = format!("({before}, {after}) leaves nothing of an axis of size {size}");
            return Err(Error::argument("cropping", message));
        }
        (start[first + i], limit[first + i]) = (before, size - after);
    }
    Ok(x.slice(&start, &limit))
}

/// Cuts steps at the start and end of a sequence. Keras's `Cropping1D`.
#[layer("keras.layers")]
pub struct Cropping1D {
    /// How many steps to cut before and after; 1 by default.
    #[default(1)]
    pub cropping: Sides<1>,
}

impl Layer for Cropping1D {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        let first = first_spatial_axis(x, 1, &DataFormat::ChannelsLast)?;
        crop(x, first, &self.cropping.0)
    }
}

cropping_layer! {
    /// Cuts the borders of an image. Keras's `Cropping2D`.
    Cropping2D over 2 by 0
}

cropping_layer! {
    /// Cuts the borders of a volume. Keras's `Cropping3D`.
    Cropping3D over 3 by 1
}
