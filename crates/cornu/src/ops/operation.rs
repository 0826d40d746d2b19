//! One call of an op: which, with what settings, on which arguments.
use crate::layers::{Call, HasBase, Layer, LayerBase, LayerObject, LayerRef};
use crate::ops::{Arg, Number, Operand};
use cornu_graph::{Builder, DType, Error, Result, Value};
use serde_json::{Value as Json, json};
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
pub(crate) fn many<X: Operand>(rule: impl Rule + 'static, arguments: Vec<Arg<X>>) -> X::Outputs {
    let (operation, tensors) = Operation::new(rule, false, arguments);
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
