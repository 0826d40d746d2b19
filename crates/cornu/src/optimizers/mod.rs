//! Optimizers: how weights follow their gradients.
mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod apply;
mod declare;
mod ftrl;
mod lamb;
mod learning_rate;
mod lion;
mod nadam;
mod rmsprop;
pub mod schedules;
mod settings;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use learning_rate::LearningRate;
pub use lion::Lion;
pub use nadam::Nadam;
pub use rmsprop::RMSprop;
pub use settings::Settings;
pub use sgd::SGD;

use crate::layers::Trace;
use crate::object::{Saved, family};
use crate::variable::{Role, Variable};
use cornu_graph::{Error, Result, Spec, Tensor, Value};
use declare::{optimizer, shared_arguments};
use std::fmt;
use std::sync::Arc;

/// What an optimizer does with each weight.
pub trait OptimizerRule: Saved + fmt::Debug + Send + Sync {
    /// Step size.
    fn learning_rate(&self) -> LearningRate;

    /// What is done around the update of each weight: decay, limits on gradients, means of weights.
    fn settings(&self) -> Settings {
        Settings::default()
    }

    /// What it keeps for each weight. Keras saves the slots of a group weight by weight, and one group after the other.
    fn slots(&self) -> Vec<Vec<Slot>>;

    /// What it keeps once, not for each weight: float32 scalars.
    fn scalars(&self) -> Vec<Slot> {
        vec![]
    }

    /// Brings [`Step::scalars`] to this step, before any weight is updated.
    fn update_scalars(&self, step: &mut Step) {
        let _ = step;
    }

    /// The weight after a step; `slots`, those of all groups, are replaced by their next values.
    ///
    /// # Errors
    /// When an argument makes no sense.
    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value>;

    /// Fails on arguments that make no sense.
    ///
    /// # Errors
    /// The first such argument.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// What is the same for all weights of a step: scalars in the dtype of the weight.
pub struct Step {
    /// Step size.
    pub learning_rate: Value,
    /// Number of this step, from 1.
    pub number: Value,
    /// What the optimizer keeps once.
    pub scalars: Vec<Value>,
}

impl Step {
    /// `beta` to the number of this step.
    pub fn power(&self, beta: f64) -> Value {
        self.number.scalar(beta).pow(&self.number)
    }
}

/// Something that an optimizer keeps from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// Its name, after that of the weight: `momentum`.
    pub name: &'static str,
    /// Every element of it at the start.
    pub initial: f64,
}

impl Slot {
    /// A slot that starts with zeros.
    pub fn zeros(name: &'static str) -> Slot {
        Slot { name, initial: 0.0 }
    }
}

family! {
    /// An optimizer, by name (`"adam"`), as an object, or user code.
    Optimizer("optimizer", by_name): OptimizerRule {
        SGD = "sgd",
        RMSprop = "rmsprop",
        Adam = "adam",
        AdamW = "adamw",
        Adadelta = "adadelta",
        Adagrad = "adagrad",
        Adamax = "adamax",
        Nadam = "nadam",
        Ftrl = "ftrl",
        Lion = "lion",
        Lamb = "lamb",
    }
}

impl Optimizer {
    /// Names of optimizers may be written in capitals.
    fn by_name(self, name: &str) -> Optimizer {
        let small = name.to_lowercase();
        match self {
            Optimizer::Unknown(_) if small != name => match Optimizer::from(small) {
                Optimizer::Unknown(_) => self,
                found => found,
            },
            known => known,
        }
    }

    /// Fails when the name given is none or an argument makes no sense.
    ///
    /// # Errors
    /// The unknown name, or the argument.
    pub fn check(&self) -> Result<()> {
        let rule = self.get()?;
        rule.learning_rate().check()?;
        rule.settings().check()?;
        rule.check()
    }

    /// Whether the learning rate follows a schedule.
    pub(crate) fn has_schedule(&self) -> bool {
        self.get().is_ok_and(|rule| rule.learning_rate().is_schedule())
    }

    /// What the gradient is taken of.
    pub(crate) fn scale_loss(&self, loss: &Value) -> Result<Value> {
        Ok(self.get()?.settings().loss_scale_factor.map_or_else(|| loss.clone(), |factor| loss * factor))
    }

    /// The optimizer's own variables for these weights.
    pub(crate) fn variables(&self, trainable: &[Arc<Variable>]) -> Result<Vec<Arc<Variable>>> {
        let weights: Vec<(&str, &Spec)> = trainable.iter().map(|w| (w.name.as_str(), &w.spec)).collect();
        let state = |(name, value)| Arc::new(Variable::new(name, Role::State, value));
        Ok(self.build(&weights)?.into_iter().map(state).collect())
    }

    /// Adds one step to a trace and constrains the weights.
    pub(crate) fn apply(
        &self,
        trace: &Trace,
        own: &[Arc<Variable>],
        trainable: &[Arc<Variable>],
        grads: &[Value],
    ) -> Result<()> {
        let before: Vec<Value> = own.iter().map(|v| trace.read(v)).collect();
        let weights: Vec<Value> = trainable.iter().map(|v| trace.read(v)).collect();
        let (weights, after) = self.stateless_apply(&before, grads, &weights)?;
        for (variable, value) in trainable.iter().zip(weights) {
            let constrained = variable.constraint.as_ref().map(|c| c.call(&value)).transpose()?;
            trace.write(variable, constrained.unwrap_or(value));
        }
        own.iter().zip(after).for_each(|(v, value)| trace.write(v, value));
        trace.builder().check()
    }

    /// Replaces the weights by their running means, if these are kept. Keras's `finalize_variable_values`.
    pub(crate) fn finalize(&self, own: &[Arc<Variable>], trainable: &[Arc<Variable>]) -> Result<()> {
        let Some(averages) = self.averages(trainable.len())? else { return Ok(()) };
        let averages =
            own.get(averages).ok_or_else(|| Error::State("the optimizer keeps no means".into()))?;
        trainable.iter().zip(averages).try_for_each(|(weight, mean)| weight.assign(&mean.value()?))
    }

    /// The learning rate of the next step.
    pub(crate) fn current_learning_rate(&self, own: &[Arc<Variable>]) -> Result<f64> {
        let first = own.iter().take(2).map(|v| v.value()).collect::<Result<Vec<Tensor>>>()?;
        self.learning_rate(&first)
    }
}
