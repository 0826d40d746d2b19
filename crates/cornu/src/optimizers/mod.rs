//! Optimizers: how weights follow their gradients.
mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::SGD;

use crate::layers::Trace;
use crate::object::{Saved, family};
use crate::variable::{Role, Variable};
use cornu_graph::{DType, Error, Result, Tensor, Value};
use std::fmt;
use std::sync::Arc;

/// What an optimizer does with each weight.
pub trait OptimizerRule: Saved + fmt::Debug + Send + Sync {
    /// Step size at the start.
    fn learning_rate(&self) -> f64;

    /// Names of what it keeps for each weight, in the order in which Keras saves them.
    fn slots(&self) -> Vec<&'static str>;

    /// The weight after a step; `slots` are replaced by their next values.
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

    /// Limits on gradients.
    fn clipping(&self) -> Clipping {
        Clipping::default()
    }

    /// Fails on arguments that make no sense.
    ///
    /// # Errors
    /// The first such argument.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// What is the same for all weights of a step.
pub struct Step {
    /// Step size, a float32 scalar.
    pub learning_rate: Value,
    /// Number of this step, from 1, a float32 scalar.
    pub number: Value,
}

/// Limits on gradients; at most one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clipping {
    /// Longest gradient of each weight.
    pub clipnorm: Option<f64>,
    /// Largest element.
    pub clipvalue: Option<f64>,
    /// Longest gradient of all weights together.
    pub global_clipnorm: Option<f64>,
}

family! {
    /// An optimizer, by name (`"adam"`), as an object, or user code.
    Optimizer("optimizer"): OptimizerRule {
        SGD = "sgd",
        Adam = "adam",
    }
}

impl Optimizer {
    /// Fails when the name given is none or an argument makes no sense.
    ///
    /// # Errors
    /// The unknown name, or the argument.
    pub fn check(&self) -> Result<()> {
        self.get()?.check()
    }

    /// Whether the learning rate follows a schedule.
    pub(crate) fn has_schedule(&self) -> bool {
        false
    }

    /// The optimizer's own variables: steps done, learning rate, then the slots of each weight.
    pub(crate) fn variables(&self, trainable: &[Arc<Variable>]) -> Result<Vec<Arc<Variable>>> {
        let rule = self.get()?;
        let state = |name: &str, value: Tensor| Arc::new(Variable::new(name, Role::State, value));
        let mut variables = vec![
            state("iteration", Tensor::scalar(0i64)),
            state("learning_rate", Tensor::scalar(rule.learning_rate() as f32)),
        ];
        for weight in trainable {
            for slot in rule.slots() {
                let zeros = Tensor::zeros(weight.spec.shape.clone(), weight.spec.dtype);
                variables.push(state(&format!("{}_{slot}", weight.name), zeros));
            }
        }
        Ok(variables)
    }

    /// Adds one step to a trace: clips, updates, constrains.
    pub(crate) fn apply(
        &self,
        trace: &Trace,
        own: &[Arc<Variable>],
        trainable: &[Arc<Variable>],
        grads: Vec<Value>,
    ) -> Result<()> {
        let rule = self.get()?;
        let [iteration, learning_rate, slots @ ..] = own else {
            return Err(Error::State("the optimizer has no variables".into()));
        };
        let count = trace.read(iteration);
        let number = (&count + 1).cast(DType::F32);
        let step = Step { learning_rate: trace.read(learning_rate), number };
        trace.write(iteration, count + 1);
        let grads = rule.clipping().apply(grads);
        let per_weight = rule.slots().len();
        for (i, (weight, gradient)) in trainable.iter().zip(grads).enumerate() {
            let own = &slots[i * per_weight..(i + 1) * per_weight];
            let mut values: Vec<Value> = own.iter().map(|v| trace.read(v)).collect();
            let mut next = rule.update_step(&step, &trace.start(weight), &gradient, &mut values)?;
            if let Some(constraint) = &weight.constraint {
                next = constraint.call(&next)?;
            }
            trace.write(weight, next);
            own.iter().zip(values).for_each(|(v, value)| trace.write(v, value));
        }
        trace.builder().check()
    }
}

impl Clipping {
    fn apply(&self, grads: Vec<Value>) -> Vec<Value> {
        let square = |g: &Value| g.square().sum(g.all_axes());
        let shrink = |g: &Value, norm: &Value, limit: f64| {
            let over = norm.maximum(&norm.scalar(limit));
            g * (limit / over)
        };
        if let Some(limit) = self.clipvalue {
            return grads.iter().map(|g| g.clip(-limit, limit)).collect();
        }
        if let Some(limit) = self.clipnorm {
            return grads.iter().map(|g| shrink(g, &square(g).sqrt(), limit)).collect();
        }
        if let Some(limit) = self.global_clipnorm {
            let Some(sum) = grads.iter().map(square).reduce(|a, b| a + b) else { return grads };
            let norm = sum.sqrt();
            return grads.iter().map(|g| shrink(g, &norm, limit)).collect();
        }
        grads
    }
}
