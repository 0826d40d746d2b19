//! In which dtype a layer computes and keeps its weights.
use cornu_graph::{DType, Error, Result};
use regex_lite::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value as Json, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Keras's `DTypePolicy`: one dtype (`"float32"`), or a mixed one (`"mixed_bfloat16"`, `"mixed_float16"`: weights in
/// float32, computation in the half type). Or Keras's `DTypePolicyMap`, see [`DTypePolicy::map`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DTypePolicy {
    /// That of layers which a map does not name.
    name: String,
    map: Option<Arc<Map>>,
}

/// Policies of layers by their paths.
#[derive(Debug, PartialEq, Eq)]
struct Map {
    /// `None` where the global policy stands in for it.
    default: Option<String>,
    /// Path or regular expression, and policy.
    entries: Vec<(String, DTypePolicy)>,
}

/// What layers have that are not told otherwise; `None` before it is set.
static GLOBAL: Mutex<Option<DTypePolicy>> = Mutex::new(None);

/// The policy of layers that are given none: `"float32"` unless it was set. Keras's `keras.mixed_precision.dtype_policy`.
pub fn dtype_policy() -> DTypePolicy {
    GLOBAL.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// Sets the policy of layers made from now on that are given none. Keras's `keras.mixed_precision.set_dtype_policy`.
///
/// ```
/// use cornu::{mixed_precision, prelude::*};
/// mixed_precision::set_dtype_policy("mixed_bfloat16")?;
/// let y = Dense::new(2).apply(&Input::new([3]).tensor());
/// assert_eq!(y.dtype(), DType::BF16);
/// mixed_precision::set_dtype_policy("float32")?;
/// # Ok::<(), cornu::Error>(())
/// ```
///
/// # Errors
/// When the name is no policy.
pub fn set_dtype_policy(policy: impl Into<DTypePolicy>) -> Result<()> {
    let policy = policy.into();
    policy.compute_dtype()?;
    *GLOBAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(policy);
    Ok(())
}

impl Default for DTypePolicy {
    fn default() -> Self {
        "float32".into()
    }
}

impl From<&str> for DTypePolicy {
    fn from(name: &str) -> Self {
        DTypePolicy { name: name.into(), map: None }
    }
}

impl DTypePolicy {
    /// Policies of some layers by their paths, as `"encoder/query"`, or by regular expressions that match all of a path; the
    /// others have `default`. A layer gives its policy to the layers that it is made of. Keras's `DTypePolicyMap`.
    ///
    /// ```
    /// use cornu::{mixed_precision::DTypePolicy, prelude::*};
    /// let policy = DTypePolicy::map("float32", [("attention/query", "mixed_bfloat16")]);
    /// let x = Input::new([4, 6]).tensor();
    /// let y = MultiHeadAttention::new(2, 3).dtype(policy).name("attention").apply([&x, &x]);
    /// assert_eq!(y.dtype(), DType::F32);
    /// ```
    pub fn map<K: Into<String>, P: Into<DTypePolicy>>(
        default: impl Into<DTypePolicy>,
        entries: impl IntoIterator<Item = (K, P)>,
    ) -> DTypePolicy {
        let name = default.into().name;
        let entries = entries.into_iter().map(|(key, policy)| (key.into(), policy.into())).collect();
        DTypePolicy { map: Some(Arc::new(Map { default: Some(name.clone()), entries })), name }
    }

    /// The name given; of a map that of its default.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// That of the layer with this path.
    ///
    /// # Errors
    /// When several keys of a map match the path, or one is no regular expression.
    pub(crate) fn at(&self, path: &str) -> Result<DTypePolicy> {
        let Some(map) = &self.map else { return Ok(self.clone()) };
        if let Some((_, exact)) = map.entries.iter().find(|(key, _)| key == path) {
            return Ok(exact.clone());
        }
        let mut found: Vec<&(String, DTypePolicy)> = vec![];
        for entry in &map.entries {
            let bad = |e: regex_lite::Error| Error::argument("DTypePolicyMap", format!("`{}`: {e}", entry.0));
            if Regex::new(&format!("^(?:{})$", entry.0)).map_err(bad)?.is_match(path) {
                found.push(entry);
            }
        }
        match found[..] {
            [] => Ok(DTypePolicy::from(self.name.as_str())),
            [(_, policy)] => Ok(policy.clone()),
            _ => {
                let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
                let message = format!("path `{path}` matches several keys: {keys:?}");
                Err(Error::argument("DTypePolicyMap", message).help("each path may match one key at most"))
            }
        }
    }

    /// The dtype of computation.
    ///
    /// # Errors
    /// When the name is no policy.
    pub fn compute_dtype(&self) -> Result<DType> {
        match self.name.as_str() {
            "mixed_bfloat16" => Ok(DType::BF16),
            "mixed_float16" => Ok(DType::F16),
            name => name.parse().map_err(|_| self.unknown()),
        }
    }

    /// The dtype of weights.
    ///
    /// # Errors
    /// When the name is no policy.
    pub fn variable_dtype(&self) -> Result<DType> {
        if self.name.starts_with("mixed_") {
            self.compute_dtype().map(|_| DType::F32)
        } else {
            self.compute_dtype()
        }
    }

    fn unknown(&self) -> Error {
        let known = DType::ALL.iter().map(|d| d.name()).chain(["mixed_bfloat16", "mixed_float16"]);
        Error::unknown("dtype policy", &self.name, known)
    }
}

impl Serialize for DTypePolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Some(map) = &self.map else {
            let config = json!({"name": self.name});
            let saved = json!({"module": "keras", "class_name": "DTypePolicy", "config": config, "registered_name": null});
            return saved.serialize(serializer);
        };
        let mut entries = serde_json::Map::new();
        for (key, policy) in &map.entries {
            entries.insert(key.clone(), serde_json::to_value(policy).map_err(serde::ser::Error::custom)?);
        }
        let config = json!({"default_policy": map.default, "policy_map": entries});
        json!({"module": "keras.dtype_policies", "class_name": "DTypePolicyMap", "config": config, "registered_name": null})
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DTypePolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        read(&Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn read(saved: &Json) -> std::result::Result<DTypePolicy, String> {
    let bad = || format!("no dtype policy: {saved}");
    let config = &saved["config"];
    if saved["class_name"] != "DTypePolicyMap" {
        // Keras forgets the names of policies in maps without a default.
        let global = saved["class_name"] == "DTypePolicy" && config["name"].is_null();
        let name = saved.as_str().or_else(|| config["name"].as_str());
        return if global { Ok(dtype_policy()) } else { name.map(DTypePolicy::from).ok_or_else(bad) };
    }
    let given = &config["default_policy"];
    let default = if given.is_null() { dtype_policy() } else { read(given)? };
    let entries = match &config["policy_map"] {
        Json::Null => vec![],
        Json::Object(map) => {
            let entries = map.iter().map(|(key, policy)| Ok((key.clone(), read(policy)?)));
            entries.collect::<std::result::Result<_, String>>()?
        }
        _ => return Err(bad()),
    };
    if default.map.is_some() || entries.iter().any(|(_, policy)| policy.map.is_some()) {
        return Err(bad());
    }
    let map = Map { default: (!given.is_null()).then(|| default.name.clone()), entries };
    Ok(DTypePolicy { name: default.name, map: Some(Arc::new(map)) })
}
