//! A step of an optimizer as a part of a graph.
use super::{LearningRate, Optimizer, OptimizerRule, Settings, Slot, Step};
use cornu_graph::{Builder, DType, Error, Result, Spec, Tensor, Value, interpret};

/// Where an optimizer's variables are. They stand in the order in which Keras saves them: the number of batches so far, the
/// learning rate unless it follows a schedule, means of the weights, sums of gradients, slots group by group, scalars.
struct Layout {
    settings: Settings,
    learning_rate: LearningRate,
    groups: Vec<Vec<Slot>>,
    scalars: Vec<Slot>,
    weights: usize,
}

impl Layout {
    fn new(rule: &dyn OptimizerRule, weights: usize) -> Layout {
        let (groups, scalars) = (rule.slots(), rule.scalars());
        Layout { settings: rule.settings(), learning_rate: rule.learning_rate(), groups, scalars, weights }
    }

    fn averages(&self) -> usize {
        1 + usize::from(!self.learning_rate.is_schedule())
    }

    fn accumulators(&self) -> usize {
        self.averages() + if self.settings.use_ema { self.weights } else { 0 }
    }

    fn slots(&self) -> usize {
        self.accumulators() + if self.settings.accumulation().is_some() { self.weights } else { 0 }
    }

    /// Where the slots of one weight are, in the order of the rule.
    fn slots_of(&self, weight: usize) -> Vec<usize> {
        let mut start = self.slots();
        let mut found = vec![];
        for group in &self.groups {
            found.extend((0..group.len()).map(|k| start + weight * group.len() + k));
            start += self.weights * group.len();
        }
        found
    }

    fn scalars(&self) -> usize {
        self.slots() + self.weights * self.groups.iter().map(Vec::len).sum::<usize>()
    }

    fn len(&self) -> usize {
        self.scalars() + self.scalars.len()
    }
}

/// The number of batches so far, where the update of a step is a part of its graph.
const ITERATION: usize = 0;

impl Optimizer {
    /// The variables with which it starts, by name, for weights of these names and specs, in the order in which Keras saves
    /// them.
    ///
    /// # Errors
    /// When the optimizer's name is unknown.
    pub fn build(&self, weights: &[(&str, &Spec)]) -> Result<Vec<(String, Tensor)>> {
        let rule = self.get()?;
        let layout = Layout::new(rule, weights.len());
        let mut variables = vec![("iteration".to_string(), Tensor::scalar(0i64))];
        if let LearningRate::Constant(rate) = layout.learning_rate {
            variables.push(("learning_rate".into(), Tensor::scalar(rate as f32)));
        }
        let slot = |(name, spec): &(&str, &Spec), slot: &Slot| {
            let value = Tensor::full(spec.shape.clone(), spec.dtype, slot.initial);
            (format!("{name}_{}", slot.name), value)
        };
        let mut for_each = |slots: &[Slot]| {
            variables.extend(weights.iter().flat_map(|w| slots.iter().map(move |s| slot(w, s))));
        };
        if layout.settings.use_ema {
            for_each(&[Slot::zeros("average")]);
        }
        if layout.settings.accumulation().is_some() {
            for_each(&[Slot::zeros("gradient_accumulator")]);
        }
        layout.groups.iter().for_each(|group| for_each(group));
        let scalar = |s: &Slot| (s.name.to_string(), Tensor::scalar(s.initial as f32));
        variables.extend(layout.scalars.iter().map(scalar));
        Ok(variables)
    }

    /// One step, as a part of a graph: the weights and the optimizer's variables after it, given both before it and the
    /// gradient of each weight. Constraints are not applied. Keras's `stateless_apply`.
    ///
    /// # Errors
    /// When the numbers of variables do not fit, or an argument makes no sense.
    pub fn stateless_apply(
        &self,
        optimizer_variables: &[Value],
        grads: &[Value],
        trainable_variables: &[Value],
    ) -> Result<(Vec<Value>, Vec<Value>)> {
        self.check()?;
        let rule = self.get()?;
        let layout = Layout::new(rule, trainable_variables.len());
        let counts = (optimizer_variables.len(), grads.len());
        if counts != (layout.len(), layout.weights) {
            let message = format!(
                "{} weights need {} optimizer variables and as many gradients, got {} and {}",
                layout.weights,
                layout.len(),
                counts.0,
                counts.1
            );
            return Err(Error::State(message));
        }
        let mut own = optimizer_variables.to_vec();
        let mut weights = trainable_variables.to_vec();
        if weights.is_empty() {
            own[ITERATION] = &own[ITERATION] + 1;
            return Ok((weights, own));
        }
        let settings = &layout.settings;
        let dtype = |(g, w): (&Value, &Value)| g.cast(w.dtype());
        let mut grads: Vec<Value> = grads.iter().zip(&weights).map(dtype).collect();
        if let Some(factor) = settings.loss_scale_factor {
            grads = grads.iter().map(|g| g / factor).collect();
        }
        let accumulated = settings.accumulation().map(|steps| Accumulation::new(&own[ITERATION], steps));
        let mut sums = vec![];
        if let Some(accumulation) = &accumulated {
            let all = &own[layout.accumulators()..][..layout.weights];
            sums = grads.iter().zip(all).map(|(g, sum)| g + sum).collect();
            grads = sums.iter().map(|sum| sum / accumulation.steps).collect();
        }
        let done = accumulated.as_ref().map_or_else(|| own[ITERATION].clone(), |a| a.done.clone());
        update(rule, &layout, &done, settings.clip(grads), &mut weights, &mut own)?;
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

    /// Where the means of the weights are among the variables, if they are kept.
    pub(crate) fn averages(&self, weights: usize) -> Result<Option<std::ops::Range<usize>>> {
        let layout = Layout::new(self.get()?, weights);
        Ok(layout.settings.use_ema.then(|| layout.averages()..layout.accumulators()))
    }
}

/// Weight decay and the update of every weight. `done`: how many steps were made before.
fn update(
    rule: &dyn OptimizerRule,
    layout: &Layout,
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
    for (i, (weight, gradient)) in weights.iter_mut().zip(grads).enumerate() {
        let places = layout.slots_of(i);
        let mut slots: Vec<Value> = places.iter().map(|&p| own[p].clone()).collect();
        let decayed = layout.settings.decayed(weight, &step.learning_rate);
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
