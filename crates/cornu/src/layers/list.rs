//! Every layer of Keras that is here, by name.
use crate::layers::*;
use crate::models;
use crate::object::{excerpt, registry};
use cornu_graph::{Error, Result};
use serde_json::Value as Json;

/// Declares how a class name becomes a layer.
macro_rules! layers {
    ($($Class:ident)*) => {
        /// The classes, in alphabetical order.
        pub const NAMES: &[&str] = &[$(stringify!($Class)),*];

        /// A layer from its class and its Keras config.
        ///
        /// # Errors
        /// When there is no such class, or the config does not fit it.
        pub fn from_config(class: &str, config: Json) -> Result<LayerRef> {
            match class {
                $(stringify!($Class) => {
                    let layer: $Class = serde_json::from_value(config)
                        .map_err(|e| Error::Format { what: class.into(), message: e.to_string() })?;
                    Ok(layer.share())
                })*
                _ => Err(Error::unknown("layer class", class, NAMES.iter().copied())),
            }
        }
    };
}

/// A layer, model or user's layer from its saved form: module, class, config, registered name.
///
/// # Errors
/// When the class is none of Keras's and none that was registered, is one that runs Python code, or the config does not fit.
pub fn from_saved(saved: &Json) -> Result<LayerRef> {
    let class = saved["class_name"].as_str().unwrap_or_default();
    let config = saved
        .get("config")
        .filter(|c| !c.is_null())
        .cloned()
        .unwrap_or_else(|| Json::Object(Default::default()));
    if let Some(layer) = crate::applications::layer(saved, &config) {
        return layer;
    }
    let registered = saved["registered_name"].as_str().and_then(registry::get_registered_object);
    match (registered, class) {
        (Some(make), _) => make(config),
        (None, "Functional" | "Sequential" | "Model") => models::from_config::model(saved)?.as_layer(),
        (None, "Lambda") => {
            let message = "holds a Python function, which is not run";
            let help = "write the layer in Rust and register it, or replace it by layers and ops in Python and save again";
            Err(Error::Format { what: "layer Lambda".into(), message: message.into() }.help(help))
        }
        (None, "") => Err(Error::Format {
            what: "layer".into(),
            message: format!("expected a saved one, got {}", excerpt(saved)),
        }),
        (None, "FlaxLayer" | "JaxLayer" | "TFSMLayer" | "TorchModuleWrapper") => {
            let message = "wraps an object of Python, which is not run";
            let help = "replace it by layers of Keras in Python and save again";
            Err(Error::Format { what: format!("layer {class}"), message: message.into() }.help(help))
        }
        (None, _) if !NAMES.contains(&class) => {
            let help = "a class of user code is written in Rust and made known by `saving::register` before the file is read";
            Err(Error::unknown("layer class", class, NAMES.iter().copied()).help(help))
        }
        (None, _) => {
            refuse_outside(class, &config)?;
            from_config(class, config)
        }
    }
}

/// A vocabulary is part of the model: nothing outside of it is opened.
fn refuse_outside(class: &str, config: &Json) -> Result<()> {
    let Some(place) = config.get("vocabulary").and_then(Json::as_str) else { return Ok(()) };
    let message =
        format!("its `vocabulary` is in `{place}`; files and addresses outside of the model are not opened");
    let help = "load it in Python, where that file is, and save the model again: the list is then within it";
    Err(Error::Format { what: format!("layer {class}"), message }.help(help))
}

layers! {
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add
    AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D AveragePooling2D
    AveragePooling3D BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization
    Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization
    GroupQueryAttention HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell Lambda
    LayerNormalization LeakyReLU Masking MaxNumBoundingBoxes MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline
    RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
    RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
    RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation
    RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling
    Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SimpleRNN
    SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D
    SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
}
