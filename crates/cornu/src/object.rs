//! What can be saved by Keras: objects, their envelopes, and families of objects chosen by name.
mod family;
mod fields;
pub(crate) mod number;
pub(crate) mod registry;

pub use family::Unknown;
pub(crate) use family::{Form, family};
pub use fields::Fields;
pub use registry::{get_registered_object, register};

use cornu_graph::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

/// An object that Keras can save: its serde form is Keras's config. Made with `#[config]` or `#[layer]`.
pub trait KerasObject: Serialize + DeserializeOwned {
    /// The package: `keras.layers`.
    const MODULE: &'static str;
    /// The class: `Dense`.
    const CLASS_NAME: &'static str;

    /// The name under which Keras finds a class outside of its own packages: `my_package>Scale`.
    fn registered_name() -> Option<String> {
        registered_name(Self::MODULE, Self::CLASS_NAME)
    }
}

// What is the same for each class stands in functions of its own, so that the code for a class is small.

fn registered_name(module: &str, class: &str) -> Option<String> {
    // Keras does not export what is here alone, and knows it by its class.
    if module.starts_with("keras.src.") {
        return Some(class.into());
    }
    let is_keras = module == "keras" || module.starts_with("keras.");
    (!is_keras).then(|| format!("{module}>{class}"))
}

/// What is wrong with the config of a class.
pub(crate) fn misfit(class: &str, error: &serde_json::Error) -> Error {
    Error::Format { what: class.into(), message: error.to_string() }
}

/// A config in its envelope.
pub(crate) fn in_envelope(module: &str, class: &str, config: Json, registered_name: Option<String>) -> Json {
    json!({"module": module, "class_name": class, "config": config, "registered_name": registered_name})
}

/// What Keras saves of a function: its name.
pub(crate) fn function_envelope(name: &str) -> Json {
    json!({"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"})
}

/// An object with a saved form; every [`KerasObject`] has one.
pub trait Saved {
    /// The saved form: an envelope, or a name.
    ///
    /// # Errors
    /// When some argument has no saved form.
    fn saved(&self) -> Result<Json>;
}

impl<T: KerasObject> Saved for T {
    fn saved(&self) -> Result<Json> {
        envelope(self)
    }
}

/// Keras's envelope of an object: module, class, config and registered name.
///
/// # Errors
/// When some argument has no saved form, as a closure has none.
///
/// ```
/// use cornu::regularizers::L2;
/// let saved = cornu::object::envelope(&L2::new().l2(0.5))?;
/// let keras = r#"{"module":"keras.regularizers","class_name":"L2","config":{"l2":0.5},"registered_name":null}"#;
/// assert_eq!(saved.to_string(), keras);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn envelope<T: KerasObject>(object: &T) -> Result<Json> {
    match serde_json::to_value(object) {
        Ok(config) => Ok(in_envelope(T::MODULE, T::CLASS_NAME, config, T::registered_name())),
        Err(e) => Err(misfit(T::CLASS_NAME, &e)),
    }
}

/// Reads an object from its envelope.
///
/// # Errors
/// When it is the envelope of another class, or the config does not fit.
pub fn from_envelope<T: KerasObject>(saved: &Json) -> Result<T> {
    is_of(saved, T::CLASS_NAME)?;
    read_config(saved).map_err(|e| misfit(T::CLASS_NAME, &e))
}

fn is_of(saved: &Json, class: &str) -> Result<()> {
    if saved.get("class_name").and_then(Json::as_str) == Some(class) {
        return Ok(());
    }
    let message = format!("expected a saved {class}, got {}", excerpt(saved));
    Err(Error::Format { what: class.into(), message })
}

/// The config within an envelope; no config is an empty one.
pub(crate) fn read_config<T: DeserializeOwned>(saved: &Json) -> serde_json::Result<T> {
    serde_json::from_value(config_in(saved))
}

fn config_in(saved: &Json) -> Json {
    let config = saved.get("config").filter(|c| !c.is_null()).cloned();
    config.unwrap_or_else(|| Json::Object(Map::new()))
}

/// The beginning of a JSON text, for messages.
pub(crate) fn excerpt(json: &Json) -> String {
    const SHOWN: usize = 60;
    let text = json.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// A number that Keras saves after rounding it to float32: `0.01` becomes `0.009999999776482582`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Rounded(f64);

impl From<f64> for Rounded {
    fn from(x: f64) -> Rounded {
        Rounded(f64::from(x as f32))
    }
}

impl From<Rounded> for f64 {
    fn from(x: Rounded) -> f64 {
        x.0
    }
}

/// Two such numbers as [`Whole`] is one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct WholePair([Whole; 2]);

impl From<[f64; 2]> for WholePair {
    fn from(pair: [f64; 2]) -> WholePair {
        WholePair(pair.map(Whole))
    }
}

impl From<WholePair> for [f64; 2] {
    fn from(pair: WholePair) -> [f64; 2] {
        pair.0.map(f64::from)
    }
}

/// A number that Keras saves as it was given, an integer in its defaults: `2` where a float would be `2.0`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Whole(f64);

impl Serialize for Whole {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT: f64 = 9e15;
        if self.0.fract() == 0.0 && self.0.abs() < EXACT {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl From<f64> for Whole {
    fn from(x: f64) -> Whole {
        Whole(x)
    }
}

impl From<Whole> for f64 {
    fn from(x: Whole) -> f64 {
        x.0
    }
}
