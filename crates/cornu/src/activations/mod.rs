//! Keras's activation functions, on values of a graph.
mod exponential;
mod rectified;
mod shrink;
mod sigmoid;
mod smooth;
mod softmax;

pub use exponential::{celu, elu, exponential, selu};
pub use rectified::{leaky_relu, relu, relu6};
pub use shrink::{hard_shrink, hard_tanh, soft_shrink, tanh_shrink, threshold};
pub use sigmoid::{hard_sigmoid, hard_silu, log_sigmoid, sigmoid, silu, sparse_sigmoid};
pub use smooth::{gelu, linear, mish, softplus, softsign, sparse_plus, squareplus, tanh};
pub use softmax::{glu, log_softmax, softmax, sparsemax};

use crate::object::{Unknown, excerpt};
use crate::ops::dtypes::float;
use cornu_graph::{DType, Error, Result, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;
use std::fmt;
use std::sync::Arc;

type Function = fn(&Value) -> Value;

/// Each activation that Keras finds by name, with its default arguments.
const BY_NAME: &[(&str, Function)] = &[
    ("celu", |x| celu(x, 1.0)),
    ("elu", |x| elu(x, 1.0)),
    ("exponential", exponential),
    ("gelu", |x| gelu(x, false)),
    ("glu", |x| glu(x, -1)),
    ("hard_shrink", |x| hard_shrink(x, 0.5)),
    ("hard_sigmoid", hard_sigmoid),
    ("hard_silu", hard_silu),
    ("hard_tanh", hard_tanh),
    ("leaky_relu", |x| leaky_relu(x, 0.2)),
    ("linear", linear),
    ("log_sigmoid", log_sigmoid),
    ("log_softmax", |x| log_softmax(x, [-1])),
    ("mish", mish),
    ("relu", |x| {
        relu(&if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x.clone() }, 0.0, None, 0.0)
    }),
    ("relu6", relu6),
    ("selu", selu),
    ("sigmoid", sigmoid),
    ("silu", silu),
    ("soft_shrink", |x| soft_shrink(x, 0.5)),
    ("softmax", |x| softmax(x, [-1])),
    ("softplus", softplus),
    ("softsign", softsign),
    ("sparse_plus", sparse_plus),
    ("sparse_sigmoid", sparse_sigmoid),
    ("sparsemax", |x| sparsemax(x, -1)),
    ("squareplus", |x| squareplus(x, 4.0)),
    ("tanh", tanh),
    ("tanh_shrink", tanh_shrink),
];

/// Those that give integers for integers; the others give float32.
const KEEP_INTEGERS: [&str; 3] = ["hard_tanh", "linear", "relu"];

/// Second names; Keras saves the first.
const ALIASES: &[(&str, &str)] = &[("swish", "silu"), ("hard_swish", "hard_silu")];

/// An activation: by Keras's name, or a function.
///
/// ```
/// use cornu::activations::Activation;
/// let swish = Activation::from("swish");
/// assert_eq!(swish.name(), "silu");
/// let cube = Activation::custom("cube", |x| x * x * x);
/// # let _ = cube;
/// ```
#[derive(Clone)]
pub struct Activation(Kind);

#[derive(Clone)]
enum Kind {
    Known(&'static str, Function),
    Custom {
        name: String,
        function: Arc<dyn Fn(&Value) -> Value + Send + Sync>,
    },
    /// A layer without weights.
    Layer {
        name: &'static str,
        saved: Json,
        function: Arc<dyn Fn(&Value) -> Value + Send + Sync>,
    },
    Unknown {
        name: String,
        saved: Unknown,
    },
}

impl Activation {
    /// A function of the user. It is saved by its name alone.
    pub fn custom(
        name: impl Into<String>,
        function: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Activation {
        Activation(Kind::Custom { name: name.into(), function: Arc::new(function) })
    }

    /// The name under which it is saved.
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Known(name, _) | Kind::Layer { name, .. } => name,
            Kind::Custom { name, .. } | Kind::Unknown { name, .. } => name,
        }
    }

    /// The function of `x`. An unknown name fails the graph, with the nearest known name.
    #[track_caller]
    pub fn call(&self, x: &Value) -> Value {
        match &self.0 {
            Kind::Known(name, function) if KEEP_INTEGERS.contains(name) => function(x),
            Kind::Known(_, function) => function(&float(x)),
            Kind::Custom { function, .. } | Kind::Layer { function, .. } => function(x),
            Kind::Unknown { .. } => x.fail(self.unknown()),
        }
    }

    /// Whether each element of the result depends on one of the input alone; not known of functions of the user.
    pub(crate) fn is_elementwise(&self) -> bool {
        matches!(self.0, Kind::Known(name, _) if !["softmax", "log_softmax", "sparsemax", "glu"].contains(&name))
    }

    /// Whether the name is known.
    ///
    /// # Errors
    /// When it is not; the nearest known name is suggested.
    pub fn check(&self) -> Result<()> {
        if matches!(self.0, Kind::Unknown { .. }) { Err(self.unknown()) } else { Ok(()) }
    }

    fn unknown(&self) -> Error {
        let names = BY_NAME.iter().map(|(name, _)| *name).chain(ALIASES.iter().map(|(alias, _)| *alias));
        Error::unknown("activation", self.name(), names)
    }
}

/// Layers that Keras takes in place of an activation, of those without weights.
const LAYERS: [&str; 4] = ["ReLU", "LeakyReLU", "ELU", "Softmax"];

/// The activation that a saved layer computes.
fn of_layer(saved: Json) -> serde_json::Result<Activation> {
    use crate::layers::{ELU, LeakyReLU, ReLU, Softmax};
    type Shared = Arc<dyn Fn(&Value) -> Value + Send + Sync>;
    let config = saved["config"].clone();
    let (name, function): (&'static str, Shared) = match saved["class_name"].as_str().unwrap_or_default() {
        "ReLU" => {
            let layer: ReLU = serde_json::from_value(config)?;
            (LAYERS[0], Arc::new(move |x| relu(x, layer.negative_slope, layer.max_value, layer.threshold)))
        }
        "LeakyReLU" => {
            let layer: LeakyReLU = serde_json::from_value(config)?;
            (LAYERS[1], Arc::new(move |x| leaky_relu(x, layer.negative_slope)))
        }
        "ELU" => {
            let layer: ELU = serde_json::from_value(config)?;
            (LAYERS[2], Arc::new(move |x| elu(x, layer.alpha)))
        }
        _ => {
            let layer: Softmax = serde_json::from_value(config)?;
            (LAYERS[3], Arc::new(move |x| softmax(x, layer.axis.as_slice())))
        }
    };
    Ok(Activation(Kind::Layer { name, saved, function }))
}

impl From<&str> for Activation {
    fn from(name: &str) -> Activation {
        let first = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, first)| first);
        match BY_NAME.iter().find(|(known, _)| *known == first) {
            Some((known, function)) => Activation(Kind::Known(known, *function)),
            None => Activation(Kind::Unknown { name: name.into(), saved: Unknown::name(name) }),
        }
    }
}

impl From<String> for Activation {
    fn from(name: String) -> Activation {
        name.as_str().into()
    }
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name())
    }
}

/// Equal by name; functions of users are equal only to themselves.
impl PartialEq for Activation {
    fn eq(&self, other: &Activation) -> bool {
        match (&self.0, &other.0) {
            (Kind::Known(a, _), Kind::Known(b, _)) => a == b,
            (Kind::Custom { function: a, .. }, Kind::Custom { function: b, .. }) => Arc::ptr_eq(a, b),
            (Kind::Layer { saved: a, .. }, Kind::Layer { saved: b, .. }) => a == b,
            (Kind::Unknown { saved: a, .. }, Kind::Unknown { saved: b, .. }) => a == b,
            _ => false,
        }
    }
}

impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kind::Unknown { saved, .. } => saved.serialize(serializer),
            Kind::Layer { saved, .. } => saved.serialize(serializer),
            _ => serializer.serialize_str(self.name()),
        }
    }
}

/// A name, the envelope of a function, or null for `"linear"`.
impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Json::deserialize(deserializer)?;
        let text = |key: &str| saved.get(key).and_then(Json::as_str);
        match (&saved, text("class_name")) {
            (Json::Null, _) => Ok("linear".into()),
            (Json::String(name), _) => Ok(name.as_str().into()),
            (_, Some("function")) if text("config").is_some() => {
                Ok(text("config").unwrap_or_default().into())
            }
            (_, Some(class)) if LAYERS.contains(&class) => of_layer(saved).map_err(serde::de::Error::custom),
            (_, Some(class)) => {
                let name = class.to_string();
                Ok(Activation(Kind::Unknown { saved: Unknown::saved(&name, saved), name }))
            }
            _ => {
                let message = format!("expected the name of an activation, got {}", excerpt(&saved));
                Err(serde::de::Error::custom(message))
            }
        }
    }
}

#[cfg(test)]
mod tests;
