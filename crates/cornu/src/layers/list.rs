//! Every layer of Keras that is here, by name.
use crate::layers::as_read::AsRead;
use crate::layers::*;
use crate::models;
use crate::object::number::refuse_nan;
use crate::object::{excerpt, registry};
use cornu_graph::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::cell::Cell;

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
                $(stringify!($Class) => read::<$Class>(class, config),)*
                _ => Err(Error::unknown("layer class", class, NAMES.iter().copied())),
            }
        }
    };
}

/// A function for each class, so that layers within layers need little of the stack.
#[inline(never)]
fn read<L: Layer + LayerObject + DeserializeOwned>(class: &str, config: Json) -> Result<LayerRef> {
    let bad = |e: serde_json::Error| Error::Format { what: class.into(), message: e.to_string() };
    Ok(serde_json::from_value::<L>(config).map_err(bad)?.share())
}

/// Layers within layers; models have a handful of levels.
const MAX_DEPTH: usize = 24;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// A layer, model or user's layer from its saved form: module, class, config, registered name.
///
/// # Errors
/// When the class is none of Keras's and none that was registered, is one that runs Python code, or the config does not fit.
pub fn from_saved(saved: &Json) -> Result<LayerRef> {
    /// One level less on the way out.
    struct Level;
    impl Drop for Level {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _level = Level;
    if DEPTH.get() > MAX_DEPTH {
        let message = format!("layers within layers, more than {MAX_DEPTH} levels deep");
        return Err(Error::Format { what: "layer".into(), message });
    }
    let layer = one_from_saved(saved)?;
    if crate::saving::is_learned(saved) {
        layer.base().set_learned();
    }
    let is_model = !layer.sublayers().is_empty();
    layer.base().set_as_read(if is_model { AsRead::of_model(saved) } else { AsRead::of(&layer, saved) });
    Ok(layer)
}

fn one_from_saved(saved: &Json) -> Result<LayerRef> {
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
        (None, _) if !NAMES.contains(&class) && crate::ops::registry::is_class(class) => {
            let message =
                "is an op of `keras.ops`: `.h5` files do not say so, and Keras does not read them either";
            let error = Error::Format { what: format!("layer {class}"), message: message.into() };
            Err(error.help("save the model in Python as a `.keras` file"))
        }
        (None, _) if !NAMES.contains(&class) => {
            let help = "a class of user code is written in Rust and made known by `saving::register` before the file is read";
            Err(Error::unknown("layer class", class, NAMES.iter().copied()).help(help))
        }
        (None, _) => {
            refuse_outside(class, &config)?;
            refuse_absurd(class, &config)?;
            from_config(class, config)
        }
    }
}

/// A vocabulary is part of the model: nothing outside of it is opened, and nothing of Python is run.
fn refuse_outside(class: &str, config: &Json) -> Result<()> {
    if let Some(key) = ["standardize", "split"].into_iter().find(|key| config[*key].is_object()) {
        let message = format!("its `{key}` is a Python function, which is not run");
        let help = format!(
            "save the layer with `{key}=None` or a name of Keras's, and do in Rust before the model what it did"
        );
        return Err(Error::Format { what: format!("layer {class}"), message }.help(help));
    }
    let Some(place) = config.get("vocabulary").and_then(Json::as_str) else { return Ok(()) };
    let message =
        format!("its `vocabulary` is in `{place}`; files and addresses outside of the model are not opened");
    let help = "load it in Python, where that file is, and save the model again: the list is then within it";
    Err(Error::Format { what: format!("layer {class}"), message }.help(help))
}

/// Arguments whose numbers are no sizes.
const FREE: [&str; 16] = [
    "seed",
    "salt",
    "vocabulary",
    "idf_weights",
    "mask_token",
    "oov_token",
    "mask_value",
    "value",
    "shared_object_id",
    // Of ops: numbers that are computed with.
    "x_min",
    "x_max",
    "fill_value",
    "nan",
    "posinf",
    "neginf",
    "base",
];

/// [`refuse_absurd`], and NaN, for a layer of Keras made in code; layers of user code have their own ideas.
pub(crate) fn refuse_absurd_layer(layer: &dyn Layer) -> Result<()> {
    let class = layer.class_name();
    match layer.saved() {
        Ok(saved) if NAMES.contains(&class) && saved["module"] == "keras.layers" => {
            refuse_nan(class, &saved["config"], &FREE)?;
            refuse_absurd(class, &saved["config"])
        }
        // What has no saved form, as a closure has none, has no sizes either.
        _ => Ok(()),
    }
}

/// Names and words are shorter.
const MAX_TEXT: usize = 10_000;

/// Sizes, axes and counts beyond 32 bits: no tensor has them, and arithmetic on them would overflow. `what` is the class, or an
/// argument of it.
pub(crate) fn refuse_absurd(what: &str, config: &Json) -> Result<()> {
    match config {
        Json::Object(map) => {
            let mut sizes = map.iter().filter(|(key, _)| !FREE.contains(&key.as_str()));
            sizes.try_for_each(|(key, value)| refuse_absurd(&format!("{what}.{key}"), value))
        }
        Json::Array(list) => list.iter().try_for_each(|value| refuse_absurd(what, value)),
        Json::Number(n) => {
            let within = |n: i64| i32::try_from(n).is_ok();
            if n.is_f64() || n.as_i64().is_some_and(within) {
                return Ok(());
            }
            Err(Error::argument(what, format!("the number {n} does not fit into 32 bits")))
        }
        Json::String(text) if text.len() > MAX_TEXT => {
            Err(Error::argument(what, format!("a text of {} bytes is no argument", text.len())))
        }
        _ => Ok(()),
    }
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
    SpectralNormalization StackedRNNCells StringLookup Subtract TFDConcat TFDIdentity TextVectorization TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
}
