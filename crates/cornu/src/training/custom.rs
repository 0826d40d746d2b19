//! Training steps of user code: several models, several optimizers, any loss. What Keras's `train_step` is for.
use crate::layers::lora::changes;
use crate::layers::{LayerRef, Trace};
use crate::models::weights::{ModelVariable, variables_of};
use crate::optimizers::Optimizer;
use crate::training::data::Data;
use crate::training::history::Logs;
use crate::training::run::Program;
use crate::training::step::StepGraph;
use crate::utils::next_seed;
use crate::variable::{Role, Variable};
use cornu_graph::{Builder, DType, Error, Result, Spec, Tensor, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A step of training written by hand, compiled once for each shape of batch.
///
/// The closure is traced like the `call` of a layer: it gets the arrays of a batch as [`Value`]s, calls models, computes
/// losses, and says which weights follow which loss. What it returns are the scalars to report. Models take part as layers
/// ([`Model::as_layer`](crate::models::Model::as_layer)), which share the model's weights.
///
/// ```
/// use cornu::prelude::*;
///
/// let model = Sequential::new().add(Input::new([1])).add(Dense::new(1));
/// let line = model.as_layer()?;
/// let mut step = TrainStep::new(move |cx, batch| {
///     let y = cx.call(&line, &batch[0], true)?;
///     let loss = ops::mean(&ops::square(&y - &batch[1]), None, false);
///     cx.minimize(&loss, &line, &SGD::new().learning_rate(0.1).into())?;
///     Ok(vec![("loss", loss)])
/// });
/// let x = Tensor::new([3, 1], vec![0f32, 1.0, 2.0])?;
/// let y = Tensor::new([3, 1], vec![1f32, 3.0, 5.0])?;
/// let first = step.run([&x, &y])?.get("loss");
/// for _ in 0..100 {
///     step.run([&x, &y])?;
/// }
/// assert!(step.run([&x, &y])?.get("loss") < first);
/// # Ok::<(), cornu::Error>(())
/// ```
pub struct TrainStep<'a> {
    body: Box<Body<'a>>,
    programs: HashMap<Vec<Spec>, Program>,
    /// [`changes`] when they were made.
    changes: u64,
    state: State,
}

type Body<'a> = dyn Fn(&StepContext, &[Value]) -> Result<Vec<(&'static str, Value)>> + 'a;

/// What lives on when a batch of another shape is traced.
struct State {
    seed: Arc<Variable>,
    /// The variables of the optimizer of each call of `minimize` or `apply_gradients`, in order.
    optimizers: RefCell<Vec<Vec<Arc<Variable>>>>,
}

impl<'a> TrainStep<'a> {
    /// A step that does what `body` says.
    pub fn new(
        body: impl Fn(&StepContext, &[Value]) -> Result<Vec<(&'static str, Value)>> + 'a,
    ) -> TrainStep<'a> {
        let seed = Arc::new(Variable::new("seed", Role::Seed, Tensor::from([next_seed(), 0])));
        let state = State { seed, optimizers: RefCell::default() };
        TrainStep { body: Box::new(body), programs: HashMap::new(), changes: changes(), state }
    }

    /// Does one step on the arrays of a batch, in the order in which the closure takes them; what the closure reports.
    ///
    /// # Errors
    /// What went wrong in the closure: weights are as before the step then. Or on the device, of which some engines then lose
    /// them, and say so.
    pub fn run(&mut self, batch: impl Into<Data>) -> Result<Logs> {
        let batch = batch.into();
        let tensors = batch.tensors();
        let specs: Vec<Spec> = tensors.iter().map(|t| Spec::new(t.dtype(), t.shape())).collect();
        if self.changes != changes() {
            self.programs.clear();
            self.changes = changes();
        }
        if !self.programs.get(&specs).is_some_and(Program::is_for_engine_in_use) {
            let program = Program::compile(self.trace(&specs)?)?;
            self.programs.insert(specs.clone(), program);
        }
        let mut logs = Logs::new();
        if let Some(program) = self.programs.get_mut(&specs) {
            program.batch.clone_from_slice(tensors);
            program.run()?;
            program.read_logs(&mut logs)?;
        }
        Ok(logs)
    }

    fn trace(&self, specs: &[Spec]) -> Result<StepGraph> {
        let builder = Builder::new();
        let trace = Trace::new(builder.clone(), true);
        let batch: Vec<Value> = specs.iter().map(|s| builder.input(s.clone())).collect();
        let context = StepContext {
            trace: &trace,
            state: &self.state,
            updates: RefCell::new(0),
            losses: RefCell::default(),
        };
        let reports = (self.body)(&context, &batch)?;
        builder.check()?;
        if let Some((name, value)) = reports.iter().find(|(_, v)| v.rank() > 0) {
            let message = format!("`{name}` is reported as {}", value.spec());
            return Err(Error::argument("TrainStep", message).help("report scalars, such as means"));
        }
        let variables = trace.variables();
        let (names, reports): (Vec<_>, Vec<_>) =
            reports.into_iter().map(|(name, v)| (name.to_string(), v.cast(DType::F32))).unzip();
        let mut outputs: Vec<Value> = variables.iter().map(|(_, _, now)| now.clone()).collect();
        outputs.extend(reports);
        let mut graph = builder.finish(&outputs)?;
        // The variables were met after the batch was declared, but a graph's state comes first.
        graph.inputs = variables.iter().map(|(_, start, _)| start).chain(&batch).map(Value::id).collect();
        graph.state = variables.len();
        let variables = variables.into_iter().map(|(v, _, _)| v).collect();
        Ok(StepGraph { graph, variables, names, batch_axis: 0 })
    }
}

impl fmt::Debug for TrainStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainStep").field("programs", &self.programs).finish_non_exhaustive()
    }
}

/// What the closure of a [`TrainStep`] works with.
pub struct StepContext<'a> {
    trace: &'a Trace,
    state: &'a State,
    /// How many optimizers have been at work.
    updates: RefCell<usize>,
    /// What calls added to the loss, by the number of the layer.
    losses: RefCell<Vec<(u64, Value)>>,
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

    /// One update of the trainable weights of a layer or model by these gradients. Each call has an optimizer state of its
    /// own, which lives as long as the [`TrainStep`].
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
}

/// The weights that an optimizer updates.
fn trainable(layer: &LayerRef) -> Vec<ModelVariable> {
    variables_of(&**layer).into_iter().filter(|v| v.trainable).collect()
}
