//! Zeros around.
use super::{Sides, first_spatial_axis};
use crate::arguments::DataFormat;
use crate::layers::prelude::*;

/// Declares the layer for one number of spatial axes.
macro_rules! zero_padding_layer {
    ($(#[$doc:meta])* $Pad:ident over $n:literal) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Pad {
            /// How many zeros before and after; 1 by default.
            #[default(1)]
            pub padding: Sides<$n>,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
        }

        impl Layer for $Pad {
            fn call(&self, _: &Call, x: &Value) -> Result<Value> {
                let first = first_spatial_axis(x, $n, &self.data_format)?;
                let mut config = vec![(0, 0, 0); x.rank()];
                for (axis, &(before, after)) in config[first..].iter_mut().zip(&self.padding.0) {
                    *axis = (before as i64, after as i64, 0);
                }
                Ok(x.pad(&x.scalar(0.0), &config))
            }
        }
    };
}

zero_padding_layer! {
    /// Zeros before and after a sequence. Keras's `ZeroPadding1D`.
    ZeroPadding1D over 1
}

zero_padding_layer! {
    /// Zeros around an image. Keras's `ZeroPadding2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([8, 8, 3]).tensor();
    /// assert_eq!(ZeroPadding2D::new().padding(((1, 2), (0, 3))).apply(&x).shape().to_string(), "(None, 11, 11, 3)");
    /// ```
    ZeroPadding2D over 2
}

zero_padding_layer! {
    /// Zeros around a volume. Keras's `ZeroPadding3D`.
    ZeroPadding3D over 3
}
