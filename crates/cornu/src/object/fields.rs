//! Reading configs key by key; used by `#[config]` and `#[layer]`.
use cornu_graph::Error;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

/// The keys of a config that are not read yet.
#[derive(Debug)]
pub struct Fields {
    class: &'static str,
    map: Map<String, Json>,
}

impl Fields {
    /// The config of a `class`.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn read<'de, D: Deserializer<'de>>(class: &'static str, deserializer: D) -> Result<Fields, D::Error> {
        let map = Map::deserialize(deserializer)
            .map_err(|e| D::Error::custom(format!("config of {class}: {e}")))?;
        Ok(Fields { class, map })
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// When it is not there or of another type.
    pub fn required<T: DeserializeOwned, E: serde::de::Error>(&mut self, key: &str) -> Result<T, E> {
        self.optional(key)?.ok_or_else(|| E::custom(format!("config of {}: `{key}` is missing", self.class)))
    }

    /// The value of `key`, if it is there.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn optional<T: DeserializeOwned, E: serde::de::Error>(&mut self, key: &str) -> Result<Option<T>, E> {
        let Some(value) = self.map.shift_remove(key) else { return Ok(None) };
        // Where an argument is null, Keras makes a name and takes the usual dtype.
        if value.is_null() && ["name", "dtype"].contains(&key) {
            return Ok(None);
        }
        let read = super::number::from_value(value);
        read.map(Some).map_err(|e| E::custom(format!("config of {}: `{key}`: {e}", self.class)))
    }

    /// Ends reading.
    ///
    /// # Errors
    /// When a key is left that is none of `known`.
    pub fn finish<E: serde::de::Error>(self, known: &[&str], is_layer: bool) -> Result<(), E> {
        // Shapes that Keras 2 wrote into layers; the model's inputs say the same.
        const OF_LAYERS: [&str; 4] = ["batch_input_shape", "input_shape", "input_dim", "input_length"];
        let unread = self.map.keys().find(|key| !(is_layer && OF_LAYERS.contains(&key.as_str())));
        let Some(key) = unread else { return Ok(()) };
        let shared: &[&str] =
            if is_layer { &["name", "trainable", "dtype", "activity_regularizer"] } else { &[] };
        let error = Error::unknown("key", key, known.iter().chain(shared).copied());
        Err(E::custom(format!("config of {}: {error}", self.class)))
    }
}
