//! Known architectures for images, with weights trained on ImageNet. Keras module: `keras.applications`.
//!
//! ```no_run
//! use cornu::prelude::*;
//! use cornu::applications::{ResNet50, resnet};
//!
//! let mut model = ResNet50::new().build()?;
//! # let images = Tensor::zeros([1, 224, 224, 3], DType::U8);
//! let x = resnet::preprocess_input(&images, "channels_last")?;
//! let best = resnet::decode_predictions(&model.predict(&x, Predict::new())?, 3)?;
//! println!("{best:?}");
//! # Ok::<(), cornu::Error>(())
//! ```
//!
//! Names, arguments, layers and weights are Keras's. Images lie channels last. The files of weights are looked for in
//! Keras's own cache, `~/.keras/models`, and are downloaded there when they are missing or damaged; [`datasets`] says which
//! variables of the environment change that. Keras knows no hash of the files of `MobileNet` and `MobileNetV2`: they come
//! over https only, which needs the feature `tls`, or are put there by hand. [`Published`] says which file belongs to a
//! model.
//!
//! [`datasets`]: crate::datasets
mod blocks;
mod declare;
mod weights;

pub mod convnext;
pub mod densenet;
pub mod efficientnet;
pub mod efficientnet_v2;
pub mod imagenet_utils;
pub mod inception_resnet_v2;
pub mod inception_v3;
pub mod mobilenet;
pub mod mobilenet_v2;
pub mod mobilenet_v3;
pub mod nasnet;
pub mod resnet;
pub mod resnet_v2;
pub mod vgg16;
pub mod vgg19;
pub mod xception;

/// Residual networks of 50 layers. Keras module: `keras.applications.resnet50`.
pub mod resnet50 {
    pub use super::resnet::{ResNet50, decode_predictions, preprocess_input};
}

pub use declare::{Application, Pooling};
pub use weights::{Pretrained, Published};

pub use convnext::{ConvNeXtBase, ConvNeXtLarge, ConvNeXtSmall, ConvNeXtTiny, ConvNeXtXLarge};
pub use densenet::{DenseNet121, DenseNet169, DenseNet201};
pub use efficientnet::{
    EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3, EfficientNetB4, EfficientNetB5,
    EfficientNetB6, EfficientNetB7,
};
pub use efficientnet_v2::{
    EfficientNetV2B0, EfficientNetV2B1, EfficientNetV2B2, EfficientNetV2B3, EfficientNetV2L, EfficientNetV2M,
    EfficientNetV2S,
};
pub use inception_resnet_v2::InceptionResNetV2;
pub use inception_v3::InceptionV3;
pub use mobilenet::MobileNet;
pub use mobilenet_v2::MobileNetV2;
pub use mobilenet_v3::{MobileNetV3Large, MobileNetV3Small};
pub use nasnet::{NASNetLarge, NASNetMobile};
pub use resnet::{ResNet50, ResNet101, ResNet152};
pub use resnet_v2::{ResNet50V2, ResNet101V2, ResNet152V2};
pub use vgg16::VGG16;
pub use vgg19::VGG19;
pub use xception::Xception;

use crate::layers::{Layer, LayerRef};
use cornu_graph::{Error, Result};
use serde_json::Value as Json;

/// Declares how a name becomes an architecture.
macro_rules! architectures {
    ($($Class:ident)*) => {
        /// The names, in alphabetical order.
        pub const NAMES: &[&str] = &[$(stringify!($Class)),*];

        /// An architecture by Keras's name, with the defaults of its arguments.
        ///
        /// ```
        /// let mut net = cornu::applications::named("MobileNetV2")?;
        /// net.set("weights", serde_json::Value::Null)?;
        /// net.set("alpha", 0.35.into())?;
        /// assert_eq!(net.build()?.name(), "mobilenetv2_0.35_224");
        /// # Ok::<(), cornu::Error>(())
        /// ```
        ///
        /// # Errors
        /// When there is none of this name; the nearest is suggested.
        pub fn named(name: &str) -> Result<Box<dyn Application>> {
            match name {
                $(stringify!($Class) => Ok(Box::new($Class::new())),)*
                _ => Err(Error::unknown("application", name, NAMES.iter().copied())),
            }
        }
    };
}

architectures! {
    ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge DenseNet121 DenseNet169 DenseNet201
    EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6
    EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L
    EfficientNetV2M EfficientNetV2S InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Large
    MobileNetV3Small NASNetLarge NASNetMobile ResNet101 ResNet101V2 ResNet152 ResNet152V2 ResNet50 ResNet50V2 VGG16
    VGG19 Xception
}

/// A layer that an architecture brings along, from its saved form; `None` when it is none of these.
pub(crate) fn layer(saved: &Json, config: &Json) -> Option<Result<LayerRef>> {
    fn read<L: Layer + serde::de::DeserializeOwned>(class: &str, config: &Json) -> Result<LayerRef> {
        let layer: L = serde_json::from_value(config.clone())
            .map_err(|e| Error::Format { what: class.into(), message: e.to_string() })?;
        Ok(layer.share())
    }
    match (saved["module"].as_str()?, saved["class_name"].as_str()?) {
        ("keras.src.applications.convnext", class @ "LayerScale") => {
            Some(read::<convnext::LayerScale>(class, config))
        }
        ("keras.src.applications.inception_resnet_v2", class @ "CustomScaleLayer") => {
            Some(read::<inception_resnet_v2::CustomScaleLayer>(class, config))
        }
        _ => None,
    }
}
