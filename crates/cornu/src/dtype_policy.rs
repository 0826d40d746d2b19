//! In which dtype a layer computes and keeps its weights.
use cornu_graph::{DType, Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use std::sync::{Mutex, PoisonError};

/// Keras's `DTypePolicy`: one dtype (`"float32"`), or a mixed one (`"mixed_bfloat16"`, `"mixed_float16"`: weights in
/// float32, computation in the half type).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DTypePolicy(String);

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
        DTypePolicy("float32".into())
    }
}

impl From<&str> for DTypePolicy {
    fn from(name: &str) -> Self {
        DTypePolicy(name.into())
    }
}

impl DTypePolicy {
    /// The name given.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The dtype of computation.
    ///
    /// # Errors
    /// When the name is no policy.
    pub fn compute_dtype(&self) -> Result<DType> {
        match self.0.as_str() {
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
        if self.0.starts_with("mixed_") {
            self.compute_dtype().map(|_| DType::F32)
        } else {
            self.compute_dtype()
        }
    }

    fn unknown(&self) -> Error {
        let known = DType::ALL.iter().map(|d| d.name()).chain(["mixed_bfloat16", "mixed_float16"]);
        Error::unknown("dtype policy", &self.0, known)
    }
}

impl Serialize for DTypePolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let config = json!({"name": self.0});
        json!({"module": "keras", "class_name": "DTypePolicy", "config": config, "registered_name": null})
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DTypePolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?;
        let policy = whole(&json);
        let name = policy.as_str().or_else(|| policy["config"]["name"].as_str());
        name.map(DTypePolicy::from)
            .ok_or_else(|| serde::de::Error::custom(format!("no dtype policy: {json}")))
    }
}

/// The policy of all layers, where a map of policies names no layer apart.
fn whole(saved: &serde_json::Value) -> &serde_json::Value {
    let config = &saved["config"];
    let apart = config["policy_map"].as_object().is_some_and(|map| !map.is_empty());
    if saved["class_name"] == "DTypePolicyMap" && !apart { &config["default_policy"] } else { saved }
}
