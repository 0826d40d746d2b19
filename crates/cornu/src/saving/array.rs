//! Arrays on their way into a file: there, or fetched when their turn comes, so that saving need not hold all of them.
use crate::layers::lora::Lora;
use crate::layers::weights::Built;
use crate::variable::{Role, Variable};
use cornu_graph::{DType, Error, Result, Spec, Tensor};
use std::sync::Arc;

/// An array of a file to be.
#[derive(Clone, Debug)]
pub(super) enum Array {
    /// Its values.
    Here(Tensor),
    /// The value of a variable.
    Of(Arc<Variable>),
    /// The weight of a layer with LoRA, and what is added to it.
    Merged(Arc<Built>),
}

impl From<Tensor> for Array {
    fn from(tensor: Tensor) -> Array {
        Array::Here(tensor)
    }
}

impl Array {
    /// A variable as Keras's files have it. The dtype of integers may depend on their values, which are few.
    ///
    /// # Errors
    /// When a device fails.
    pub fn of(variable: &Arc<Variable>) -> Result<Array> {
        if variable.spec.dtype.is_float() {
            return Ok(Array::Of(variable.clone()));
        }
        let value = variable.to_save()?;
        // Keras holds the state of a generator in uint32.
        let fits =
            |t: &Tensor| t.as_slice::<u64>().is_ok_and(|s| s.iter().all(|&x| u32::try_from(x).is_ok()));
        let is_short = variable.role == Role::Seed && fits(&value);
        Ok(Array::Here(if is_short { value.cast(DType::U32) } else { value }))
    }

    /// Shape and dtype.
    pub fn spec(&self) -> Spec {
        match self {
            Array::Here(tensor) => Spec::new(tensor.dtype(), tensor.shape()),
            Array::Of(variable) => variable.spec.clone(),
            Array::Merged(built) => built.lora.get().map_or(Spec::f32([]), |lora| lora.target.spec.clone()),
        }
    }

    /// Its values.
    ///
    /// # Errors
    /// When a device fails.
    pub fn tensor(&self) -> Result<Tensor> {
        let gone = || Error::State("the LoRA of a layer went while the layer was saved".into());
        match self {
            Array::Here(tensor) => Ok(tensor.clone()),
            Array::Of(variable) => variable.value(),
            Array::Merged(built) => built.lora.get().map(Lora::merged).ok_or_else(gone)?,
        }
    }
}
