//! The weights of models and layers.
use crate::layers::weights::Built;
use crate::layers::{Layer, LayerRef};
use crate::models::Model;
use crate::variable::Variable;
use cornu_graph::{Error, Result, Tensor};
use std::collections::HashSet;
use std::sync::Arc;

impl Model {
    /// Every variable of the layers, seeds included, each once, in Keras's order.
    pub(crate) fn variables(&self) -> Result<Vec<ModelVariable>> {
        let functional = self.built()?;
        let mut found = vec![];
        let mut seen = HashSet::new();
        functional.layers.iter().for_each(|l| collect(&**l, "", true, &mut seen, &mut found));
        Ok(found)
    }

    /// The weights in Keras's order: layer by layer, as each layer made them.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let model = Sequential::new().add(Input::new([4])).add(Dense::new(2).name("d"));
    /// let paths: Vec<String> = model.weights()?.into_iter().map(|w| w.path).collect();
    /// assert_eq!(paths, ["d/kernel", "d/bias"]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the model is not built.
    pub fn weights(&self) -> Result<Vec<ModelVariable>> {
        Ok(self.variables()?.into_iter().filter(|v| v.variable.role.is_weight()).collect())
    }

    /// The weights that the optimizer updates, in Keras's order.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn trainable_weights(&self) -> Result<Vec<ModelVariable>> {
        Ok(self.weights()?.into_iter().filter(|w| w.trainable).collect())
    }

    /// The weights that the optimizer leaves as they are, in Keras's order.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn non_trainable_weights(&self) -> Result<Vec<ModelVariable>> {
        Ok(self.weights()?.into_iter().filter(|w| !w.trainable).collect())
    }

    /// Copies of all weights, in Keras's order.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn get_weights(&self) -> Result<Vec<Tensor>> {
        self.weights()?.iter().map(|w| w.variable.value()).collect()
    }

    /// Replaces all weights, given in the order of [`Model::get_weights`].
    ///
    /// # Errors
    /// When the number or a shape differs, in which case nothing is changed.
    pub fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        let own = self.weights()?;
        if own.len() != weights.len() {
            let message = format!("the model has {} weights, got {}", own.len(), weights.len());
            return Err(Error::argument("set_weights", message));
        }
        for (w, value) in own.iter().zip(weights) {
            if w.variable.spec.shape != value.shape() {
                let message = format!(
                    "weight `{}` has shape {:?}, got {:?}",
                    w.path,
                    w.variable.spec.shape,
                    value.shape()
                );
                return Err(Error::argument("set_weights", message));
            }
        }
        own.iter().zip(weights).try_for_each(|(w, value)| w.variable.assign(value))
    }

    /// Number of weights' elements, trainable or not.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn count_params(&self) -> Result<usize> {
        Ok(self.weights()?.iter().map(|w| w.variable.spec.len()).sum())
    }

    /// Number of the elements of those weights that the optimizer updates.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn count_trainable_params(&self) -> Result<usize> {
        Ok(self.weights()?.iter().filter(|w| w.trainable).map(|w| w.variable.spec.len()).sum())
    }
}

/// A weight and where it stands in a model or layer. Its value is read and set through the variable.
#[derive(Debug, Clone)]
pub struct ModelVariable {
    /// Name, shape, dtype and value, shared with the layer.
    pub variable: Arc<Variable>,
    /// `dense/kernel`
    pub path: String,
    /// Whether the optimizer updates it now.
    pub trainable: bool,
}

/// The variables of a layer and the layers within, each once.
pub(crate) fn variables_of(layer: &dyn Layer) -> Vec<ModelVariable> {
    let mut found = vec![];
    collect(layer, "", true, &mut HashSet::new(), &mut found);
    found
}

/// The variables of a layer: its own, then those of the layers within.
fn collect(
    layer: &dyn Layer,
    parent: &str,
    trainable: bool,
    seen: &mut HashSet<usize>,
    out: &mut Vec<ModelVariable>,
) {
    let name = layer.base().resolved_name(layer.class_name());
    let path = if parent.is_empty() { name.to_string() } else { format!("{parent}/{name}") };
    let trainable = trainable && layer.base().is_trainable();
    if let Some(built) = layer.base().built() {
        for v in built.all_variables() {
            if seen.insert(Arc::as_ptr(v) as usize) {
                let trainable = trainable && v.is_trained() && !is_frozen_within(built, v);
                out.push(ModelVariable {
                    variable: v.clone(),
                    path: format!("{path}/{}", v.name),
                    trainable,
                });
            }
        }
        built.children.iter().for_each(|(_, child)| collect(&**child, &path, trainable, seen, out));
    }
    layer.sublayers().iter().for_each(|child| collect(&**child, &path, trainable, seen, out));
}

/// Whether a layer within, whose weight this is, too, keeps it from training.
fn is_frozen_within(built: &Built, variable: &Arc<Variable>) -> bool {
    built.children.iter().any(|(_, child)| {
        child.base().built().is_some_and(|within| {
            let holds = within.variables.iter().any(|v| Arc::ptr_eq(v, variable));
            holds && !child.base().is_trainable() || is_frozen_within(within, variable)
        })
    })
}

/// Elements of the weights of one layer, those within included.
pub(crate) fn layer_params(layer: &dyn Layer) -> usize {
    variables_of(layer).iter().filter(|v| v.variable.role.is_weight()).map(|v| v.variable.spec.len()).sum()
}

/// Freezes or releases a layer and those within.
pub(crate) fn set_trainable(layer: &dyn Layer, trainable: bool) {
    layer.base().set_frozen(!trainable);
    if let Some(built) = layer.base().built() {
        if let (true, Some(lora)) = (trainable, built.lora.get()) {
            lora.target.hold(false);
        }
        built.children.iter().for_each(|(_, child)| set_trainable(&**child, trainable));
    }
    layer.sublayers().iter().for_each(|child| set_trainable(&**child, trainable));
}

/// Reading and changing a layer of a model by its handle.
impl dyn Layer {
    /// The layer's name.
    pub fn name(&self) -> &str {
        self.base().resolved_name(self.class_name())
    }

    /// The class as Keras shows it: that of its Python code.
    pub fn shown_class(&self) -> &str {
        crate::utils::naming::python_class(self.class_name())
    }

    /// Freezes (`false`) or releases the weights of this layer and those within. Takes effect at the next `compile`.
    pub fn set_trainable(&self, trainable: bool) {
        set_trainable(self, trainable);
    }

    /// Whether the optimizer updates the weights of this layer now, as far as they are trainable.
    pub fn is_trainable(&self) -> bool {
        self.base().is_trainable()
    }

    /// The layers within this one: those of a model or wrapper, and those that a layer is made of, as the projections of
    /// [`MultiHeadAttention`](crate::layers::MultiHeadAttention) once it is built.
    pub fn layers_within(&self) -> Vec<LayerRef> {
        let children = self.base().built().map_or(&[][..], |built| &built.children);
        children.iter().map(|(_, child)| child.clone()).chain(self.sublayers()).collect()
    }

    /// Copies of the layer's weights.
    ///
    /// # Errors
    /// When the device fails.
    pub fn get_weights(&self) -> Result<Vec<Tensor>> {
        self.weights().iter().map(|w| w.variable.value()).collect()
    }

    /// Replaces the layer's weights.
    ///
    /// # Errors
    /// When the number or a shape differs.
    pub fn set_weights(&self, weights: &[Tensor]) -> Result<()> {
        let own = self.weights();
        if own.len() != weights.len() {
            let message = format!("layer `{}` has {} weights, got {}", self.name(), own.len(), weights.len());
            return Err(Error::argument("set_weights", message));
        }
        own.iter().zip(weights).try_for_each(|(w, value)| w.variable.assign(value))
    }

    /// Number of the weights' elements.
    pub fn count_params(&self) -> usize {
        layer_params(self)
    }

    /// The layer's weights and those of the layers within; none before it is built.
    pub fn weights(&self) -> Vec<ModelVariable> {
        let mut found = variables_of(self);
        found.retain(|v| v.variable.role.is_weight());
        found
    }

    /// The weights that the optimizer updates.
    pub fn trainable_weights(&self) -> Vec<ModelVariable> {
        self.weights().into_iter().filter(|w| w.trainable).collect()
    }

    /// The weights that the optimizer leaves as they are.
    pub fn non_trainable_weights(&self) -> Vec<ModelVariable> {
        self.weights().into_iter().filter(|w| !w.trainable).collect()
    }
}
