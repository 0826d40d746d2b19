//! What a layer is called with besides its input.
use crate::shape::Shape;
use cornu_graph::{DType, Error, Result};
use serde_json::{Map, Value as Json};

/// How the tensors of a call were given, and what else was. Read in [`Layer::call_many`](crate::layers::Layer::call_many)
/// through [`Call::given`](crate::layers::Call::given) and [`Call::option`](crate::layers::Call::option).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// For each tensor, the parameter of Keras's `call` that it was given for; empty when they stand in the order of the
    /// layer's [`parameters`](crate::layers::Layer::parameters).
    pub tensors: Vec<String>,
    /// What is no tensor, by parameter: `use_causal_mask`.
    pub options: Map<String, Json>,
    /// For each mask, the input that it is of; empty when they stand in the order of the inputs.
    pub(crate) masked: Vec<usize>,
    /// The call as it was read from a file, with numbers in place of tensors.
    pub(crate) form: Option<Json>,
}

/// The parameter of every layer that takes masks of the inputs; its tensors come last.
pub(crate) const MASK: &str = "mask";
/// The parameter of every layer that takes the phase. As in Keras, that of the model's call stands above it.
pub(crate) const TRAINING: &str = "training";

impl Given {
    /// Nothing but tensors in their order.
    pub fn in_order() -> Given {
        Given::default()
    }

    /// Adds an argument that is no tensor.
    pub fn option(mut self, parameter: &str, value: impl Into<Json>) -> Given {
        self.options.insert(parameter.into(), value.into());
        self
    }

    /// Whether nothing is given but tensors in their order.
    pub fn is_plain(&self) -> bool {
        self.tensors.is_empty() && self.options.is_empty()
    }

    /// Fails on what the layer does not take.
    pub(crate) fn check(&self, class: &str, parameters: &[&str]) -> Result<()> {
        let names = self.tensors.iter().chain(self.options.keys());
        let known = || parameters.iter().copied().chain([MASK, TRAINING]);
        match names.into_iter().find(|name| !known().any(|k| k == name.as_str())) {
            Some(name) => {
                Err(Error::unknown("argument", name, known()).help(format!("{class} takes {parameters:?}")))
            }
            None => Ok(()),
        }
    }

    /// How many of `count` tensors stand before the masks, which come last.
    pub(crate) fn mask_start(&self, count: usize) -> usize {
        self.tensors.iter().position(|name| name == MASK).unwrap_or(count).min(count)
    }

    /// The shapes that a layer is built for: those of all tensors that are no masks.
    pub(crate) fn built_on(&self, shapes: impl IntoIterator<Item = Shape>) -> Vec<Shape> {
        let is_mask = |i: usize| self.tensors.get(i).is_some_and(|name| name.ends_with(MASK));
        shapes.into_iter().enumerate().filter(|(i, _)| !is_mask(*i)).map(|(_, shape)| shape).collect()
    }

    /// Which of `count` tensors were given for a parameter.
    pub(crate) fn places(
        &self,
        parameters: &[&str],
        parameter: &str,
        count: usize,
    ) -> std::ops::Range<usize> {
        if self.tensors.is_empty() {
            let at = parameters.iter().position(|p| *p == parameter).unwrap_or(count).min(count);
            // The last parameter takes all that is left, as states of a recurrent layer.
            let end = if at + 1 == parameters.len() { count } else { (at + 1).min(count) };
            return at..end;
        }
        let mut tensors = self.tensors.iter();
        let start = tensors.position(|name| name == parameter).unwrap_or(count);
        start..(start + 1 + tensors.take_while(|name| *name == parameter).count()).min(count.max(start))
    }
}

/// Masks are bool; Keras takes numbers for them, too.
pub(crate) fn as_mask(value: &cornu_graph::Value) -> cornu_graph::Value {
    if value.dtype() == DType::Bool { value.clone() } else { value.not_equal(&value.scalar(0.0)) }
}
