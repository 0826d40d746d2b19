//! One call of an op: which, with what settings, on which arguments.
use crate::layers::{Call, HasBase, Layer, LayerBase, LayerObject, LayerRef, Weights};
use crate::object::number;
use crate::ops::slot::{Arguments, Slot, present};
use crate::ops::{Arg, Operand};
use crate::shape::Shape;
use cornu_graph::{Builder, DType, Error, Result, Tensor, Value};
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

    /// The results where some arguments may be missing.
    fn call_given(&self, given: &[Option<Value>]) -> Vec<Value> {
        self.call(&present(given))
    }

    /// The results on the host, where no graph can give them: their shapes depend on the numbers.
    fn on_host(&self, given: &[Option<Tensor>]) -> Option<Result<Vec<Tensor>>> {
        let _ = given;
        None
    }

    /// The seed of an op that draws numbers; `Some(None)` draws others in each call. The state of a generator comes after its
    /// tensors.
    fn seed(&self) -> Option<Option<u64>> {
        None
    }

    /// The names of the tensors in Keras's `call`.
    fn parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// What is saved with a call besides its tensors: further arguments, and those by name.
    fn further_arguments(&self) -> (Vec<Json>, Map<String, Json>) {
        (vec![], Map::new())
    }
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
        number::from_value(value).map_err(|e| self.bad(key, e))
    }

    /// A setting that must have this value, or be missing.
    pub fn fixed(&mut self, key: &str, value: Json) -> Result<()> {
        match self.map.shift_remove(key) {
            // What is off is left out.
            Some(Json::Bool(false)) if value.is_null() => Ok(()),
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
    /// What the op is called on.
    arguments: Vec<Slot>,
}

/// Calls an op with one result; `is_list` says that its arguments are one list.
#[track_caller]
pub(crate) fn one<X: Operand>(rule: impl Rule + 'static, is_list: bool, arguments: Vec<Arg<X>>) -> X::Output {
    one_of(rule, gathered(is_list, arguments))
}

/// Calls an op with several results.
#[track_caller]
pub(crate) fn many<X: Operand>(
    rule: impl Rule + 'static,
    is_list: bool,
    arguments: Vec<Arg<X>>,
) -> X::Outputs {
    many_of(rule, gathered(is_list, arguments))
}

/// [`one`] on arguments of any form.
#[track_caller]
pub(crate) fn one_of<X: Operand>(rule: impl Rule + 'static, arguments: Arguments<X>) -> X::Output {
    let operation = Operation::new(None, Arc::new(rule), arguments.slots);
    X::one(operation, arguments.tensors, Location::caller())
}

/// [`many`] on arguments of any form.
#[track_caller]
pub(crate) fn many_of<X: Operand>(rule: impl Rule + 'static, arguments: Arguments<X>) -> X::Outputs {
    let operation = Operation::new(None, Arc::new(rule), arguments.slots);
    X::many(operation, arguments.tensors, Location::caller())
}

fn gathered<X: Operand>(is_list: bool, arguments: Vec<Arg<X>>) -> Arguments<X> {
    if is_list {
        return Arguments::new().list(arguments);
    }
    arguments.into_iter().fold(Arguments::new(), Arguments::and)
}

impl Operation {
    /// A call; the name is given when it was read from a file.
    pub(crate) fn new(name: Option<&str>, rule: Arc<dyn Rule>, arguments: Vec<Slot>) -> Operation {
        let mut base = LayerBase::new();
        base.name = name.map(String::from);
        Operation { base, rule, arguments }
    }

    /// Keras's module of the class.
    pub fn module(&self) -> &'static str {
        self.rule.module()
    }

    /// The call as Keras saves it, with these saved tensors in their places.
    pub fn saved_call(&self, tensors: impl IntoIterator<Item = Json>) -> Json {
        let tensors: Vec<Json> = tensors.into_iter().collect();
        let (further, kwargs) = self.rule.further_arguments();
        let slots = self.arguments.iter().map(|slot| slot.saved(&tensors));
        let args: Vec<Json> = slots.chain(further).collect();
        json!({"args": args, "kwargs": kwargs})
    }

    /// Adds the op to a graph; one without a seed draws its numbers from `drawn`.
    pub(crate) fn call_on(
        &self,
        builder: &Builder,
        tensors: &[Value],
        drawn: impl FnOnce() -> Result<Value>,
    ) -> Result<Vec<Value>> {
        // What failed before has no shape to go by.
        builder.check()?;
        let mut given = self.given(tensors, Value::dtype, &|tensor| builder.constant(tensor))?;
        if let Some(seed) = self.rule.seed() {
            given.push(Some(match seed {
                Some(seed) => builder.constant(Tensor::from([seed, 0])),
                None => drawn()?,
            }));
        }
        let outputs = self.rule.call_given(&given);
        builder.check()?;
        if outputs.is_empty() {
            let message = match given.iter().filter(|argument| argument.is_none()).count() {
                0 => format!("cannot be called on {} arguments", given.len()),
                absent => format!("cannot be called without {absent} of its {} arguments", given.len()),
            };
            return Err(Error::argument(self.rule.class_name(), message));
        }
        Ok(outputs)
    }

    /// The results on the host, if the op has them without a graph.
    pub(crate) fn call_on_host(&self, tensors: &[Tensor]) -> Option<Result<Vec<Tensor>>> {
        match self.given(tensors, Tensor::dtype, &|tensor| tensor) {
            Ok(given) => self.rule.on_host(&given),
            Err(e) => Some(Err(e)),
        }
    }

    fn given<T: Clone>(
        &self,
        tensors: &[T],
        dtype: fn(&T) -> DType,
        constant: &impl Fn(Tensor) -> T,
    ) -> Result<Vec<Option<T>>> {
        if tensors.is_empty() {
            return Err(Error::argument(self.rule.class_name(), "takes at least one tensor, got none"));
        }
        let dtype = tensors.iter().map(dtype).reduce(DType::promote).unwrap_or(DType::F32);
        let mut given = vec![];
        self.arguments.iter().for_each(|slot| slot.place(tensors, dtype, constant, &mut given));
        Ok(given)
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
        // Keras has no name in the config of this class.
        const NAMELESS: &str = "ExtractPatches";
        let mut config = match self.class_name() {
            NAMELESS => json!({}),
            class => json!({"name": self.base.resolved_name(class)}),
        };
        if let (Json::Object(config), Json::Object(settings)) =
            (&mut config, self.rule.config().map_err(error)?)
        {
            config.extend(settings);
        }
        Ok(match self.base.as_read() {
            Some(as_read) => as_read.config(config),
            None => config,
        })
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
        Operation { base: LayerBase::new(), rule: self.rule.clone(), arguments: self.arguments.clone() }
    }
}

impl Layer for Operation {
    fn build_many(&self, weights: &mut Weights, _: &[Shape]) -> Result<()> {
        if self.rule.seed() == Some(None) {
            weights.add_seed("seed_generator_state", None);
        }
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        self.call_on(cx.builder(), inputs, || cx.random_key())
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}
