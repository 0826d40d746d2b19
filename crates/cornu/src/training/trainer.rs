//! What a model keeps between `compile`, `fit`, `evaluate` and `predict`.
use crate::layers::Trace;
use crate::layers::lora::{changes, other_weights};
use crate::metrics::{Direction, Metric};
use crate::models::Model;
use crate::models::weights::ModelVariable;
use crate::optimizers::{Optimizer, follows_schedule};
use crate::training::compile::{Compile, PerOutput, check_steps_per_execution};
use crate::training::custom::OwnStep;
use crate::training::run::Program;
use crate::training::step::{Phase, StepSpec, of_pair};
use crate::variable::{Role, Variable};
use cornu_graph::{DType, Error, Result, Spec, Tensor, Value};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Compile settings, compiled programs and the state of optimizer and metrics.
#[derive(Debug, Default)]
pub(crate) struct Trainer {
    pub compile: Option<Arc<Compile>>,
    /// Made on the first data after `compile`.
    pub ready: Option<Arc<Ready>>,
    /// One for each phase and shape of batch.
    pub programs: HashMap<StepSpec, Program>,
    pub stop_training: bool,
    pub stop_evaluating: bool,
    pub stop_predicting: bool,
    /// The epoch that `fit` ends before.
    pub epochs: usize,
    /// The epoch to begin with, where a callback knows better than the caller of `fit`.
    pub initial_epoch: Option<usize>,
    /// The state of the order of samples; made at first use.
    pub shuffler: OnceLock<Arc<Variable>>,
    /// The optimizer's variables from a checkpoint, for the next [`Ready`].
    pub resume: Option<Vec<Arc<Variable>>>,
    /// [`changes`] when the programs were made.
    pub changes: u64,
    /// What to do with a batch instead of what `compile` says.
    pub own: HashMap<Phase, OwnStep>,
    /// A mistake made while layers were added.
    error: Option<Error>,
}

impl Trainer {
    /// Optimizer and metrics of a model in training.
    pub fn ready(&self) -> Result<Arc<Ready>> {
        self.ready
            .clone()
            .ok_or_else(|| Error::State("the model was not trained since it was compiled".into()))
    }
}

/// Optimizer and metrics with their variables.
#[derive(Debug)]
pub(crate) struct Ready {
    pub outputs: Vec<PerOutput>,
    /// Trainable weights at the time of `compile`.
    pub trainable: Vec<ModelVariable>,
    pub rule: Optimizer,
    pub optimizer: Vec<Arc<Variable>>,
    pub metrics: Vec<ReadyMetric>,
    /// Mean of the whole loss, then of the loss of each output when there are several.
    pub loss_means: Vec<LossMean>,
    /// [`changes`] when it was made, and how many variables the model had.
    pub made: (u64, usize),
}

/// A metric of one output.
#[derive(Debug)]
pub(crate) struct ReadyMetric {
    /// In logs and `History`.
    pub name: String,
    pub metric: Metric,
    pub output: usize,
    pub weighted: bool,
    pub state: Vec<Arc<Variable>>,
    /// The state to start each epoch with.
    pub initial: Vec<Tensor>,
}

/// A running mean.
#[derive(Debug)]
pub(crate) struct LossMean {
    pub name: String,
    pub total: Arc<Variable>,
    pub count: Arc<Variable>,
}

impl LossMean {
    pub fn new(name: String) -> LossMean {
        let zero = || Arc::new(Variable::new("mean", Role::State, Tensor::scalar(0f32)));
        LossMean { name, total: zero(), count: zero() }
    }
}

impl Ready {
    /// Sets metrics and means back, as at the start of an epoch.
    pub fn reset(&self) -> Result<()> {
        let zero = Tensor::scalar(0f32);
        self.loss_means
            .iter()
            .try_for_each(|m| m.total.assign(&zero).and_then(|()| m.count.assign(&zero)))?;
        let pairs = self.metrics.iter().flat_map(|m| m.state.iter().zip(&m.initial));
        pairs.into_iter().try_for_each(|(variable, value)| variable.assign(value))
    }

    /// Where the value of this name in logs goes when the model becomes better, if that is known. Metrics are found under their own
    /// names as well, as in Keras.
    pub fn direction(&self, name: &str) -> Option<Direction> {
        let by = |same: &dyn Fn(&ReadyMetric) -> bool| self.metrics.iter().find(|m| same(m));
        let metric = by(&|m| m.name == name).or_else(|| by(&|m| m.metric.name() == name));
        match metric {
            Some(metric) => metric.metric.direction(),
            None => self.loss_means.iter().any(|mean| mean.name == name).then_some(Direction::Down),
        }
    }

    /// Adds the update of all trainable weights to a step.
    pub fn apply_optimizer(&self, trace: &Trace, grads: &[Value]) -> Result<()> {
        self.rule.apply(trace, &self.optimizer, &self.trainable, grads)
    }

    /// Exchanges the weights and their running means.
    pub fn swap_means(&self) -> Result<()> {
        for (weight, mean) in self.means()? {
            let (w, m) = (weight.value()?, mean.value()?);
            weight.assign(&m)?;
            mean.assign(&w)?;
        }
        Ok(())
    }

    /// Makes the running means what the weights are.
    pub fn means_from_weights(&self) -> Result<()> {
        self.means()?.into_iter().try_for_each(|(weight, mean)| mean.assign(&weight.value()?))
    }

    fn means(&self) -> Result<Vec<(&Variable, &Variable)>> {
        let means = self.rule.means(&self.optimizer, &self.trainable)?;
        if means.is_empty() {
            let error = Error::State(
                "SwapEMAWeights needs an optimizer that keeps running means of the weights".into(),
            );
            return Err(error.help("give the optimizer `use_ema(true)`"));
        }
        Ok(means)
    }

    /// What the optimizer does after the last epoch.
    pub fn finalize(&self) -> Result<()> {
        self.rule.finalize(&self.optimizer, &self.trainable)
    }

    /// The variables of metrics and means.
    pub fn metric_variables(&self) -> impl Iterator<Item = &Arc<Variable>> {
        let means = self.loss_means.iter().flat_map(|m| [&m.total, &m.count]);
        means.chain(self.metrics.iter().flat_map(|m| &m.state))
    }
}

impl Trainer {
    /// Sets metrics and means back, as at the start of an epoch.
    pub fn reset(&self, ready: &Ready) -> Result<()> {
        ready.reset()?;
        self.own.values().try_for_each(OwnStep::reset)
    }

    /// Forgets programs and states, as when layers change.
    pub fn forget(&mut self) {
        self.ready = None;
        self.resume = None;
        self.programs.clear();
    }

    /// Keeps a mistake until someone can be told.
    pub fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    pub fn check(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }
}

impl Model {
    /// Sets optimizer, losses and metrics for training. Compiling again starts the optimizer over.
    ///
    /// # Errors
    /// A mistake in the layers; an unknown name, with the nearest known one; losses or metrics for outputs that the model does
    /// not have.
    pub fn compile(&mut self, compile: Compile) -> Result<()> {
        self.trainer.check()?;
        self.build_if_known()?;
        compile.optimizer.check()?;
        compile.check()?;
        if let Some(functional) = self.functional() {
            compile.per_output(&functional.output_names())?;
        }
        self.trainer.forget();
        let compile = if self.scales_loss() { compile.scaling() } else { compile };
        self.trainer.compile = Some(Arc::new(compile));
        self.tell_settings()
    }

    /// Takes over compile settings from a file; the new variables of the optimizer.
    pub(crate) fn compile_saved(&mut self, compile: Compile) -> Result<Vec<Arc<Variable>>> {
        self.trainer.forget();
        let compile = if self.scales_loss() { compile.scaling() } else { compile };
        let trainable: Vec<_> = self.variables()?.into_iter().filter(|v| v.trainable).collect();
        let variables = compile.optimizer.variables(&trainable)?;
        self.trainer.compile = Some(Arc::new(compile));
        self.tell_settings()?;
        Ok(variables)
    }

    /// The variables of the optimizer in the order in which Keras saves them; none before the first data since `compile`. Keras's
    /// `optimizer.variables`.
    pub fn optimizer_variables(&self) -> Option<&[Arc<Variable>]> {
        let of_ready = self.trainer.ready.as_ref().map(|r| r.optimizer.as_slice());
        of_ready.or(self.trainer.resume.as_deref())
    }

    pub(crate) fn compiled(&self) -> Result<Arc<Compile>> {
        self.trainer.compile.clone().ok_or_else(|| {
            let error = Error::State(format!("model `{}` is not compiled", self.name()));
            error.help("call `compile` with an optimizer and a loss before `fit` or `evaluate`")
        })
    }

    /// Makes optimizer and metric variables for targets of these specs, once per `compile`.
    pub(crate) fn ready(&mut self, y: &[Option<Spec>], y_pred: &[Spec]) -> Result<Arc<Ready>> {
        if let Some(ready) = &self.trainer.ready {
            return Ok(ready.clone());
        }
        let compile = self.compiled()?;
        let names = self.built()?.output_names();
        let outputs = compile.per_output(&names)?;
        let several = names.len() > 1;
        let mut loss_means = vec![LossMean::new("loss".into())];
        let with_loss = names.iter().zip(&outputs).filter(|(_, o)| o.loss.is_some());
        // A loss that is the only one has no name of its own, whatever the number of outputs.
        if with_loss.clone().count() > 1 {
            loss_means.extend(with_loss.map(|(name, _)| LossMean::new(format!("{name}_loss"))));
        }
        let mut metrics: Vec<ReadyMetric> = vec![];
        let mut uses: HashMap<String, usize> = HashMap::new();
        for weighted in [false, true] {
            for (output, settings) in outputs.iter().enumerate() {
                let Some(y_true) = &y[output] else { continue };
                for metric in if weighted { &settings.weighted_metrics } else { &settings.metrics } {
                    let metric = metric.clone();
                    let prefix = if several { format!("{}_", names[output]) } else { String::new() };
                    let name = unique_metric_name(&mut uses, &prefix, &metric.name(), weighted);
                    let y_pred = &y_pred[output];
                    let named = |e| of_pair(e, "metric", &metric.name(), y_true, y_pred);
                    let initial: Vec<(String, Tensor)> = metric.state(y_true, y_pred).map_err(named)?;
                    let state = |(n, t): &(String, Tensor)| {
                        Arc::new(Variable::new(n.clone(), Role::State, t.clone()))
                    };
                    metrics.push(ReadyMetric {
                        name,
                        metric,
                        output,
                        weighted,
                        state: initial.iter().map(state).collect(),
                        initial: initial.into_iter().map(|(_, t)| t).collect(),
                    });
                }
            }
        }
        let variables = self.variables()?;
        let made = (changes(), variables.len());
        let trainable: Vec<ModelVariable> = variables.into_iter().filter(|v| v.trainable).collect();
        let optimizer = match self.trainer.resume.take() {
            Some(variables) if made.0 > 0 => {
                if let Err(error) = compile.optimizer.check_variables(&variables, &trainable) {
                    self.trainer.resume = Some(variables);
                    return Err(error);
                }
                variables
            }
            Some(variables) => variables,
            None => compile.optimizer.variables(&trainable)?,
        };
        let rule = compile.optimizer.clone();
        let ready = Arc::new(Ready { outputs, trainable, rule, optimizer, metrics, loss_means, made });
        self.trainer.ready = Some(ready.clone());
        self.tell_settings()?;
        Ok(ready)
    }

    /// Forgets programs of a time when layers had other weights.
    ///
    /// # Errors
    /// Before a training step, when the optimizer is of such a time.
    pub(crate) fn heed_changes(&mut self, phase: Phase) -> Result<()> {
        let now = changes();
        if let (Phase::Train, Some(ready)) = (phase, &self.trainer.ready)
            && ready.made.0 != now
            && ready.made.1 != self.variables()?.len()
        {
            return Err(other_weights());
        }
        if self.trainer.changes != now {
            self.trainer.programs.clear();
            self.trainer.changes = now;
        }
        Ok(())
    }

    /// Sets how many batches run as one program from now on; optimizer and metrics go on. Keras's attribute
    /// `steps_per_execution`.
    ///
    /// # Errors
    /// When the model is not compiled, or the number is 0.
    pub fn set_steps_per_execution(&mut self, steps_per_execution: usize) -> Result<()> {
        check_steps_per_execution(steps_per_execution)?;
        let mut compile = (*self.compiled()?).clone();
        compile.steps_per_execution = steps_per_execution;
        self.trainer.compile = Some(Arc::new(compile));
        self.tell_settings()
    }

    /// The learning rate now: that of the optimizer, or of its schedule at the present step.
    ///
    /// # Errors
    /// When the model has not been trained since `compile`.
    pub fn learning_rate(&self) -> Result<f64> {
        let ready = self.trainer.ready.as_ref();
        let ready = ready
            .ok_or_else(|| Error::State("the optimizer has no learning rate before the first step".into()))?;
        ready.rule.current_learning_rate(&ready.optimizer)
    }

    /// How many steps the optimizer has done; `None` before the first data since `compile`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn iterations(&self) -> Result<Option<i64>> {
        let variables = self.optimizer_variables().unwrap_or_default();
        let found = variables.iter().find(|v| v.name.starts_with("iteration"));
        Ok(found.map(|v| v.value()?.item()).transpose()?.map(|n| n as i64))
    }

    /// Sets the learning rate for the steps to come.
    ///
    /// # Errors
    /// When the model has not been trained since `compile`, or the optimizer follows a schedule.
    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        if self.compiled()?.optimizer.has_schedule() {
            return Err(follows_schedule());
        }
        let ready = self.trainer.ready.as_ref();
        let found = ready.map(|r| r.rule.learning_rate_variable(&r.optimizer)).transpose()?.flatten();
        let variable = found
            .ok_or_else(|| Error::State("the optimizer has no learning rate before the first step".into()))?;
        variable.assign(&Tensor::scalar(learning_rate).cast(DType::F32))
    }
}

/// Keras numbers repeated names: `mae`, `mae_1`; a weighted metric of a taken name is `weighted_mae`.
fn unique_metric_name(uses: &mut HashMap<String, usize>, prefix: &str, name: &str, weighted: bool) -> String {
    let full = format!("{prefix}{name}");
    let first = !uses.contains_key(&full);
    let full = if !first && weighted { format!("{prefix}weighted_{name}") } else { full };
    let count = uses.entry(full.clone()).or_insert(0);
    *count += 1;
    if *count == 1 { full } else { format!("{full}_{}", *count - 1) }
}

impl PerOutput {
    /// Whether targets are needed.
    pub fn needs_target(&self) -> bool {
        self.loss.is_some() || !self.metrics.is_empty() || !self.weighted_metrics.is_empty()
    }
}
