//! One call of an op: which, with what settings, on which arguments.
use crate::layers::{Call, HasBase, Layer, LayerBase, LayerObject, LayerRef};
use crate::ops::{Arg, Number, Operand};
use cornu_graph::{Builder, DType, Error, Result, Value};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};
use std::fmt::Debug;
use std::panic::Location;
use std::sync::Arc;

/// An op with its settings.
pub(crate) trait Rule: Debug + Send + Sync {
    /// Keras's class: `Add`.
    fn class_name(&self) -> &'static str;
    /// Keras's module: `keras.src.ops.numpy`.
    fn module(&self) -> &'static str;
    /// The settings under Keras's names.
    fn config(&self) -> serde_json::Result<Json>;
    /// The results; never empty when the number of tensors is the op's.
    fn call(&self, tensors: &[Value]) -> Vec<Value>;
}

/// An op that can be made from its saved settings.
pub(crate) trait FromConfig: Rule + Sized {
    /// # Errors
    /// When a setting is missing, unknown, or of another type.
    fn from_config(config: Settings) -> Result<Self>;
}

/// The settings of a saved op.
pub(crate) struct Settings {
    class: String,
    map: Map<String, Json>,
}

impl Settings {
    /// Of a saved op of this class; Keras writes the name of the call among them.
    pub fn new(class: &str, config: &Json) -> Settings {
        let mut map = config.as_object().cloned().unwrap_or_default();
        map.shift_remove("name");
        Settings { class: class.into(), map }
    }

    fn bad(&self, key: &str, message: impl std::fmt::Display) -> Error {
        Error::Format { what: format!("op {}", self.class), message: format!("`{key}`: {message}") }
    }

    /// One setting.
    pub fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<T> {
        let value = self.map.shift_remove(key).unwrap_or_default();
        serde_json::from_value(value).map_err(|e| self.bad(key, e))
    }

    /// A setting that must have this value, or be missing.
    pub fn fixed(&mut self, key: &str, value: Json) -> Result<()> {
        match self.map.shift_remove(key) {
            Some(other) if other != value => {
                Err(self.bad(key, format!("only {value} is supported, got {other}")))
            }
            _ => Ok(()),
        }
    }

    /// All settings are read.
    pub fn finish(self, known: &[&str]) -> Result<()> {
        match self.map.keys().next() {
            Some(key) => Err(Error::unknown("setting of the op", key, known.iter().copied())),
            None => Ok(()),
        }
    }
}

/// One call of an op. In a functional model it stands among the layers, as in Keras.
#[derive(Debug)]
pub struct Operation {
    base: LayerBase,
    rule: Arc<dyn Rule>,
    /// What the op is called on; `None` is the next tensor.
    arguments: Vec<Option<Number>>,
    /// The arguments are one list.
    is_list: bool,
}

/// Calls an op with one result.
#[track_caller]
pub(crate) fn one<X: Operand>(rule: impl Rule + 'static, is_list: bool, arguments: Vec<Arg<X>>) -> X::Output {
    let (operation, tensors) = Operation::new(rule, is_list, arguments);
    X::one(operation, tensors, Location::caller())
}

/// Calls an op with several results.
#[track_caller]
pub(crate) fn many<X: Operand>(
    rule: impl Rule + 'static,
    is_list: bool,
    arguments: Vec<Arg<X>>,
) -> X::Outputs {
    let (operation, tensors) = Operation::new(rule, is_list, arguments);
    X::many(operation, tensors, Location::caller())
}

impl Operation {
    fn new<X>(rule: impl Rule + 'static, is_list: bool, arguments: Vec<Arg<X>>) -> (Operation, Vec<X>) {
        let mut tensors = vec![];
        let slots = arguments.into_iter().map(|argument| match argument {
            Arg::Number(number) => Some(number),
            Arg::Tensor(x) => {
                tensors.push(x);
                None
            }
        });
        let arguments = slots.collect();
        (Operation { base: LayerBase::new(), rule: Arc::new(rule), arguments, is_list }, tensors)
    }

    /// A call that was read from a file.
    pub(crate) fn saved_call(
        name: Option<&str>,
        rule: Arc<dyn Rule>,
        arguments: Vec<Option<Number>>,
    ) -> Operation {
        let mut base = LayerBase::new();
        base.name = name.map(String::from);
        Operation { base, rule, arguments, is_list: false }
    }

    /// Keras's module of the class.
    pub fn module(&self) -> &'static str {
        self.rule.module()
    }

    /// The arguments of the call as Keras saves them, with these saved tensors in their places.
    pub fn saved_arguments(&self, tensors: impl IntoIterator<Item = Json>) -> Json {
        let mut tensors = tensors.into_iter();
        let slots = self.arguments.iter().map(|slot| match slot {
            Some(number) => json!(number),
            None => tensors.next().unwrap_or_default(),
        });
        let slots: Vec<Json> = slots.collect();
        if self.is_list { json!([slots]) } else { json!(slots) }
    }

    /// Adds the op to a graph.
    pub(crate) fn call_on(&self, builder: &Builder, tensors: &[Value]) -> Result<Vec<Value>> {
        if tensors.is_empty() {
            return Err(Error::argument(self.rule.class_name(), "takes at least one tensor, got none"));
        }
        let dtype = tensors.iter().map(Value::dtype).reduce(DType::promote).unwrap_or(DType::F32);
        let mut tensors = tensors.iter().cloned();
        let slots = self.arguments.iter().filter_map(|slot| match slot {
            Some(number) => Some(builder.constant(number.beside(dtype))),
            None => tensors.next(),
        });
        let outputs = self.rule.call(&slots.collect::<Vec<_>>());
        builder.check()?;
        Ok(outputs)
    }
}

impl HasBase for Operation {
    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn base_mut(&mut self) -> &mut LayerBase {
        &mut self.base
    }
}

impl LayerObject for Operation {
    fn class_name(&self) -> &'static str {
        self.rule.class_name()
    }

    fn config(&self) -> Result<Json> {
        let error =
            |e: serde_json::Error| Error::Format { what: self.class_name().into(), message: e.to_string() };
        let mut config = json!({"name": self.base.resolved_name(self.class_name())});
        if let (Json::Object(config), Json::Object(settings)) =
            (&mut config, self.rule.config().map_err(error)?)
        {
            config.extend(settings);
        }
        Ok(config)
    }

    fn saved(&self) -> Result<Json> {
        Ok(json!({
            "module": self.module(),
            "class_name": self.class_name(),
            "config": self.config()?,
            "registered_name": self.class_name(),
        }))
    }

    fn with_config(&self, _: Json) -> Result<LayerRef> {
        Err(Error::State(format!("the op {} cannot be given another config", self.class_name())))
    }

    fn share(&self) -> LayerRef {
        Arc::new(Operation { base: self.base.share(), ..self.parts() })
    }

    fn duplicate(&self) -> LayerRef {
        Arc::new(Operation { base: self.base.clone(), ..self.parts() })
    }
}

impl Operation {
    fn parts(&self) -> Operation {
        Operation {
            base: LayerBase::new(),
            rule: self.rule.clone(),
            arguments: self.arguments.clone(),
            is_list: self.is_list,
        }
    }
}

impl Layer for Operation {
    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        self.call_on(cx.builder(), inputs)
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}
