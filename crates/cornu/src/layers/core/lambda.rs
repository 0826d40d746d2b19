//! A function as a layer.
use crate::layers::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// A function of the input as a layer. Keras's `Lambda`.
///
/// A model with it cannot be saved, and Python functions of files are refused: a layer of one's own can do both.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([4]).tensor();
/// let y = Lambda::new(|x: &Value| x * x).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 4)");
/// ```
#[layer("keras.layers")]
pub struct Lambda {
    /// What is computed.
    pub function: Function,
}

/// What a [`Lambda`] computes.
#[derive(Clone)]
pub struct Function(Arc<dyn Fn(&Value) -> Value + Send + Sync>);

impl<F: Fn(&Value) -> Value + Send + Sync + 'static> From<F> for Function {
    fn from(function: F) -> Function {
        Function(Arc::new(function))
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function(..)")
    }
}

/// The same closure.
impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Serialize for Function {
    fn serialize<S: Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        let message = "a closure cannot be saved; write a layer with `#[layer]` in place of `Lambda`";
        Err(serde::ser::Error::custom(message))
    }
}

impl<'de> Deserialize<'de> for Function {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer)?;
        let message = "a Python function cannot be run; write a layer with `#[layer]` in place of `Lambda`";
        Err(serde::de::Error::custom(message))
    }
}

impl Layer for Lambda {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        Ok((self.function.0)(x))
    }
}
