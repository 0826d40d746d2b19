//! A stack of layers.
use crate::layers::core::Input;
use crate::layers::{Layer, LayerObject, LayerRef};
use crate::models::Model;
use crate::models::functional::as_input;
use cornu_graph::{Error, Result};
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

/// A model that is a stack of layers, each with one input and one output. Keras's `keras.Sequential`.
///
/// Without an [`Input`] at the start it is built on first data. It derefs to [`Model`], which has `compile`, `fit` and
/// all else.
///
/// ```
/// use cornu::prelude::*;
/// let mut model = Sequential::new()
///     .add(Input::new([4]))
///     .add(Dense::new(8).activation("relu"))
///     .add(Dense::new(1));
/// println!("{}", model.summary());
/// ```
#[derive(Debug)]
pub struct Sequential(Model);

/// What can be added to a [`Sequential`]: a layer, an [`Input`], or a model.
#[derive(Debug)]
pub struct Stage(Result<LayerRef>);

impl<L: Layer> From<L> for Stage {
    fn from(layer: L) -> Stage {
        Stage(Ok(layer.share()))
    }
}

impl From<Input> for Stage {
    fn from(input: Input) -> Stage {
        Stage(Ok(input.layer().share()))
    }
}

impl From<LayerRef> for Stage {
    fn from(layer: LayerRef) -> Stage {
        Stage(Ok(layer))
    }
}

impl From<&Model> for Stage {
    fn from(model: &Model) -> Stage {
        Stage(model.as_layer())
    }
}

impl From<Model> for Stage {
    fn from(model: Model) -> Stage {
        Stage(model.as_layer())
    }
}

impl From<Sequential> for Stage {
    fn from(model: Sequential) -> Stage {
        Stage(model.0.as_layer())
    }
}

impl Default for Sequential {
    fn default() -> Self {
        Sequential::new()
    }
}

impl Sequential {
    /// An empty stack.
    pub fn new() -> Sequential {
        Sequential(Model::sequential(vec![]))
    }

    /// Gives the model a name.
    pub fn with_name(self, name: impl Into<String>) -> Sequential {
        Sequential(self.0.with_name(name))
    }

    /// Puts a layer on top, in a chain; [`Sequential::push`] does so line by line. A mistake comes out of `compile`, `fit` or
    /// `build`.
    #[must_use = "`add` gives the model back; `push` adds in place"]
    // Keras's name; `model + layer` means nothing.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, stage: impl Into<Stage>) -> Sequential {
        self.push(stage);
        self
    }

    /// [`Sequential::add`] in place: Keras's `model.add(layer)`.
    pub fn push(&mut self, stage: impl Into<Stage>) {
        let stage = stage.into().0;
        let trainer = &mut self.0.trainer;
        match stage {
            Ok(layer) => {
                trainer.forget();
                if let Some((layers, built)) = self.0.stack() {
                    layers.push(layer);
                    *built = OnceLock::new();
                }
            }
            Err(e) => trainer.fail(e),
        }
    }

    /// Takes the topmost layer off.
    ///
    /// # Errors
    /// When there is none.
    pub fn pop(&mut self) -> Result<LayerRef> {
        self.0.trainer.forget();
        let Some((layers, built)) = self.0.stack() else {
            return Err(Error::State("not a stack".into()));
        };
        *built = OnceLock::new();
        match layers.pop() {
            Some(layer) if as_input(&layer).is_none() => Ok(layer),
            Some(input) => {
                layers.push(input);
                Err(Error::State("there are no layers in the model to pop".into()))
            }
            None => Err(Error::State("there are no layers in the model to pop".into())),
        }
    }
}

/// So that both kinds of models can stand in one list.
impl From<Sequential> for Model {
    fn from(stack: Sequential) -> Model {
        stack.0
    }
}

impl Deref for Sequential {
    type Target = Model;
    fn deref(&self) -> &Model {
        &self.0
    }
}

impl DerefMut for Sequential {
    fn deref_mut(&mut self) -> &mut Model {
        &mut self.0
    }
}
