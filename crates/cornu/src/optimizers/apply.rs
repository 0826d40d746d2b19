//! A step of an optimizer as a part of a graph.
use super::{Initial, LearningRate, Optimizer, OptimizerRule, Settings, Slot, Step, Weight, wrapper};
use cornu_graph::{Builder, DType, Error, Result, Spec, Tensor, Value, interpret};

/// Where an optimizer's variables are. They stand in the order in which Keras saves them: the number of batches so far, the
/// learning rate unless it follows a schedule, means of the weights, sums of gradients, slots group by group, scalars.
struct Layout {
    settings: Settings,
    learning_rate: LearningRate,
    /// Of each weight, its groups of slots.
    slots: Vec<Vec<Vec<Slot>>>,
    scalars: Vec<Slot>,
}

impl Layout {
    fn new(rule: &dyn OptimizerRule, weights: &[Weight]) -> Layout {
        let slots = weights.iter().map(|w| rule.slots(w)).collect();
        Layout {
            settings: rule.settings(),
            learning_rate: rule.learning_rate(),
            slots,
            // Keras makes them when it first sees a weight.
            scalars: if weights.is_empty() { vec![] } else { rule.scalars() },
        }
    }

    fn weights(&self) -> usize {
        self.slots.len()
    }

    fn averages(&self) -> usize {
        1 + usize::from(!self.learning_rate.is_schedule())
    }

    fn accumulators(&self) -> usize {
        self.averages() + if self.settings.use_ema { self.weights() } else { 0 }
    }

    fn slots(&self) -> usize {
        self.accumulators() + if self.settings.accumulation().is_some() { self.weights() } else { 0 }
    }

    fn groups(&self) -> usize {
        self.slots.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// All slots in the order of the variables, each with the number of its weight.
    fn ordered(&self) -> impl Iterator<Item = (usize, &Slot)> {
        let of_group = |group: usize| {
            let of_weight = move |(w, groups)| {
                let groups: &Vec<Vec<Slot>> = groups;
                groups.get(group).into_iter().flatten().map(move |slot| (w, slot))
            };
            self.slots.iter().enumerate().flat_map(of_weight)
        };
        (0..self.groups()).flat_map(of_group)
    }

    /// Where the slots of one weight are, in the order of the rule.
    fn slots_of(&self, weight: usize) -> Vec<usize> {
        let all = self.ordered().enumerate();
        all.filter(|(_, (w, _))| *w == weight).map(|(k, _)| self.slots() + k).collect()
    }

    fn scalars(&self) -> usize {
        self.slots() + self.ordered().count()
    }

    fn len(&self) -> usize {
        self.scalars() + self.scalars.len()
    }
}

impl Slot {
    fn start(&self, weight: &Tensor) -> Tensor {
        match (self.initial, &self.spec) {
            (Initial::Weight, _) => weight.clone(),
            (Initial::Full(x), Some(spec)) => Tensor::full(spec.shape.clone(), spec.dtype, x),
            (Initial::Full(x), None) => Tensor::full(weight.shape(), weight.dtype(), x),
        }
    }
}

/// The number of batches so far, where the update of a step is a part of its graph.
const ITERATION: usize = 0;

impl Optimizer {
    /// The variables that it has before it knows a weight: those that Keras saves before the first step.
    pub(crate) fn before_weights(&self) -> Result<Vec<(String, Tensor)>> {
        let Some(wrapper) = self.get()?.wrapper() else { return self.build(&[]) };
        let mut variables = wrapper::base();
        for inner in wrapper.inner() {
            variables.extend(inner.before_weights()?);
        }
        Ok(variables)
    }

    /// The variables with which it starts, by name, for weights of these paths and values, in the order in which Keras saves
    /// them.
    ///
    /// # Errors
    /// When the optimizer's name is unknown.
    pub fn build(&self, weights: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let rule = self.get()?;
        if let Some(wrapper) = rule.wrapper() {
            return wrapper::build(wrapper, weights);
        }
        let specs: Vec<Spec> = weights.iter().map(|(_, w)| Spec::new(w.dtype(), w.shape())).collect();
        let known = weights.iter().zip(&specs).map(|((path, _), spec)| Weight { path, spec });
        let layout = Layout::new(rule, &known.collect::<Vec<_>>());
        let mut variables = vec![("iteration".to_string(), Tensor::scalar(0i64))];
        if let LearningRate::Constant(rate) = layout.learning_rate {
            variables.push(("learning_rate".into(), Tensor::scalar(rate as f32)));
        }
        let mut for_each = |slot: &Slot, (path, value): &(&str, &Tensor)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            variables.push((format!("{name}_{}", slot.name), slot.start(value)));
        };
        if layout.settings.use_ema {
            weights.iter().for_each(|w| for_each(&Slot::zeros("average"), w));
        }
        if layout.settings.accumulation().is_some() {
            weights.iter().for_each(|w| for_each(&Slot::zeros("gradient_accumulator"), w));
        }
        layout.ordered().for_each(|(w, slot)| for_each(slot, &weights[w]));
        let one = Tensor::scalar(1f32);
        variables.extend(layout.scalars.iter().map(|s| (s.name.to_string(), s.start(&one))));
        Ok(variables)
    }

    /// One step, as a part of a graph: the weights and the optimizer's variables after it, given both before it and the
    /// gradient of each weight. `paths` say where the weights stand in the model: `dense/kernel`. Constraints are not
    /// applied. Keras's `stateless_apply`.
    ///
    /// # Errors
    /// When the numbers of variables do not fit, or an argument makes no sense.
    pub fn stateless_apply(
        &self,
        optimizer_variables: &[Value],
        grads: &[Value],
        paths: &[&str],
        trainable_variables: &[Value],
    ) -> Result<(Vec<Value>, Vec<Value>)> {
        self.check()?;
        let rule = self.get()?;
        let known: Vec<Weight> =
            paths.iter().zip(trainable_variables).map(|(path, w)| Weight { path, spec: w.spec() }).collect();
        let wanted = self.count(&known)?;
        let counts = (optimizer_variables.len(), grads.len());
        if counts != (wanted, trainable_variables.len()) || known.len() != counts.1 {
            let message = format!(
                "{} weights need {wanted} optimizer variables and as many gradients, got {} and {}",
                trainable_variables.len(),
                counts.0,
                counts.1
            );
            return Err(Error::State(message));
        }
        let factor = rule.settings().loss_scale_factor;
        self.step(optimizer_variables, grads, &known, trainable_variables, factor)
    }

    /// The number of variables for these weights.
    pub(super) fn count(&self, known: &[Weight]) -> Result<usize> {
        let rule = self.get()?;
        match rule.wrapper() {
            Some(wrapper) => Ok(wrapper::Parts::new(wrapper, known)?.len()),
            None => Ok(Layout::new(rule, known).len()),
        }
    }

    /// As [`Optimizer::stateless_apply`], for an optimizer that updates weights itself, and with the factor of the loss.
    pub(super) fn step(
        &self,
        optimizer_variables: &[Value],
        grads: &[Value],
        known: &[Weight],
        trainable_variables: &[Value],
        loss_scale_factor: Option<f64>,
    ) -> Result<(Vec<Value>, Vec<Value>)> {
        let rule = self.get()?;
        if let Some(wrapper) = rule.wrapper() {
            return wrapper::apply(wrapper, optimizer_variables, grads, known, trainable_variables);
        }
        let layout = Layout::new(rule, known);
        let mut own = optimizer_variables.to_vec();
        let mut weights = trainable_variables.to_vec();
        if weights.is_empty() {
            own[ITERATION] = &own[ITERATION] + 1;
            return Ok((weights, own));
        }
        let settings = &layout.settings;
        let dtype = |(g, w): (&Value, &Value)| g.cast(w.dtype());
        let mut grads: Vec<Value> = grads.iter().zip(&weights).map(dtype).collect();
        if let Some(factor) = loss_scale_factor {
            grads = grads.iter().map(|g| g / factor).collect();
        }
        let accumulated = settings.accumulation().map(|steps| Accumulation::new(&own[ITERATION], steps));
        let mut sums = vec![];
        if let Some(accumulation) = &accumulated {
            let all = &own[layout.accumulators()..][..layout.weights()];
            sums = grads.iter().zip(all).map(|(g, sum)| g + sum).collect();
            grads = sums.iter().map(|sum| sum / accumulation.steps).collect();
        }
        let done = accumulated.as_ref().map_or_else(|| own[ITERATION].clone(), |a| a.done.clone());
        update(rule, &layout, known, &done, settings.clip(grads), &mut weights, &mut own)?;
        if let Some(accumulation) = &accumulated {
            accumulation.keep(trainable_variables, &mut weights);
            accumulation.keep(optimizer_variables, &mut own);
            for (sum, own) in sums.into_iter().zip(&mut own[layout.accumulators()..]) {
                *own = accumulation.select(&sum.full_like(0.0), &sum);
            }
        }
        if settings.use_ema {
            average(settings, &done, &mut weights, &mut own[layout.averages()..]);
        }
        own[ITERATION] = &own[ITERATION] + 1;
        Ok((weights, own))
    }

    /// The learning rate of the next step, given the optimizer's variables.
    ///
    /// # Errors
    /// When there are no variables, or an argument of the schedule makes no sense.
    pub(crate) fn learning_rate(&self, variables: &[Tensor]) -> Result<f64> {
        let none = || Error::State("the optimizer has no learning rate before the first step".into());
        match self.get()?.learning_rate() {
            LearningRate::Constant(_) => variables.get(1).ok_or_else(none)?.item(),
            LearningRate::Schedule(schedule) => {
                let iteration = variables.get(ITERATION).ok_or_else(none)?;
                let builder = Builder::new();
                let step = builder.input(Spec::new(iteration.dtype(), []));
                let rate = schedule.call(&step)?;
                let graph = builder.finish(&[rate])?;
                interpret(&graph, std::slice::from_ref(iteration))?.first().ok_or_else(none)?.item()
            }
        }
    }

    /// Where the running mean of each weight is among the variables, if it is kept.
    pub(super) fn averages(&self, weights: &[Weight]) -> Result<Vec<Option<usize>>> {
        if let Some(wrapper) = self.get()?.wrapper() {
            return wrapper::averages(wrapper, weights);
        }
        let layout = Layout::new(self.get()?, weights);
        let place = |i| layout.settings.use_ema.then(|| layout.averages() + i);
        Ok((0..weights.len()).map(place).collect())
    }
}

/// The weight without the part that decays.
fn decayed(weight: &Value, decay: Option<f64>, learning_rate: &Value) -> Value {
    match decay {
        None => weight.clone(),
        Some(decay) => weight - weight * decay * learning_rate.cast(weight.dtype()),
    }
}

/// Weight decay and the update of every weight. `done`: how many steps were made before.
fn update(
    rule: &dyn OptimizerRule,
    layout: &Layout,
    known: &[Weight],
    done: &Value,
    grads: Vec<Value>,
    weights: &mut [Value],
    own: &mut [Value],
) -> Result<()> {
    let learning_rate = match &layout.learning_rate {
        LearningRate::Constant(_) => own[1].clone(),
        // A schedule goes by batches, even when several make a step.
        LearningRate::Schedule(schedule) => schedule.call(&own[ITERATION])?,
    };
    let number = (done + 1).cast(DType::F32);
    let mut step = Step { learning_rate, number, scalars: own[layout.scalars()..].to_vec() };
    rule.update_scalars(&mut step);
    own[layout.scalars()..].clone_from_slice(&step.scalars);
    let excluded = layout.settings.exclude_from_weight_decay.patterns()?;
    for (i, (weight, gradient)) in weights.iter_mut().zip(grads).enumerate() {
        let places = layout.slots_of(i);
        let mut slots: Vec<Value> = places.iter().map(|&p| own[p].clone()).collect();
        let name = known[i].path.rsplit('/').next().unwrap_or_default();
        let decay = rule.weight_decay(&known[i]).filter(|_| !excluded.iter().any(|e| e.is_match(name)));
        let decayed = decayed(weight, decay, &step.learning_rate);
        *weight = rule.update_step(&step.of(weight.dtype()), &decayed, &gradient, &mut slots)?;
        places.iter().zip(slots).for_each(|(&p, slot)| own[p] = slot);
    }
    Ok(())
}

/// Running means of the weights, which replace them now and then.
fn average(settings: &Settings, done: &Value, weights: &mut [Value], averages: &mut [Value]) {
    let is_later = done.not_equal(&done.scalar(0.0));
    let overwrite = settings.ema_overwrite_frequency.map(|every| is_multiple(&(done + 1), every));
    for (weight, average) in weights.iter_mut().zip(averages) {
        let momentum = is_later.cast(weight.dtype()) * settings.ema_momentum;
        *average = &momentum * &*average + (1.0 - &momentum) * &*weight;
        if let Some(overwrite) = &overwrite {
            *weight = overwrite.broadcast_to(weight.shape()).select(average, weight);
        }
    }
}

fn is_multiple(number: &Value, of: usize) -> Value {
    number.rem(&number.scalar(of as f64)).equal(&number.scalar(0.0))
}

/// Gradients of several batches make one step.
struct Accumulation {
    steps: f64,
    /// Steps made so far.
    done: Value,
    is_update: Value,
}

impl Accumulation {
    fn new(iteration: &Value, steps: usize) -> Accumulation {
        let done = iteration / iteration.scalar(steps as f64);
        Accumulation { steps: steps as f64, done, is_update: is_multiple(&(iteration + 1), steps) }
    }

    fn select(&self, at_update: &Value, between: &Value) -> Value {
        self.is_update.broadcast_to(between.shape()).select(at_update, between)
    }

    /// Takes changes back, except at an update.
    fn keep(&self, before: &[Value], after: &mut [Value]) {
        let changed = before.iter().zip(after).filter(|(before, after)| before.id() != after.id());
        changed.for_each(|(before, after)| *after = self.select(after, before));
    }
}

impl Step {
    /// The same in the dtype of a weight.
    fn of(&self, dtype: DType) -> Step {
        let cast = |v: &Value| v.cast(dtype);
        Step {
            learning_rate: cast(&self.learning_rate),
            number: cast(&self.number),
            scalars: self.scalars.iter().map(cast).collect(),
        }
    }
}
