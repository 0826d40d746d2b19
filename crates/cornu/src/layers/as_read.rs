//! Configs written in the words in which they were read.
use crate::layers::LayerRef;
use crate::object::number;
use cornu_graph::Tensor;
use serde_json::{Map, Value as Json};
use std::sync::{Mutex, PoisonError};

/// Arrays by their paths.
pub(crate) type NamedArrays = Vec<(String, Tensor)>;

/// What a file said of a layer, where the layer itself would put it otherwise.
#[derive(Debug, Default)]
pub(crate) struct AsRead {
    config: Option<Json>,
    build_config: Option<Json>,
    /// What a model within another was compiled with. It is not trained by itself here, so that nothing of it changes.
    compile_config: Option<Json>,
    /// The arrays of the optimizer of such a model, by their paths below it.
    optimizer: Mutex<NamedArrays>,
}

impl AsRead {
    /// What is worth keeping of the saved form of a model within another: its layers remember for themselves.
    pub fn of_model(saved: &Json) -> AsRead {
        let compiled = |c: &&Json| c.as_object().is_some_and(|c| !c.is_empty());
        AsRead { compile_config: saved.get("compile_config").filter(compiled).cloned(), ..AsRead::default() }
    }

    /// What is worth keeping of the saved form that `layer` was made from.
    pub fn of(layer: &LayerRef, saved: &Json) -> AsRead {
        let build_config = saved.get("build_config").filter(|c| c.is_object()).cloned();
        // As texts: JSON that differs in the order of keys alone is equal.
        let text = |json: &Json| json.to_string();
        let differs = |came: &&Json| {
            layer.config().is_ok_and(|own| text(&own) != text(&in_words_of(own.clone(), came)))
        };
        AsRead { config: saved.get("config").filter(differs).cloned(), build_config, ..AsRead::default() }
    }

    /// The config in the words of the file.
    pub fn config(&self, own: Json) -> Json {
        match &self.config {
            Some(came) => in_words_of(own, came),
            None => own,
        }
    }

    /// The shapes that the layer was first built for.
    pub fn build_config(&self) -> Option<&Json> {
        self.build_config.as_ref()
    }

    /// What the model was compiled with.
    pub fn compile_config(&self) -> Option<&Json> {
        self.compile_config.as_ref()
    }

    /// The arrays of the model's optimizer.
    pub fn optimizer(&self) -> NamedArrays {
        self.optimizer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps other arrays of the model's optimizer.
    pub fn set_optimizer(&self, arrays: NamedArrays) {
        *self.optimizer.lock().unwrap_or_else(PoisonError::into_inner) = arrays;
    }
}

/// `own` with numbers as they stand in `came` where those are the same: `1` for `1.0`, `1` for `[1, 1]`; and keys in its order.
pub(crate) fn in_words_of(own: Json, came: &Json) -> Json {
    match (own, came) {
        (own @ Json::Number(_), Json::Number(_)) if own.as_f64() == came.as_f64() => came.clone(),
        // Where a file leaves the format of images open, it is this.
        (Json::String(own), Json::Null) if own == "channels_last" => Json::Null,
        // A number that JSON cannot hold.
        (Json::Null, Json::String(word)) if number::of_word(word).is_some() => came.clone(),
        (Json::Array(own), Json::Array(came)) if own.len() == came.len() => {
            own.into_iter().zip(came).map(|(own, came)| in_words_of(own, came)).collect()
        }
        (Json::Array(own), Json::Number(_))
            if !own.is_empty() && own.iter().all(|n| n.is_number() && n.as_f64() == came.as_f64()) =>
        {
            came.clone()
        }
        (Json::Object(mut own), Json::Object(came)) => {
            let known: Vec<&String> = came.keys().filter(|key| own.contains_key(*key)).collect();
            let keeps_order = known.len() == own.len();
            let mut ordered = Map::new();
            for key in known {
                let Some(value) = own.get_mut(key).map(Json::take) else { continue };
                let value = in_words_of(value, &came[key]);
                if keeps_order {
                    ordered.insert(key.clone(), value)
                } else {
                    own.insert(key.clone(), value)
                };
            }
            if keeps_order { ordered.into() } else { own.into() }
        }
        (own, _) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_in_other_words() {
        let own = json!({"a": 1.0, "b": [2.0, 3.0], "c": [4, 4], "d": {"x": 5.0, "y": null}, "e": "text"});
        let came = json!({"e": "text", "d": {"y": null, "x": 5, "shared_object_id": 7}, "c": 4, "b": [2, 3], "a": 1});
        let words = in_words_of(own.clone(), &came);
        assert_eq!(words.to_string(), r#"{"e":"text","d":{"y":null,"x":5},"c":4,"b":[2,3],"a":1}"#);
        let open = json!({"data_format": null, "mode": null});
        let formats = json!({"data_format": "channels_last", "mode": "channels_first"});
        assert_eq!(
            in_words_of(formats, &open).to_string(),
            r#"{"data_format":null,"mode":"channels_first"}"#
        );
        // What is another value stays.
        let other = json!({"a": 2, "b": [2], "c": [4, 5], "d": 1, "e": null, "f": 0});
        assert_eq!(in_words_of(own.clone(), &other).to_string(), own.to_string());
    }
}
