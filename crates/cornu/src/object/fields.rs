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
        match Map::deserialize(deserializer) {
            Ok(map) => Ok(Fields { class, map }),
            Err(e) => Err(D::Error::custom(format!("config of {class}: {e}"))),
        }
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// When it is not there or of another type.
    pub fn required<T: DeserializeOwned, E: serde::de::Error>(&mut self, key: &str) -> Result<T, E> {
        match self.optional(key)? {
            Some(value) => Ok(value),
            None => Err(E::custom(self.missing(key))),
        }
    }

    /// The value of `key`, if it is there.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn optional<T: DeserializeOwned, E: serde::de::Error>(&mut self, key: &str) -> Result<Option<T>, E> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match super::number::from_value(value) {
            Ok(value) => Ok(Some(value)),
            Err(e) => Err(E::custom(self.misfit(key, &e))),
        }
    }

    /// Puts the value of `key` into its place, if it is there.
    ///
    /// # Errors
    /// When it is of another type.
    #[inline(never)]
    pub fn replace<T: DeserializeOwned, E: serde::de::Error>(
        &mut self,
        key: &str,
        place: &mut T,
    ) -> Result<(), E> {
        if let Some(value) = self.optional(key)? {
            *place = value;
        }
        Ok(())
    }

    // What is the same for each type stands in functions of its own, so that the code for a type is small.

    fn take(&mut self, key: &str) -> Option<Json> {
        let value = self.map.shift_remove(key)?;
        // Where an argument is null, Keras makes a name and takes the usual dtype.
        (!value.is_null() || !["name", "dtype"].contains(&key)).then_some(value)
    }

    fn missing(&self, key: &str) -> String {
        format!("config of {}: `{key}` is missing", self.class)
    }

    fn misfit(&self, key: &str, error: &serde_json::Error) -> String {
        format!("config of {}: `{key}`: {error}", self.class)
    }

    /// Ends reading.
    ///
    /// # Errors
    /// When a key is left that is none of `known`.
    pub fn finish<E: serde::de::Error>(self, known: &[&str], is_layer: bool) -> Result<(), E> {
        self.unknown(known, is_layer).map_or(Ok(()), |message| Err(E::custom(message)))
    }

    /// What is wrong with the first key that is left.
    fn unknown(&self, known: &[&str], is_layer: bool) -> Option<String> {
        // Shapes that Keras 2 wrote into layers; the model's inputs say the same.
        const OF_LAYERS: [&str; 4] = ["batch_input_shape", "input_shape", "input_dim", "input_length"];
        let key = self.map.keys().find(|key| !(is_layer && OF_LAYERS.contains(&key.as_str())))?;
        let shared: &[&str] =
            if is_layer { &["name", "trainable", "dtype", "activity_regularizer"] } else { &[] };
        let error = Error::unknown("key", key, known.iter().chain(shared).copied());
        Some(format!("config of {}: {error}", self.class))
    }
}
