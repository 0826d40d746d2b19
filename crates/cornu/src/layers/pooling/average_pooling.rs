//! The mean of each window; what lies outside of the image does not count.
use super::window::Windows;
use crate::arguments::{DataFormat, Padding, Size};
use crate::layers::convolutional::{channels_last, restore_channels};
use crate::layers::prelude::*;
use crate::ops::dtypes::float;

/// Declares the layer for one number of spatial axes.
macro_rules! average_pooling_layer {
    ($(#[$doc:meta])* $Pool:ident over $n:literal) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Pool {
            /// Size of the window; 2 by default.
            #[default(2)]
            pub pool_size: Size<$n>,
            /// `"valid"` (default) or `"same"`.
            #[default("valid")]
            pub padding: Padding,
            /// Step of the window; its size by default.
            #[default(None)]
            pub strides: Option<Size<$n>>,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
        }

        impl Layer for $Pool {
            fn settle(&self, config: &mut serde_json::Value, _: Option<&[Shape]>) {
                if config["strides"].is_null() {
                    config["strides"] = config["pool_size"].clone();
                }
            }

            fn call(&self, _: &Call, x: &Value) -> Result<Value> {
                let x = channels_last(&float(x), &self.data_format)?;
                let y = Windows::new(&self.pool_size, self.strides.as_ref(), &self.padding)?.average(&x)?;
                Ok(restore_channels(&y, &self.data_format))
            }
        }
    };
}

average_pooling_layer! {
    /// The mean of each window of steps. Keras's `AveragePooling1D`.
    AveragePooling1D over 1
}

average_pooling_layer! {
    /// The mean of each window of an image. Keras's `AveragePooling2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([8, 8, 4]).tensor();
    /// assert_eq!(AveragePooling2D::new().pool_size(4).strides(2).apply(&x).shape().to_string(), "(None, 3, 3, 4)");
    /// ```
    AveragePooling2D over 2
}

average_pooling_layer! {
    /// The mean of each window of a volume. Keras's `AveragePooling3D`.
    AveragePooling3D over 3
}
