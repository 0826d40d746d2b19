//! Numbers that JSON has no form for: infinite ones and NaN. In configs they are the words that Python writes.
use cornu_graph::{Error, Result};
use serde::de::value::Error as ValueError;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserializer, Serialize, Serializer, forward_to_deserialize_any};
use serde_json::Value as Json;

/// Reads a value of a config, where a number may be such a word.
///
/// # Errors
/// When it is of another type.
pub(crate) fn from_value<T: DeserializeOwned>(value: Json) -> serde_json::Result<T> {
    let word = value.as_str().and_then(of_word);
    match (serde_json::from_value(value), word) {
        (Err(error), Some(number)) => T::deserialize(Float(number)).map_err(|_| error),
        (read, _) => read,
    }
}

/// The number that a word means.
pub(crate) fn of_word(word: &str) -> Option<f64> {
    match word {
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => None,
    }
}

/// A number as it stands in a config.
pub(crate) fn to_json(number: f64) -> Json {
    match number {
        n if n.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        n => n.into(),
    }
}

/// Fails on an argument that is NaN: it would spread through all results. `free` are the keys that may be.
///
/// # Errors
/// Names the argument.
pub(crate) fn refuse_nan(what: &str, config: &Json, free: &[&str]) -> Result<()> {
    match config {
        Json::Object(map) => map
            .iter()
            .filter(|(key, _)| {
                !free.contains(&key.as_str()) && !["name", "class_name"].contains(&key.as_str())
            })
            .try_for_each(|(key, value)| refuse_nan(&format!("{what}.{key}"), value, free)),
        Json::Array(list) => list.iter().try_for_each(|value| refuse_nan(what, value, free)),
        Json::String(word) if word == "NaN" => Err(Error::argument(what, "must be a number, got NaN")),
        _ => Ok(()),
    }
}

/// [`refuse_nan`] for an object that user code may have made; one without a saved form says nothing.
///
/// # Errors
/// Names the argument.
pub(crate) fn refuse_nan_in(saved: Result<Json>) -> Result<()> {
    let Ok(saved) = saved else { return Ok(()) };
    refuse_nan(saved["class_name"].as_str().unwrap_or_default(), &saved["config"], &[])
}

/// A number, or none, as it is saved.
#[derive(Clone, Copy, Debug)]
pub struct Saved(Option<f64>);

impl From<f64> for Saved {
    fn from(number: f64) -> Saved {
        Saved(Some(number))
    }
}

impl From<Option<f64>> for Saved {
    fn from(number: Option<f64>) -> Saved {
        Saved(number)
    }
}

impl Serialize for Saved {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.map(to_json).serialize(serializer)
    }
}

/// Gives a number, or an option of one.
struct Float(f64);

impl<'de> Deserializer<'de> for Float {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_f64(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_numbers_where_numbers_are_meant() {
        assert_eq!(from_value::<f64>(json!("-Infinity")).unwrap(), f64::NEG_INFINITY);
        assert_eq!(from_value::<Option<f64>>(json!("Infinity")).unwrap(), Some(f64::INFINITY));
        assert_eq!(from_value::<String>(json!("NaN")).unwrap(), "NaN");
        assert!(from_value::<usize>(json!("Infinity")).is_err());
        assert!(from_value::<f64>(json!("huge")).is_err());
        assert_eq!(to_json(f64::NAN), json!("NaN"));
    }
}
