//! What code of a user works with while a step is traced.
use super::State;
use crate::layers::lora::changes;
use crate::layers::{LayerRef, Trace};
use crate::models::weights::{ModelVariable, variables_of};
use crate::optimizers::Optimizer;
use crate::training::step::{Phase, update_mean};
use crate::training::trainer::{LossMean, Ready};
use cornu_graph::{Builder, DType, Error, Result, Tensor, Value, gradient};
use std::cell::RefCell;

/// What the closure of a [`TrainStep`](super::TrainStep), a [`PredictStep`](super::PredictStep) or a
/// [`Model::set_train_step`](crate::models::Model::set_train_step) works with.
pub struct StepContext<'a> {
    trace: &'a Trace,
    state: &'a State,
    model: Option<OfModel<'a>>,
    /// How many optimizers have been at work.
    updates: RefCell<usize>,
    /// What calls added to the loss, by the number of the layer.
    losses: RefCell<Vec<(u64, Value)>>,
}

impl<'a> StepContext<'a> {
    pub(super) fn new(trace: &'a Trace, state: &'a State, model: Option<OfModel<'a>>) -> StepContext<'a> {
        StepContext { trace, state, model, updates: RefCell::new(0), losses: RefCell::default() }
    }
}

impl StepContext<'_> {
    /// The graph being built, for constants.
    pub fn builder(&self) -> &Builder {
        self.trace.builder()
    }

    /// The output of a layer or model with one input and one output; with `training`, dropout drops and batch
    /// normalization uses and learns from the batch.
    ///
    /// # Errors
    /// What went wrong in the layer, with its path.
    pub fn call(&self, layer: &LayerRef, x: &Value, training: bool) -> Result<Value> {
        let mut outputs = self.call_many(layer, std::slice::from_ref(x), training)?;
        match outputs.len() {
            1 => Ok(outputs.remove(0)),
            n => {
                Err(Error::State(format!("layer `{}` gives {n} outputs", layer.name()))
                    .help("use `call_many`"))
            }
        }
    }

    /// The outputs of a layer or model with several inputs or outputs.
    ///
    /// # Errors
    /// What went wrong in the layer, with its path.
    pub fn call_many(&self, layer: &LayerRef, inputs: &[Value], training: bool) -> Result<Vec<Value>> {
        let before = self.trace.losses().len();
        let outputs = self.trace.apply_in_phase(training, &**layer, inputs)?;
        let added = self.trace.losses().into_iter().skip(before).map(|loss| (layer.base().id(), loss));
        self.losses.borrow_mut().extend(added);
        Ok(outputs)
    }

    /// The penalties of a layer or model: of its regularized weights, and what its calls so far added. Keras's
    /// `model.losses`, summed; add it to the loss.
    ///
    /// # Errors
    /// When a regularizer does not fit its weight.
    pub fn penalties(&self, layer: &LayerRef) -> Result<Value> {
        let mut sum = self.builder().constant(Tensor::scalar(0f32));
        for (_, loss) in self.losses.borrow().iter().filter(|(id, _)| *id == layer.base().id()) {
            sum = sum + loss.cast(DType::F32);
        }
        for v in variables_of(&**layer).iter().filter(|v| v.trainable) {
            if let Some(regularizer) = &v.variable.regularizer {
                sum = sum + regularizer.call(&self.trace.read(&v.variable))?.cast(DType::F32);
            }
        }
        Ok(sum)
    }

    /// Random numbers that differ from step to step: `draw` gets the state of the step's generator and gives the next state
    /// and the numbers, as [`Value::random_normal`] does.
    pub fn random(&self, draw: impl FnOnce(&Value) -> (Value, Value)) -> Value {
        let (state, numbers) = draw(&self.trace.read(&self.state.seed));
        self.trace.write(&self.state.seed, state);
        numbers
    }

    /// The gradient of a scalar for each trainable weight of a layer or model, in the order of its weights.
    ///
    /// Weights count as they are now: those that an update in this step came after the loss was computed do not
    /// appear in it, and their gradients are 0.
    ///
    /// # Errors
    /// When the loss is no scalar.
    pub fn gradients(&self, loss: &Value, layer: &LayerRef) -> Result<Vec<Value>> {
        self.builder().check()?;
        let weights = trainable(layer);
        self.trace.gradients(&loss.cast(DType::F32), weights.iter().map(|w| &w.variable))
    }

    /// The gradient of a scalar for each of these values, among them inputs and what layers gave on the way: what TensorFlow's
    /// `GradientTape.gradient(target, sources)` is for. It can take part in a loss, as in a penalty of gradients.
    ///
    /// # Errors
    /// When `target` is no scalar, or what lies between has no gradient.
    pub fn value_gradients(&self, target: &Value, sources: &[&Value]) -> Result<Vec<Value>> {
        let sources: Vec<Value> = sources.iter().map(|&v| v.clone()).collect();
        gradient(&target.cast(DType::F32), &sources)
    }

    /// One update of the trainable weights of a layer or model by these gradients. Each call has an optimizer state of its
    /// own, which lives as long as the step.
    ///
    /// # Errors
    /// When an argument of the optimizer makes no sense, or the number of gradients is another.
    pub fn apply_gradients(
        &self,
        gradients: Vec<Value>,
        layer: &LayerRef,
        optimizer: &Optimizer,
    ) -> Result<()> {
        optimizer.check()?;
        let weights = trainable(layer);
        if gradients.len() != weights.len() {
            let message =
                format!("`{}` has {} weights, got {}", layer.name(), weights.len(), gradients.len());
            return Err(Error::argument("gradients", message));
        }
        let number = self.updates.replace_with(|n| *n + 1);
        let mut optimizers = self.state.optimizers.borrow_mut();
        match optimizers.get(number) {
            None => optimizers.push(optimizer.variables(&weights)?),
            Some(own) if changes() > 0 => optimizer.check_variables(own, &weights)?,
            Some(_) => {}
        }
        optimizer.apply(self.trace, &optimizers[number], &weights, &gradients)
    }

    /// [`StepContext::gradients`] and [`StepContext::apply_gradients`].
    ///
    /// # Errors
    /// Those of both.
    pub fn minimize(&self, loss: &Value, layer: &LayerRef, optimizer: &Optimizer) -> Result<()> {
        self.apply_gradients(self.gradients(loss, layer)?, layer, optimizer)
    }

    /// The model whose step this is, to be called: Keras's `self`. In a step of
    /// [`Model::set_train_step`](crate::models::Model::set_train_step) or `set_test_step`.
    ///
    /// # Errors
    /// When this is no step of a model.
    pub fn model(&self) -> Result<&LayerRef> {
        Ok(&self.of_model("model", "`Model::as_layer` gives a model to be called")?.layer)
    }

    /// One update of all trainable weights of the model by the optimizer that it was compiled with: in a step of
    /// [`Model::set_train_step`](crate::models::Model::set_train_step).
    ///
    /// # Errors
    /// When the loss is no scalar, or this is no step of a model in training.
    pub fn optimize(&self, loss: &Value) -> Result<()> {
        self.builder().check()?;
        let OfModel { ready, phase, .. } =
            self.of_model("optimize", "`minimize` takes a layer and an optimizer")?;
        if *phase != Phase::Train {
            return Err(Error::State("`optimize` is for steps of training, not of evaluation".into()));
        }
        let loss = ready.rule.scale_loss(self.trace, &loss.cast(DType::F32), &ready.optimizer)?;
        let gradients = self.trace.gradients(&loss, ready.trainable.iter().map(|w| &w.variable))?;
        ready.apply_optimizer(self.trace, &gradients)
    }

    /// The mean of a scalar over the batches of the epoch so far, to be reported: what a `keras.metrics.Mean` of this name is for.
    /// In a step of [`Model::set_train_step`](crate::models::Model::set_train_step).
    ///
    /// # Errors
    /// When the value is no scalar, or this is no step of a model.
    pub fn mean(&self, name: &str, value: &Value) -> Result<Value> {
        self.builder().check()?;
        self.of_model("mean", "take the mean of the logs of each batch")?;
        if value.rank() > 0 {
            return Err(
                Error::argument("mean", format!("`{name}` is {}", value.spec())).help("give a scalar")
            );
        }
        let mut means = self.state.means.borrow_mut();
        let at = means.iter().position(|mean| mean.name == name).unwrap_or_else(|| {
            means.push(LossMean::new(name.to_string()));
            means.len() - 1
        });
        Ok(update_mean(self.trace, &means[at], &value.cast(DType::F32), 1))
    }

    fn of_model(&self, what: &str, instead: &str) -> Result<&OfModel<'_>> {
        let error =
            || Error::State(format!("`{what}` is for steps of a model in `fit` or `evaluate`")).help(instead);
        self.model.as_ref().ok_or_else(error)
    }
}

/// The model whose step is traced.
pub(crate) struct OfModel<'a> {
    pub layer: LayerRef,
    pub ready: &'a Ready,
    pub phase: Phase,
}

/// The weights that an optimizer updates.
fn trainable(layer: &LayerRef) -> Vec<ModelVariable> {
    variables_of(&**layer).into_iter().filter(|v| v.trainable).collect()
}
