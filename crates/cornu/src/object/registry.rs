//! Layers of user code by the names that files give them.
use crate::layers::{Layer, LayerObject, LayerRef};
use crate::object::KerasObject;
use cornu_graph::{Error, Result};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

type Make = fn(Json) -> Result<LayerRef>;

static REGISTRY: Mutex<Option<HashMap<String, Make>>> = Mutex::new(None);

/// Makes a layer of user code known, so that files that name it can be loaded. Keras's `register_keras_serializable`.
///
/// ```
/// use cornu::prelude::*;
///
/// /// Multiplies by a number.
/// #[layer("my_package")]
/// pub struct Scale {
///     /// The number.
///     pub by: f64,
/// }
///
/// impl Layer for Scale {
///     fn call(&self, _: &Call, x: &Value) -> Result<Value> {
///         Ok(x * self.by)
///     }
/// }
///
/// cornu::object::register::<Scale>();
/// ```
pub fn register<L: Layer + LayerObject + KerasObject>() {
    let make: Make = |config| {
        let bad = |e: serde_json::Error| Error::Format { what: L::CLASS_NAME.into(), message: e.to_string() };
        Ok(serde_json::from_value::<L>(config).map_err(bad)?.share())
    };
    let name = L::registered_name().unwrap_or_else(|| L::CLASS_NAME.into());
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    registry.get_or_insert_default().insert(name, make);
}

/// How the layer of this registered name (`package>Name`) is made from its config; `None` where none is registered.
///
/// ```
/// use cornu::prelude::*;
/// use cornu::saving::{get_registered_object, register};
///
/// /// Passes its input on.
/// #[layer("my_package")]
/// pub struct Same {}
///
/// impl Layer for Same {
///     fn call(&self, _: &Call, x: &Value) -> Result<Value> {
///         Ok(x.clone())
///     }
/// }
///
/// assert!(get_registered_object("my_package>Same").is_none());
/// register::<Same>();
/// let make = get_registered_object("my_package>Same").expect("it is registered now");
/// assert_eq!(make(serde_json::json!({"name": "one"}))?.name(), "one");
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn get_registered_object(name: &str) -> Option<fn(Json) -> Result<LayerRef>> {
    let registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    registry.as_ref().and_then(|known| known.get(name).copied())
}
