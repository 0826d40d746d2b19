//! The learning rates of an optimizer while a model is trained.
use super::Optimizer;
use crate::models::weights::ModelVariable;
use crate::variable::Variable;
use cornu_graph::{DType, Error, Result, Tensor};
use std::sync::Arc;

/// The learning rate of the optimizer, or of one of several within.
#[derive(Debug)]
pub(crate) struct Rate {
    /// The name of the optimizer, where it is one of several.
    pub optimizer: Option<String>,
    /// Of the next step.
    pub value: f64,
    /// Where it is kept, unless a schedule gives it.
    variable: Option<Arc<Variable>>,
}

impl Rate {
    /// Sets it for the steps to come.
    ///
    /// # Errors
    /// When a schedule gives it, or the device fails.
    pub fn set(&self, rate: f64) -> Result<()> {
        let variable = self.variable.as_ref().ok_or_else(follows_schedule)?;
        variable.assign(&Tensor::scalar(rate).cast(DType::F32))
    }
}

/// Nobody sets the rate that a schedule gives.
pub(crate) fn follows_schedule() -> Error {
    let message =
        "the optimizer was created with a learning rate schedule, hence its learning rate is not settable";
    Error::State(message.into()).help("give the optimizer a number to set it by hand or by a callback")
}

impl Optimizer {
    /// Its learning rate; of a `MultiOptimizer` those of the optimizers within, in their order. `own` are its variables.
    pub(crate) fn rates(&self, own: &[Arc<Variable>], trainable: &[ModelVariable]) -> Result<Vec<Rate>> {
        let one = |of: &Optimizer, name: Option<String>, own: &[Arc<Variable>]| {
            let (_, from) = of.leading()?;
            let variable = own.iter().skip(from).find(|v| v.name == "learning_rate" && !of.has_schedule());
            Ok(Rate { optimizer: name, value: of.current_learning_rate(own)?, variable: variable.cloned() })
        };
        let rule = self.get()?;
        match rule.wrapper().filter(|wrapper| wrapper.leading().is_none()) {
            None => Ok(vec![one(self, None, own)?]),
            Some(wrapper) => {
                let parts = self.parts(Some(trainable))?;
                let each = wrapper.inner().into_iter().zip(parts);
                each.map(|(inner, part)| one(inner, Some(part.name), &own[part.variables])).collect()
            }
        }
    }
}
