//! Models made anew from the layers of others.
use crate::layers::core::InputLayer;
use crate::layers::{Given, LayerRef, list};
use crate::models::functional::{Functional, as_input, is_operation};
use crate::models::keras_tensor::apply_layer;
use crate::models::nested::NestedModel;
use crate::models::{Inputs, KerasTensor, Model};
use crate::saving::compile_as;
use cornu_graph::{Error, Result};
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A model of the same layers with new weights, compiled as the other is. Keras's `clone_model`; [`CloneModel`] has its other
/// arguments.
///
/// # Errors
/// When a layer has no saved form.
pub fn clone_model(model: &Model) -> Result<Model> {
    CloneModel::new().make(model)
}

type CloneFunction<'a> = dyn Fn(&LayerRef) -> Result<LayerRef> + 'a;
type CallFunction<'a> = dyn Fn(&LayerRef, Vec<KerasTensor>, Given) -> Vec<KerasTensor> + 'a;

/// The arguments of [`clone_model`].
///
/// ```
/// use cornu::prelude::*;
/// use cornu::models::CloneModel;
///
/// let x = Input::new([4]).tensor();
/// let y = Dense::new(2).apply(&Dense::new(3).apply(&x));
/// let model = Model::new([x], [y])?;
///
/// // The same layers, with a dropout after each.
/// let other = CloneModel::new()
///     .clone_function(|layer| Ok(layer.clone()))
///     .call_function(|layer, inputs, given| {
///         layer.apply_given(inputs, given).iter().map(|y| Dropout::new(0.5).apply(y)).collect()
///     })
///     .make(&model)?;
/// assert_eq!(other.layers().len(), 5);
/// assert_eq!(other.get_weights()?, model.get_weights()?);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Default)]
pub struct CloneModel<'a> {
    clone_function: Option<Box<CloneFunction<'a>>>,
    call_function: Option<Box<CallFunction<'a>>>,
    recursive: bool,
    input_tensors: Option<Vec<KerasTensor>>,
}

impl fmt::Debug for CloneModel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloneModel").field("recursive", &self.recursive).finish_non_exhaustive()
    }
}

impl<'a> CloneModel<'a> {
    /// Keras's defaults: every layer anew, on new inputs.
    pub fn new() -> CloneModel<'a> {
        CloneModel::default()
    }

    /// Makes the layer that stands in place of another; by default one of the same config with new weights. It is asked once for
    /// each layer but the inputs. [`ops`](crate::ops) have no weights and are used again.
    pub fn clone_function(mut self, f: impl Fn(&LayerRef) -> Result<LayerRef> + 'a) -> Self {
        self.clone_function = Some(Box::new(f));
        self
    }

    /// Calls a new layer, or an op, on its inputs, with the other arguments of the call; by default
    /// `layer.apply_given(inputs, given)`. For functional models.
    pub fn call_function(
        mut self,
        f: impl Fn(&LayerRef, Vec<KerasTensor>, Given) -> Vec<KerasTensor> + 'a,
    ) -> Self {
        self.call_function = Some(Box::new(f));
        self
    }

    /// Whether models within the model are cloned layer by layer, too, in place of being given to the clone function whole; false
    /// by default.
    pub fn recursive(mut self, recursive: bool) -> Self {
        self.recursive = recursive;
        self
    }

    /// The inputs of the new model, in the order of the other's; by default new ones of the same names.
    pub fn input_tensors(mut self, inputs: impl Into<Inputs>) -> Self {
        self.input_tensors = Some(inputs.into().0);
        self
    }

    /// The new model.
    ///
    /// # Errors
    /// When a function fails, a new layer does not take what comes to it, the number of inputs differs, a `Sequential` model is
    /// given a call function, or by default when a layer has no saved form.
    pub fn make(&self, model: &Model) -> Result<Model> {
        if self.call_function.is_some() && model.class_name() == "Sequential" {
            let message = "a `Sequential` model lists its layers and calls none";
            return Err(Error::argument("call_function", message).help("it is for functional models"));
        }
        model.build_if_known()?;
        let mut cloner = Cloner { options: self, done: HashMap::new() };
        let inputs = self.input_tensors.as_deref();
        let clone = match (model.functional(), model.class_name()) {
            (Some(functional), "Functional") => cloner.functional(functional, inputs)?,
            (Some(functional), _) => cloner.sequential(&functional.layers, inputs)?,
            (None, _) => cloner.sequential(&model.operations(), inputs)?,
        };
        let mut clone = clone.with_name(model.name());
        compile_as(model, &mut clone)?;
        Ok(clone)
    }
}

/// The layers made so far, by those that they stand for.
struct Cloner<'a, 'b> {
    options: &'b CloneModel<'a>,
    done: HashMap<u64, LayerRef>,
}

impl Cloner<'_, '_> {
    fn layer(&mut self, layer: &LayerRef) -> Result<LayerRef> {
        let id = layer.base().id();
        if let Some(done) = self.done.get(&id) {
            return Ok(done.clone());
        }
        let nested = (&**layer as &dyn Any).downcast_ref::<NestedModel>();
        let clone = match (nested, &self.options.clone_function) {
            _ if is_operation(layer) => layer.clone(),
            (Some(nested), _) if self.options.recursive => {
                let functional = &nested.functional;
                let model = match nested.class {
                    "Functional" => self.functional(functional, None)?,
                    _ => self.sequential(&functional.layers, None)?,
                };
                model.with_name(layer.name()).as_layer()?
            }
            (_, Some(f)) => f(layer)?,
            (_, None) => list::from_saved(&layer.saved()?)?,
        };
        self.done.insert(id, clone.clone());
        Ok(clone)
    }

    fn sequential(&mut self, layers: &[LayerRef], inputs: Option<&[KerasTensor]>) -> Result<Model> {
        let input = match (inputs, layers.first().filter(|first| as_input(first).is_some())) {
            (Some([input]), _) if as_input(&input.node().layer).is_some() => Some(input.node().layer.clone()),
            (Some([input]), _) => {
                let message = format!("comes out of layer `{}`; inputs come from `Input`", input.name());
                return Err(Error::argument("input_tensors", message));
            }
            (Some(several), _) => return Err(wrong_number(1, several.len())),
            (None, Some(own)) => Some(list::from_saved(&own.saved()?)?),
            (None, None) => None,
        };
        let rest = layers.iter().filter(|layer| as_input(layer).is_none());
        let rest = rest.map(|layer| self.layer(layer)).collect::<Result<Vec<_>>>()?;
        let model = Model::sequential(input.into_iter().chain(rest).collect());
        model.build_if_known()?;
        Ok(model)
    }

    fn functional(&mut self, functional: &Functional, inputs: Option<&[KerasTensor]>) -> Result<Model> {
        let inputs: Vec<KerasTensor> = match inputs {
            Some(given) if given.len() != functional.inputs.len() => {
                return Err(wrong_number(functional.inputs.len(), given.len()));
            }
            Some(given) => given.to_vec(),
            None => functional.inputs.iter().map(new_input).collect::<Result<_>>()?,
        };
        let mut known: HashMap<(u64, usize), KerasTensor> = HashMap::new();
        for (old, new) in functional.inputs.iter().zip(&inputs) {
            known.insert((old.node().id, old.index()), new.clone());
        }
        let find = |known: &HashMap<_, KerasTensor>, x: &KerasTensor| {
            let lost = || Error::State(format!("`{}` is needed before it is made", x.name()));
            known.get(&(x.node().id, x.index())).cloned().ok_or_else(lost)
        };
        for node in functional.nodes.iter().filter(|node| !node.inputs.is_empty()) {
            let arguments = node.inputs.iter().map(|x| find(&known, x)).collect::<Result<Vec<_>>>()?;
            let layer = self.layer(&node.layer)?;
            let outputs = match &self.options.call_function {
                Some(f) => f(&layer, arguments, node.given.clone()),
                None => apply_layer(layer.share(), node.given.clone(), arguments, None),
            };
            if let Some(error) = outputs.iter().find_map(KerasTensor::error) {
                return Err(error.clone());
            }
            for (index, output) in outputs.into_iter().enumerate() {
                known.insert((node.id, index), output);
            }
        }
        let outputs = functional.outputs.iter().map(|x| find(&known, x)).collect::<Result<Vec<_>>>()?;
        let mut clone = Functional::new(inputs, outputs)?;
        clone.input_structure = functional.input_structure.clone();
        clone.output_structure = functional.output_structure.clone();
        Ok(Model::of_functional(clone))
    }
}

fn wrong_number(expected: usize, given: usize) -> Error {
    Error::argument("input_tensors", format!("the model takes {expected} inputs, got {given}"))
}

/// Another input of the same name, shape and dtype.
fn new_input(x: &KerasTensor) -> Result<KerasTensor> {
    let saved = x.node().layer.config()?;
    let layer: InputLayer = serde_json::from_value(saved)
        .map_err(|e| Error::Format { what: "InputLayer".into(), message: e.to_string() })?;
    Ok(Arc::new(layer).tensor())
}
