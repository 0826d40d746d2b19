//! States that live from batch to batch.
use crate::layers::Layer;
use crate::variable::{Role, Variable};
use cornu_graph::{Error, Result, Tensor};
use std::sync::Arc;

fn states_of(layer: &dyn Layer) -> Vec<Arc<Variable>> {
    let own = layer.base().built().map_or(&[][..], |built| &built.variables);
    let own = own.iter().filter(|v| v.role == Role::State).cloned();
    own.chain(layer.layers_within().iter().flat_map(|child| states_of(&**child))).collect()
}

/// States of recurrent layers.
impl dyn Layer {
    /// The states that a stateful recurrent layer, and those within, keep from batch to batch; none before it is built. Keras's
    /// `states`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn states(&self) -> Result<Vec<Tensor>> {
        states_of(self).iter().map(|state| state.value()).collect()
    }

    /// Puts the states that a stateful recurrent layer, and those within, keep from batch to batch back to zero. Keras's
    /// `reset_state`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// # fn main() -> Result<()> {
    /// let x = Input::new([5, 3]).batch_size(2).tensor();
    /// let mut model = Model::new([x.clone()], [GRU::new(4).stateful(true).name("gru").apply(&x)])?;
    /// let text = Tensor::ones([2, 5, 3], DType::F32);
    /// let first = model.predict(&text, Predict::new().batch_size(2))?;
    /// assert_ne!(model.predict(&text, Predict::new().batch_size(2))?, first);
    /// model.get_layer("gru")?.reset_state()?;
    /// assert_eq!(model.predict(&text, Predict::new().batch_size(2))?, first);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the layer can have no states, or the device fails.
    pub fn reset_state(&self) -> Result<()> {
        let states = states_of(self);
        if states.is_empty() && self.config()?.get("stateful").is_none() {
            let message = format!("{} keeps no states from batch to batch", self.name());
            return Err(Error::State(message).help("a recurrent layer does with `stateful(true)`"));
        }
        states.iter().try_for_each(|state| {
            cornu_graph::memory::room(&state.spec)?;
            state.assign(&Tensor::zeros(state.spec.shape.clone(), state.spec.dtype))
        })
    }
}
