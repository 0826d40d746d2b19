//! Optimizers: how weights follow their gradients.
mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod apply;
mod declare;
mod ftrl;
mod lamb;
mod learning_rate;
mod lion;
mod loss_scale_optimizer;
mod multi_optimizer;
mod muon;
mod nadam;
mod rates;
mod rmsprop;
mod schedule_free_adamw;
pub mod schedules;
mod settings;
mod sgd;
mod wrapper;

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use learning_rate::LearningRate;
pub use lion::Lion;
pub use loss_scale_optimizer::LossScaleOptimizer;
pub use multi_optimizer::{ByPath, MultiOptimizer, OptimizerMap, Patterns};
pub use muon::Muon;
pub use nadam::Nadam;
pub(crate) use rates::{Rate, follows_schedule};
pub use rmsprop::RMSprop;
pub use schedule_free_adamw::ScheduleFreeAdamW;
pub use settings::{Excluded, Settings};
pub use sgd::SGD;
pub(crate) use wrapper::Part;
pub use wrapper::{Inner, Step as WrappedStep, Wrapper};

use crate::layers::Trace;
use crate::layers::lora::other_weights;
use crate::models::weights::ModelVariable;
use crate::object::number::refuse_nan_in;
use crate::object::{Saved, family};
use crate::variable::{Role, Variable};
use cornu_graph::{Result, Spec, Tensor, Value};
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
    fn slots(&self, weight: &Weight) -> Vec<Vec<Slot>>;

    /// The part of this weight, times the learning rate, that is taken from it before each step.
    fn weight_decay(&self, weight: &Weight) -> Option<f64> {
        let _ = weight;
        self.settings().weight_decay
    }

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

    /// For an optimizer around others: what it does besides them. It then updates no weight itself.
    fn wrapper(&self) -> Option<&dyn Wrapper> {
        None
    }

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

/// A weight as optimizers tell it from others.
#[derive(Clone, Copy, Debug)]
pub struct Weight<'a> {
    /// Where it stands in the model: `dense/kernel`.
    pub path: &'a str,
    /// Shape and dtype.
    pub spec: &'a Spec,
}

/// Something that an optimizer keeps from step to step.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Its name, after that of the weight: `momentum`.
    pub name: &'static str,
    /// What it starts with.
    pub initial: Initial,
    /// Its shape and dtype, where they are not those of the weight.
    pub spec: Option<Spec>,
}

/// What a [`Slot`] starts with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// Every element is this number.
    Full(f64),
    /// The weight as it is before the first step.
    Weight,
}

impl Slot {
    /// A slot that starts with zeros.
    pub fn zeros(name: &'static str) -> Slot {
        Slot::full(name, 0.0)
    }

    /// A slot whose elements all start with `value`.
    pub fn full(name: &'static str, value: f64) -> Slot {
        Slot { name, initial: Initial::Full(value), spec: None }
    }

    /// A slot that starts as a copy of the weight.
    pub fn copy(name: &'static str) -> Slot {
        Slot { name, initial: Initial::Weight, spec: None }
    }

    /// The same with a shape and dtype of its own.
    pub fn spec(self, spec: Spec) -> Slot {
        Slot { spec: Some(spec), ..self }
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
        Adafactor = "adafactor",
        Muon = "muon",
        ScheduleFreeAdamW = "schedulefreeadamw",
        LossScaleOptimizer,
        MultiOptimizer,
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
        rule.check()?;
        refuse_nan_in(rule.saved())
    }

    /// Whether the learning rate follows a schedule.
    pub(crate) fn has_schedule(&self) -> bool {
        let leading = self.leading().and_then(|(optimizer, _)| optimizer.get());
        leading.is_ok_and(|rule| rule.learning_rate().is_schedule())
    }

    /// What the gradient is taken of.
    pub(crate) fn scale_loss(&self, trace: &Trace, loss: &Value, own: &[Arc<Variable>]) -> Result<Value> {
        let rule = self.get()?;
        if let Some(wrapper) = rule.wrapper() {
            let own: Vec<Value> = own.iter().map(|v| trace.read(v)).collect();
            return Ok(wrapper.scale_loss(loss, &own));
        }
        Ok(rule.settings().loss_scale_factor.map_or_else(|| loss.clone(), |factor| loss * factor))
    }

    /// The optimizer's own variables for these weights.
    pub(crate) fn variables(&self, trainable: &[ModelVariable]) -> Result<Vec<Arc<Variable>>> {
        let values = trainable.iter().map(|w| w.variable.value()).collect::<Result<Vec<_>>>()?;
        let weights: Vec<(&str, &Tensor)> = paths(trainable).into_iter().zip(&values).collect();
        let state = |(name, value)| Arc::new(Variable::new(name, Role::State, value));
        Ok(self.build(&weights)?.into_iter().map(state).collect())
    }

    /// Fails when these are not variables for these weights, as after layers got LoRA.
    pub(crate) fn check_variables(&self, own: &[Arc<Variable>], trainable: &[ModelVariable]) -> Result<()> {
        let specs = |variables: &[Arc<Variable>]| variables.iter().map(|v| v.spec.clone()).collect();
        let (expected, found): (Vec<Spec>, Vec<Spec>) = (specs(&self.variables(trainable)?), specs(own));
        if expected == found { Ok(()) } else { Err(other_weights()) }
    }

    /// Adds one step to a trace and constrains the weights.
    pub(crate) fn apply(
        &self,
        trace: &Trace,
        own: &[Arc<Variable>],
        trainable: &[ModelVariable],
        grads: &[Value],
    ) -> Result<()> {
        let before: Vec<Value> = own.iter().map(|v| trace.read(v)).collect();
        let weights: Vec<Value> = trainable.iter().map(|w| trace.read(&w.variable)).collect();
        let (weights, after) = self.stateless_apply(&before, grads, &paths(trainable), &weights)?;
        for (ModelVariable { variable, .. }, value) in trainable.iter().zip(weights) {
            let constrained = variable.constraint.as_ref().map(|c| c.call(&value)).transpose()?;
            trace.write(variable, constrained.unwrap_or(value));
        }
        own.iter().zip(after).for_each(|(v, value)| trace.write(v, value));
        trace.builder().check()
    }

    /// The weights whose running means are kept, with the means.
    pub(crate) fn means<'a>(
        &self,
        own: &'a [Arc<Variable>],
        trainable: &'a [ModelVariable],
    ) -> Result<Vec<(&'a Variable, &'a Variable)>> {
        let specs: Vec<Weight> = trainable.iter().map(weight).collect();
        let places = self.averages(&specs)?;
        let pair = |(w, place): (&'a ModelVariable, Option<usize>)| Some((&*w.variable, &**own.get(place?)?));
        Ok(trainable.iter().zip(places).filter_map(pair).collect())
    }

    /// Replaces the weights by their running means, if these are kept. Keras's `finalize_variable_values`.
    pub(crate) fn finalize(&self, own: &[Arc<Variable>], trainable: &[ModelVariable]) -> Result<()> {
        self.means(own, trainable)?.into_iter().try_for_each(|(weight, mean)| weight.assign(&mean.value()?))
    }

    /// The optimizer whose learning rate is that of the whole, and where its variables begin.
    fn leading(&self) -> Result<(&Optimizer, usize)> {
        self.get()?.wrapper().map_or(Ok((self, 0)), wrapper::leading)
    }

    /// The learning rate of the next step.
    pub(crate) fn current_learning_rate(&self, own: &[Arc<Variable>]) -> Result<f64> {
        let (optimizer, from) = self.leading()?;
        let first = own.iter().skip(from).take(2).map(|v| v.value()).collect::<Result<Vec<Tensor>>>()?;
        optimizer.learning_rate(&first)
    }

    /// The variable that holds the learning rate, where no schedule gives it.
    pub(crate) fn learning_rate_variable<'a>(
        &self,
        own: &'a [Arc<Variable>],
    ) -> Result<Option<&'a Variable>> {
        let (_, from) = self.leading()?;
        Ok(own.iter().skip(from).find(|v| v.name == "learning_rate").map(|v| &**v))
    }

    /// Parts of the variables that stand a second time in Keras's files; of those for these weights, or of those
    /// [before it knows a weight](Optimizer::before_weights).
    pub(crate) fn parts(&self, trainable: Option<&[ModelVariable]>) -> Result<Vec<Part>> {
        let known = trainable.map(|trainable| trainable.iter().map(weight).collect::<Vec<Weight>>());
        self.get()?.wrapper().map_or(Ok(vec![]), |wrapper| wrapper::files(wrapper, known.as_deref()))
    }

    /// Its name in files.
    pub(crate) fn saved_name(&self) -> String {
        let saved = serde_json::to_value(self).unwrap_or_default();
        saved["config"]["name"].as_str().unwrap_or("optimizer").into()
    }
}

fn paths(trainable: &[ModelVariable]) -> Vec<&str> {
    trainable.iter().map(|w| w.path.as_str()).collect()
}

fn weight(w: &ModelVariable) -> Weight<'_> {
    Weight { path: &w.path, spec: &w.variable.spec }
}
