//! Dropout of whole channels.
use super::{SEED, drop_out};
use crate::arguments::DataFormat;
use crate::layers::checks::{rank, share};
use crate::layers::prelude::*;

/// While training, drops whole channels of a sequence. Keras's `SpatialDropout1D`.
///
/// Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014.
#[layer("keras.layers", order(rate, seed, name, dtype_name))]
pub struct SpatialDropout1D {
    /// The share to drop, from 0 to 1.
    pub rate: f64,
    /// The same seed gives the same masks.
    #[default(None)]
    pub seed: Option<u64>,
}

impl Layer for SpatialDropout1D {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        build("SpatialDropout1D.rate", self.rate, self.seed, weights)
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        call(cx, x, self.rate, 1, &DataFormat::ChannelsLast)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

fn build(what: &str, rate: f64, seed: Option<u64>, weights: &mut Weights) -> Result<()> {
    share(what, rate)?;
    if rate > 0.0 {
        weights.add_seed(SEED, seed);
    }
    Ok(())
}

fn call(cx: &Call, x: &Value, rate: f64, spatial_axes: usize, format: &DataFormat) -> Result<Value> {
    self::rank(x, spatial_axes + 2)?;
    let first = if *format.check()? == DataFormat::ChannelsFirst { 2 } else { 1 };
    if !cx.training() || rate == 0.0 {
        return Ok(x.clone());
    }
    let mut mask = x.shape().to_vec();
    mask[first..first + spatial_axes].fill(1);
    drop_out(cx, x, rate, &mask)
}

/// Declares the layer for one number of spatial axes.
macro_rules! spatial_dropout_layer {
    ($(#[$doc:meta])* $Dropout:ident over $n:literal) => {
        $(#[$doc])*
        ///
        /// Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014.
        #[layer("keras.layers", order(rate, seed, name, dtype_name, data_format))]
        pub struct $Dropout {
            /// The share to drop, from 0 to 1.
            pub rate: f64,
            /// `"channels_last"` (default) or `"channels_first"`.
            #[default("channels_last")]
            pub data_format: DataFormat,
            /// The same seed gives the same masks.
            #[default(None)]
            pub seed: Option<u64>,
        }

        impl Layer for $Dropout {
            fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
                build(concat!(stringify!($Dropout), ".rate"), self.rate, self.seed, weights)
            }

            fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
                call(cx, x, self.rate, $n, &self.data_format)
            }

            fn supports_masking(&self) -> bool {
                true
            }
        }
    };
}

spatial_dropout_layer! {
    /// While training, drops whole channels of an image. Keras's `SpatialDropout2D`.
    SpatialDropout2D over 2
}

spatial_dropout_layer! {
    /// While training, drops whole channels of a volume. Keras's `SpatialDropout3D`.
    SpatialDropout3D over 3
}
