//! Models and their weights.
use crate::layers::{Given, LayerBase, LayerObject, LayerRef};
use crate::models::functional::{as_input, is_operation, unique_names};
use crate::models::keras_tensor::{apply_layer, one_output};
use crate::models::nested::NestedModel;
use crate::models::weights::set_trainable;
use crate::models::{Functional, Inputs, KerasTensor, config, nested};
use crate::shape::Shape;
use crate::training::Trainer;
use crate::utils::naming;
use cornu_graph::{DType, Error, Result};
use serde_json::{Value as Json, json};
use std::panic::Location;
use std::sync::{Arc, OnceLock};

/// A model: layers from inputs to outputs, to be compiled, trained, evaluated and asked. Keras's `keras.Model`.
///
/// ```
/// use cornu::prelude::*;
/// let a = Input::new([4]).tensor();
/// let b = Input::new([3]).tensor();
/// let both = Concatenate::new().apply([&a, &b]);
/// let y = Dense::new(2).activation("softmax").apply(&both);
/// let model = Model::new([a, b], [y])?;
/// assert_eq!(model.count_params()?, 7 * 2 + 2);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Debug)]
pub struct Model {
    base: LayerBase,
    body: Body,
    pub(crate) trainer: Trainer,
}

#[derive(Debug)]
enum Body {
    Functional(Arc<Functional>),
    /// A stack of layers, and what they become once the shape of the data is known.
    Sequential {
        layers: Vec<LayerRef>,
        built: OnceLock<Arc<Functional>>,
    },
}

impl Model {
    /// A model from symbolic inputs to symbolic outputs.
    ///
    /// # Errors
    /// The first mistake made on the way, with the line it was made on; an output that does not come from the inputs; two
    /// layers of one name.
    pub fn new(inputs: impl Into<Inputs>, outputs: impl Into<Inputs>) -> Result<Model> {
        let functional = Functional::new(inputs.into().0, outputs.into().0)?;
        Ok(Model::of_functional(functional))
    }

    pub(crate) fn of_functional(functional: Functional) -> Model {
        Model::from_body(Body::Functional(Arc::new(functional)))
    }

    fn from_body(body: Body) -> Model {
        Model { base: LayerBase::new(), body, trainer: Trainer::default() }
    }

    pub(crate) fn sequential(layers: Vec<LayerRef>) -> Model {
        Model::from_body(Body::Sequential { layers, built: OnceLock::new() })
    }

    /// Gives the model a name. A mistake in it comes out of `compile`, `fit` or `save`.
    pub fn with_name(mut self, name: impl Into<String>) -> Model {
        let name = name.into();
        if let Err(e) = naming::check(&name) {
            self.trainer.fail(e);
        }
        self.base.name = Some(name);
        self
    }

    /// What the model has as a layer.
    pub(crate) fn base(&self) -> &LayerBase {
        &self.base
    }

    /// Whether Keras scales the loss by itself, so that gradients do not vanish in float16.
    pub(crate) fn scales_loss(&self) -> bool {
        self.base.dtype.name() == "mixed_float16"
    }

    /// The model's name; made from its class when none was given.
    pub fn name(&self) -> &str {
        self.base.resolved_name(self.class_name())
    }

    /// `"Functional"` or `"Sequential"`.
    pub fn class_name(&self) -> &'static str {
        match self.body {
            Body::Functional(_) => "Functional",
            Body::Sequential { .. } => "Sequential",
        }
    }

    /// Whether the shapes are known and the weights made.
    pub fn is_built(&self) -> bool {
        self.functional().is_some()
    }

    /// Builds a `Sequential` model without an input shape for inputs of `shape`, the batch axis first.
    ///
    /// # Errors
    /// When a layer does not take what comes to it, or the model begins with an `Input` of another shape.
    pub fn build(&mut self, shape: impl Into<Shape>) -> Result<()> {
        let shape = shape.into();
        if let Body::Sequential { layers, .. } = &self.body
            && let Some(input) = layers.first().and_then(as_input)
            && *input.batch_shape() != shape
        {
            let message =
                format!("the model begins with an `Input` of shape {}, got {shape}", input.batch_shape());
            return Err(Error::argument("build", message));
        }
        self.build_for(&[(shape, DType::F32)])
    }

    /// Builds a stack of layers for this data, unless it is built.
    pub(crate) fn build_for(&self, inputs: &[(Shape, DType)]) -> Result<()> {
        let Body::Sequential { layers, built } = &self.body else { return Ok(()) };
        if built.get().is_some() {
            return Ok(());
        }
        if layers.is_empty() {
            return Err(Error::State("the model has no layers".into()).help("`add` layers to it"));
        }
        unique_names(layers)?;
        if layers.iter().skip(1).any(|layer| as_input(layer).is_some()) {
            let error = Error::State(format!("model `{}` has an `Input` after its first layer", self.name()));
            return Err(error.help("a stack of layers has one, at its start"));
        }
        let first = match layers.first().and_then(as_input) {
            Some(input) => input.tensor(),
            None => {
                let [(shape, dtype)] = inputs else {
                    let message = format!("a Sequential model takes one input, got {}", inputs.len());
                    return Err(Error::Data(message));
                };
                let input = crate::layers::core::InputLayer::new(shape.clone()).of_dtype(*dtype);
                input.tensor()
            }
        };
        let has_input = layers.first().and_then(as_input).is_some();
        let mut x = first.clone();
        for layer in &layers[usize::from(has_input)..] {
            x = one_output(apply_layer(layer.share(), Given::in_order(), vec![x], None));
        }
        let functional = Arc::new(Functional::new(vec![first], vec![x])?);
        built.get_or_init(|| functional);
        Ok(())
    }

    /// Tries to build from what is known already: a first layer that states its input.
    pub(crate) fn build_if_known(&self) -> Result<()> {
        self.trainer.check()?;
        match &self.body {
            Body::Sequential { layers, .. } if layers.first().and_then(as_input).is_some() => {
                self.build_for(&[])
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn functional(&self) -> Option<&Arc<Functional>> {
        match &self.body {
            Body::Functional(f) => Some(f),
            Body::Sequential { built, .. } => built.get(),
        }
    }

    pub(crate) fn built(&self) -> Result<&Arc<Functional>> {
        self.build_if_known()?;
        self.functional().ok_or_else(|| {
            let error = Error::State(format!(
                "model `{}` is not built: its weights and shapes are unknown",
                self.name()
            ));
            error.help("begin with an `Input`, or call `build`, `fit` or `predict` with data first")
        })
    }

    pub(crate) fn stack(&mut self) -> Option<(&mut Vec<LayerRef>, &mut OnceLock<Arc<Functional>>)> {
        match &mut self.body {
            Body::Sequential { layers, built } => Some((layers, built)),
            Body::Functional(_) => None,
        }
    }

    /// The layers in Keras's order. A `Sequential` model does not list its input layer, and [`ops`](crate::ops) are not
    /// layers.
    pub fn layers(&self) -> Vec<LayerRef> {
        // As in Keras, layers of a stack with an input have their weights; a mistake comes out of `compile`.
        let _ = self.build_if_known();
        self.operations().into_iter().filter(|l| !is_operation(l)).collect()
    }

    /// The layers and, between them, the [`ops`](crate::ops) that were called on symbolic tensors. Keras's `operations`.
    pub fn operations(&self) -> Vec<LayerRef> {
        match &self.body {
            Body::Functional(f) => f.layers.clone(),
            Body::Sequential { layers, .. } => {
                layers.iter().filter(|l| as_input(l).is_none()).cloned().collect()
            }
        }
    }

    /// The layer of this name, or the one of this number among [`Model::layers`].
    ///
    /// # Errors
    /// When there is none; the nearest name is suggested.
    pub fn get_layer(&self, which: impl Into<WhichLayer>) -> Result<LayerRef> {
        let layers = self.layers();
        let name = match which.into() {
            WhichLayer::Name(name) => name,
            WhichLayer::Index(index) => {
                let message = || format!("asked for layer {index}, the model has {}", layers.len());
                let missing = || Error::argument("get_layer", message());
                return layers.get(index).cloned().ok_or_else(missing);
            }
        };
        let of = |l: &LayerRef| l.base().resolved_name(l.class_name()).to_string();
        let names: Vec<String> = layers.iter().map(of).collect();
        let found = names.iter().position(|n| *n == name);
        found
            .map(|i| layers[i].clone())
            .ok_or_else(|| Error::unknown("layer", &name, names.iter().map(String::as_str)))
    }

    /// The symbolic inputs.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn inputs(&self) -> Result<Vec<KerasTensor>> {
        Ok(self.built()?.inputs.clone())
    }

    /// The symbolic outputs.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn outputs(&self) -> Result<Vec<KerasTensor>> {
        Ok(self.built()?.outputs.clone())
    }

    /// The names of the inputs, by which data can be given.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn input_names(&self) -> Result<Vec<String>> {
        Ok(self.built()?.input_names())
    }

    /// The names of the outputs: those of their layers, with a number from a layer's second output on.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn output_names(&self) -> Result<Vec<String>> {
        Ok(self.built()?.output_names())
    }

    /// Calls the model as a layer: the output on other symbolic inputs, with the same weights.
    #[track_caller]
    pub fn apply(&self, inputs: impl Into<Inputs>) -> KerasTensor {
        one_output(self.apply_many(inputs))
    }

    /// [`Model::apply`] for a model with several outputs.
    #[track_caller]
    pub fn apply_many(&self, inputs: impl Into<Inputs>) -> Vec<KerasTensor> {
        let inputs = inputs.into().0;
        match self.as_layer() {
            Ok(layer) => apply_layer(layer, Given::in_order(), inputs, Some(Location::caller())),
            Err(e) => vec![crate::models::keras_tensor::source(
                crate::layers::core::InputLayer::new(Shape::default()).share(),
                Shape::default(),
                DType::F32,
                Some(e.at(Location::caller())),
            )],
        }
    }

    /// The model as a layer of another model, with the same weights.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn as_layer(&self) -> Result<LayerRef> {
        let functional = self.built()?.clone();
        Ok(Arc::new(NestedModel { base: self.base.share(), class: self.class_name(), functional }))
    }

    /// Keras's `get_config`: layers, and for a functional model their calls.
    ///
    /// # Errors
    /// When a layer has no saved form, as one with a closure has none.
    pub fn get_config(&self) -> Result<Json> {
        self.build_if_known()?;
        let trainable = self.base.is_trainable();
        match &self.body {
            Body::Functional(f) => config::functional(f, self.name(), trainable),
            Body::Sequential { layers, built } => match built.get() {
                Some(f) => config::sequential(&f.layers, first_shape(f).as_ref(), self.name(), &self.base),
                None => config::sequential(layers, None, self.name(), &self.base),
            },
        }
    }

    /// The config with the class, as Keras's `to_json` and the `config.json` of a `.keras` file have it.
    pub(crate) fn saved(&self) -> Result<Json> {
        let mut saved = nested::envelope(self.class_name(), self.get_config()?);
        let shape = self.functional().and_then(|f| first_shape(f));
        match self.body {
            Body::Functional(_) => saved["build_config"] = json!({"input_shape": null}),
            Body::Sequential { .. } if shape.is_some() => {
                saved["build_config"] = json!({"input_shape": shape})
            }
            Body::Sequential { .. } => {}
        }
        Ok(saved)
    }

    /// Whether the optimizer updates the weights now, as far as the layers are trainable.
    pub fn is_trainable(&self) -> bool {
        self.base.is_trainable()
    }

    /// Whether the optimizer updates the weights. Takes effect at the next `compile`. Applies to all layers within.
    pub fn trainable(&mut self, trainable: bool) {
        self.base.set_frozen(!trainable);
        self.layers().iter().for_each(|l| set_trainable(&**l, trainable));
    }
}

/// A layer of a model, by its name or number.
#[derive(Clone, Debug)]
pub enum WhichLayer {
    /// By name.
    Name(String),
    /// By its place, from 0.
    Index(usize),
}

impl<T: AsRef<str> + ?Sized> From<&T> for WhichLayer {
    fn from(name: &T) -> WhichLayer {
        WhichLayer::Name(name.as_ref().into())
    }
}

impl From<usize> for WhichLayer {
    fn from(index: usize) -> WhichLayer {
        WhichLayer::Index(index)
    }
}

/// The shape of the first input as Keras has it.
pub(crate) fn first_shape(f: &Functional) -> Option<Shape> {
    f.inputs.first().map(KerasTensor::saved_shape)
}
