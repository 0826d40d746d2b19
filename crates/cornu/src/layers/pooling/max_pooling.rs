//! The largest value of each window.
use super::window::Windows;
use crate::arguments::{DataFormat, Padding, Size};
use crate::layers::convolutional::{channels_last, restore_channels};
use crate::layers::prelude::*;
use crate::ops::dtypes::by_bytes;
use cornu_graph::ops::PoolKind;

/// Declares the layer for one number of spatial axes.
macro_rules! max_pooling_layer {
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
                let x = channels_last(x, &self.data_format)?;
                let windows = Windows::new(&self.pool_size, self.strides.as_ref(), &self.padding)?;
                let y = by_bytes(&x, |x| windows.pool(x, PoolKind::Max))?;
                Ok(restore_channels(&y, &self.data_format))
            }
        }
    };
}

max_pooling_layer! {
    /// The largest of each window of steps. Keras's `MaxPooling1D`.
    MaxPooling1D over 1
}

max_pooling_layer! {
    /// The largest of each window of an image. Keras's `MaxPooling2D`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let x = Input::new([27, 27, 4]).tensor();
    /// assert_eq!(MaxPooling2D::new().apply(&x).shape().to_string(), "(None, 13, 13, 4)");
    /// assert_eq!(MaxPooling2D::new().padding("same").apply(&x).shape().to_string(), "(None, 14, 14, 4)");
    /// ```
    MaxPooling2D over 2
}

max_pooling_layer! {
    /// The largest of each window of a volume. Keras's `MaxPooling3D`.
    MaxPooling3D over 3
}
