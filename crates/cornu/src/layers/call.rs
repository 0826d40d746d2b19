//! What a layer sees while it is traced: its weights, masks, randomness and the phase.
use crate::layers::given::{Given, MASK, as_mask};
use crate::layers::weights::{Built, ensure_built, in_layer};
use crate::layers::{Layer, LayerRef};
use crate::regularizers::Regularizer;
use crate::shape::Shape;
use crate::variable::{Role, Variable};
use cornu_graph::{Builder, DType, Error, Result, Value, gradient};
use std::cell::RefCell;
use std::sync::Arc;

/// One trace of a model into a graph: which variables it met, and what became of them.
#[derive(Debug)]
pub struct Trace {
    builder: Builder,
    training: bool,
    state: RefCell<TraceState>,
}

#[derive(Debug, Default)]
struct TraceState {
    variables: Vec<Traced>,
    losses: Vec<Value>,
}

#[derive(Debug)]
struct Traced {
    variable: Arc<Variable>,
    /// As it came in.
    start: Value,
    /// As it is after the updates so far.
    now: Value,
    /// What layers took it for before they gave it other values.
    earlier: Vec<Value>,
}

impl Trace {
    /// A trace into `builder`; `training` is Keras's `training` argument.
    pub fn new(builder: Builder, training: bool) -> Trace {
        Trace { builder, training, state: RefCell::default() }
    }

    /// The graph being built.
    pub fn builder(&self) -> &Builder {
        &self.builder
    }

    /// The value of a variable as it is now; the first use makes it an input of the graph.
    pub fn read(&self, variable: &Arc<Variable>) -> Value {
        self.with(variable, |v| v.now.clone())
    }

    /// Gives a variable a new value, with which another step begins: gradients do not ask what was computed before.
    pub fn write(&self, variable: &Arc<Variable>, value: Value) {
        self.with(variable, |v| {
            v.now = value.clone();
            v.earlier.clear();
        });
    }

    /// Gives a variable a new value in the midst of a step: gradients are sums over all the values that it had.
    fn replace(&self, variable: &Arc<Variable>, value: Value) {
        self.with(variable, |v| v.earlier.push(std::mem::replace(&mut v.now, value.clone())));
    }

    /// The gradients of a scalar for variables. Where a layer has changed one, as spectral normalization does, what was
    /// computed with each of its values counts.
    ///
    /// # Errors
    /// When the loss is no scalar.
    pub fn gradients<'v>(
        &self,
        loss: &Value,
        variables: impl Iterator<Item = &'v Arc<Variable>>,
    ) -> Result<Vec<Value>> {
        let values: Vec<Vec<Value>> = variables
            .map(|variable| self.with(variable, |v| v.earlier.iter().chain([&v.now]).cloned().collect()))
            .collect();
        let mut grads = gradient(loss, &values.concat())?.into_iter();
        let sums = values.iter().filter_map(|of| grads.by_ref().take(of.len()).reduce(|a, b| a + b));
        Ok(sums.collect())
    }

    fn with<R>(&self, variable: &Arc<Variable>, f: impl FnOnce(&mut Traced) -> R) -> R {
        let mut state = self.state.borrow_mut();
        let known = state.variables.iter().position(|v| Arc::ptr_eq(&v.variable, variable));
        let at = known.unwrap_or_else(|| {
            let start = self.builder.input(variable.spec.clone());
            let traced = Traced { variable: variable.clone(), now: start.clone(), start, earlier: vec![] };
            state.variables.push(traced);
            state.variables.len() - 1
        });
        f(&mut state.variables[at])
    }

    /// Adds a scalar to the loss of the model.
    pub fn add_loss(&self, loss: Value) {
        self.state.borrow_mut().losses.push(loss);
    }

    /// The scalars that layers added to the loss.
    pub fn losses(&self) -> Vec<Value> {
        self.state.borrow().losses.clone()
    }

    /// What `run` gives, if it neither gave a variable another value nor added to the loss. Else `None`, and as if it had not run.
    fn without_effects<R>(&self, run: impl FnOnce() -> Result<R>) -> Result<Option<R>> {
        let values =
            |state: &TraceState| state.variables.iter().map(|v| (v.now.clone(), v.earlier.len())).collect();
        let (losses, before): (usize, Vec<(Value, usize)>) = {
            let state = self.state.borrow();
            (state.losses.len(), values(&state))
        };
        let found = run()?;
        let mut state = self.state.borrow_mut();
        let mut same = state.losses.len() == losses;
        state.losses.truncate(losses);
        for (i, v) in state.variables.iter_mut().enumerate() {
            let (now, earlier) = before.get(i).cloned().unwrap_or_else(|| (v.start.clone(), 0));
            same &= v.now.id() == now.id();
            v.now = now;
            v.earlier.truncate(earlier);
        }
        Ok(same.then_some(found))
    }

    /// Every variable met, as it came in and as it is now.
    pub fn variables(&self) -> Vec<(Arc<Variable>, Value, Value)> {
        let state = self.state.borrow();
        state.variables.iter().map(|v| (v.variable.clone(), v.start.clone(), v.now.clone())).collect()
    }

    /// Calls a layer with masks; its outputs and their masks. Builds it first if it is not built.
    ///
    /// # Errors
    /// What went wrong in the layer, with its path.
    pub fn apply(
        &self,
        layer: &dyn Layer,
        given: &Given,
        inputs: &[Value],
        masks: &[Option<Value>],
    ) -> Result<(Vec<Value>, Vec<Option<Value>>)> {
        self.apply_within("", self.training, layer, given, inputs, masks, true)
    }

    /// [`Trace::apply`] without masks, in another phase than the trace's; the outputs.
    pub(crate) fn apply_in_phase(
        &self,
        training: bool,
        layer: &dyn Layer,
        inputs: &[Value],
    ) -> Result<Vec<Value>> {
        let masks = vec![None; inputs.len()];
        Ok(self.apply_within("", training, layer, &Given::in_order(), inputs, &masks, true)?.0)
    }

    /// What a layer sees; builds it first if it is not built.
    fn call_of<'a>(
        &'a self,
        parent: &str,
        training: bool,
        layer: &'a dyn Layer,
        given: &'a Given,
        shapes: &[Shape],
        masks: Vec<Option<Value>>,
    ) -> Result<Call<'a>> {
        given.check(layer.class_name(), layer.parameters()).map_err(|e| in_layer(layer, e))?;
        let built = ensure_built(layer, shapes)?;
        let dtype = built.dtype.compute_dtype().map_err(|e| in_layer(layer, e))?;
        let name = layer.base().resolved_name(layer.class_name());
        let path = if parent.is_empty() { name.to_string() } else { format!("{parent}/{name}") };
        Ok(Call { trace: self, layer, given, built, path, dtype, training, masks })
    }

    /// Adds the penalty of each output, as a mean over the batch.
    fn regularize_activity(&self, regularizer: &Regularizer, outputs: &[Value]) -> Result<()> {
        for output in outputs.iter().filter(|o| o.dtype().is_float()) {
            let samples = if output.rank() > 0 { output.dim(0).max(1) } else { 1 };
            self.add_loss(regularizer.call(output)? / samples);
        }
        Ok(())
    }

    /// `regularized`: whether the penalty of its outputs counts.
    #[allow(clippy::too_many_arguments)]
    fn apply_within(
        &self,
        parent: &str,
        training: bool,
        layer: &dyn Layer,
        given: &Given,
        inputs: &[Value],
        masks: &[Option<Value>],
        regularized: bool,
    ) -> Result<(Vec<Value>, Vec<Option<Value>>)> {
        // Masks given as an argument stand in for those that came with the inputs.
        let (tensors, given_masks) = inputs.split_at(given.mask_start(inputs.len()));
        let mut masks = masks[..masks.len().min(tensors.len())].to_vec();
        if !given_masks.is_empty() {
            masks.fill(None);
        }
        for (i, value) in given_masks.iter().enumerate() {
            if let Some(mask) = masks.get_mut(given.masked.get(i).copied().unwrap_or(i)) {
                *mask = Some(as_mask(value));
            }
        }
        let shapes = given.built_on(tensors.iter().map(|v| batched(v.shape())));
        let call = self.call_of(parent, training, layer, given, &shapes, masks)?;
        let cast = |v: &Value| {
            let casts = (v.dtype().is_float() || layer.takes_floats()) && !layer.keeps_input_dtype();
            if casts { v.cast(call.dtype) } else { v.clone() }
        };
        let inputs: Vec<Value> = tensors.iter().map(cast).collect();
        let run = || {
            let (outputs, masks) = layer.call_masked(&call, &inputs)?;
            if let Some(regularizer) = layer.output_penalty().filter(|_| regularized) {
                self.regularize_activity(&regularizer, &outputs)?;
            }
            self.builder.check()?;
            Ok((outputs, masks))
        };
        run().map_err(|e| match e {
            e @ Error::Layer { .. } => e,
            e => e.in_layer(call.path.clone(), layer.class_name()),
        })
    }
}

fn batched(shape: &[usize]) -> Shape {
    shape.split_first().map_or_else(Shape::default, |(_, rest)| Shape::batched(rest))
}

/// What a layer sees in [`Layer::call`].
#[derive(Debug)]
pub struct Call<'a> {
    trace: &'a Trace,
    layer: &'a dyn Layer,
    given: &'a Given,
    built: &'a Arc<Built>,
    path: String,
    dtype: DType,
    training: bool,
    masks: Vec<Option<Value>>,
}

impl Call<'_> {
    /// The graph being built.
    pub fn builder(&self) -> &Builder {
        &self.trace.builder
    }

    /// Whether this is a training step: dropout drops, batch normalization uses the batch.
    pub fn training(&self) -> bool {
        self.training
    }

    /// Whether the layer's weights are trainable now.
    pub fn trainable(&self) -> bool {
        self.layer.base().is_trainable()
    }

    /// The dtype of computation.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Path of the layer in the model, for messages.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The mask of the first input: bool, `(batch, time)`.
    pub fn mask(&self) -> Option<&Value> {
        self.masks.first().and_then(Option::as_ref)
    }

    /// The mask of a sequence with `count` tensors in all: as in Keras, the one that came with it counts only where no initial
    /// states are given besides, one that was given as an argument always.
    pub(crate) fn sequence_mask(&self, count: usize) -> Option<&Value> {
        self.mask().filter(|_| count == 1 || self.has_given_mask())
    }

    /// Whether masks were given as an argument.
    pub(crate) fn has_given_mask(&self) -> bool {
        self.given.tensors.iter().any(|name| name == MASK)
    }

    /// The masks of all inputs.
    pub fn masks(&self) -> &[Option<Value>] {
        &self.masks
    }

    /// The tensors that were given for one of the layer's [`parameters`](Layer::parameters).
    pub fn given<'v>(&self, inputs: &'v [Value], parameter: &str) -> &'v [Value] {
        inputs.get(self.given.places(self.layer.parameters(), parameter, inputs.len())).unwrap_or_default()
    }

    /// The mask of the tensor that was given for one of the layer's [`parameters`](Layer::parameters).
    pub fn given_mask(&self, inputs: &[Value], parameter: &str) -> Option<&Value> {
        let at = self.given.places(self.layer.parameters(), parameter, inputs.len());
        self.masks.get(at).and_then(|masks| masks.first()).and_then(Option::as_ref)
    }

    /// An argument that is no tensor: `use_causal_mask`.
    pub fn option(&self, parameter: &str) -> Option<&serde_json::Value> {
        self.given.options.get(parameter)
    }

    /// A weight by the name that `build` gave it, in the compute dtype if it is a float; with what LoRA adds to it.
    ///
    /// # Errors
    /// When `build` asked for no such weight.
    pub fn weight(&self, name: &str) -> Result<Value> {
        let variable = self.variable(name)?;
        if let Some(lora) = self.built.lora.get().filter(|lora| Arc::ptr_eq(&lora.target, variable)) {
            // As in Keras, weights of mixed precision are cast before they are computed with.
            let is_mixed = self.dtype != variable.spec.dtype && !self.layer.keeps_input_dtype();
            return Ok(lora.read(self.trace, is_mixed.then_some(self.dtype)).cast(self.dtype));
        }
        let value = self.trace.read(variable);
        Ok(if value.dtype().is_float() { value.cast(self.dtype) } else { value })
    }

    /// A weight in its own dtype.
    ///
    /// # Errors
    /// When `build` asked for no such weight.
    pub fn variable_value(&self, name: &str) -> Result<Value> {
        Ok(self.trace.read(self.variable(name)?))
    }

    /// Gives a weight another value, from here on. The gradient of a trainable one sums up what was computed with each value.
    ///
    /// # Errors
    /// When `build` asked for no such weight, or the value has another shape.
    pub fn update(&self, name: &str, value: &Value) -> Result<()> {
        let variable = self.variable(name)?;
        if value.shape() != variable.spec.shape {
            let message =
                format!("weight `{name}` has shape {:?}, got {:?}", variable.spec.shape, value.shape());
            return Err(Error::op("update", message));
        }
        self.trace.replace(variable, value.cast(variable.spec.dtype).stop_gradient());
        Ok(())
    }

    fn variable(&self, name: &str) -> Result<&Arc<Variable>> {
        self.built.variable(name).ok_or_else(|| {
            let known: Vec<&str> = self.built.variables.iter().map(|v| v.name.as_str()).collect();
            Error::unknown("weight", name, known.iter().copied()).help(format!("`build` asked for {known:?}"))
        })
    }

    /// Draws random numbers: `draw` gets the state of the generator that `build` asked for by [`Weights::add_seed`] and
    /// gives the next state and the numbers.
    ///
    /// [`Weights::add_seed`]: crate::layers::Weights::add_seed
    ///
    /// # Errors
    /// When `build` asked for no generator.
    pub fn random(&self, draw: impl FnOnce(&Value) -> (Value, Value)) -> Result<Value> {
        let seeds = self.built.variables.iter().find(|v| v.role == Role::Seed);
        let variable = seeds.ok_or_else(|| Error::State("`build` asked for no random generator".into()))?;
        let (state, numbers) = draw(&self.trace.read(variable));
        self.trace.write(variable, state);
        Ok(numbers)
    }

    /// The state of a generator of its own, for a function that draws from it as it likes.
    pub(crate) fn random_key(&self) -> Result<Value> {
        self.random(|state| {
            let (next, bits) = state.random_bits(&[2]);
            (next, bits.cast(DType::U64))
        })
    }

    /// Adds a scalar to the loss of the model.
    pub fn add_loss(&self, loss: &Value) {
        self.trace.add_loss(loss.clone());
    }

    /// What `run` gives, if it neither gave a weight another value, nor drew random numbers, nor added to the loss. Else `None`,
    /// and as if it had not run.
    pub(crate) fn without_effects<R>(&self, run: impl FnOnce() -> Result<R>) -> Result<Option<R>> {
        self.trace.without_effects(run)
    }

    /// A layer that `build` asked for by [`Weights::add_layer`].
    ///
    /// [`Weights::add_layer`]: crate::layers::Weights::add_layer
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn child(&self, name: &str) -> Result<&LayerRef> {
        let found = self.built.children.iter().find(|(n, _)| n == name);
        let known = || self.built.children.iter().map(|(n, _)| n.as_str());
        found.map(|(_, layer)| layer).ok_or_else(|| Error::unknown("inner layer", name, known()))
    }

    /// What a cell within this layer draws for the whole sequence `x`; see [`Layer::cell_constants`].
    ///
    /// # Errors
    /// What went wrong in the cell.
    pub fn cell_constants(&self, cell: &LayerRef, x: &Value) -> Result<Vec<Value>> {
        self.of_cell(cell, x, |call| cell.cell_constants(call, x))
    }

    /// The states that a cell within this layer begins the sequence `x` with; see [`Layer::initial_states`].
    ///
    /// # Errors
    /// What went wrong in the cell.
    pub fn cell_states(&self, cell: &LayerRef, x: &Value) -> Result<Option<Vec<Value>>> {
        self.of_cell(cell, x, |call| cell.initial_states(call, x))
    }

    /// What is asked of a cell within this layer that sees a sequence.
    fn of_cell<R>(&self, cell: &LayerRef, x: &Value, ask: impl FnOnce(&Call) -> Result<R>) -> Result<R> {
        let Some(features) = x.shape().get(2..) else {
            let message = format!("expected a sequence of shape (batch, time, ..), got {:?}", x.shape());
            return Err(Error::Data(message));
        };
        let plain = Given::in_order();
        let step = [Shape::batched(features)];
        ask(&self.trace.call_of(&self.path, self.training, &**cell, &plain, &step, vec![])?)
    }

    /// Calls a layer within this one; its outputs.
    ///
    /// # Errors
    /// What went wrong in that layer, with its path.
    pub fn apply(&self, layer: &LayerRef, inputs: &[Value]) -> Result<Vec<Value>> {
        Ok(self.apply_masked(layer, inputs, &vec![None; inputs.len()])?.0)
    }

    /// Calls a layer within this one with masks; its outputs and their masks.
    ///
    /// # Errors
    /// What went wrong in that layer, with its path.
    pub fn apply_masked(
        &self,
        layer: &LayerRef,
        inputs: &[Value],
        masks: &[Option<Value>],
    ) -> Result<(Vec<Value>, Vec<Option<Value>>)> {
        self.apply_given(layer, &Given::in_order(), inputs, masks)
    }

    /// [`Call::apply_masked`] with arguments.
    pub(crate) fn apply_given(
        &self,
        layer: &LayerRef,
        given: &Given,
        inputs: &[Value],
        masks: &[Option<Value>],
    ) -> Result<(Vec<Value>, Vec<Option<Value>>)> {
        self.trace.apply_within(&self.path, self.training, &**layer, given, inputs, masks, true)
    }

    /// [`Call::apply_masked`] without the penalty of the layer's own outputs; the outputs.
    pub(crate) fn apply_unregularized(
        &self,
        layer: &LayerRef,
        inputs: &[Value],
        masks: &[Option<Value>],
    ) -> Result<Vec<Value>> {
        let given = Given::in_order();
        Ok(self.trace.apply_within(&self.path, self.training, &**layer, &given, inputs, masks, false)?.0)
    }
}
