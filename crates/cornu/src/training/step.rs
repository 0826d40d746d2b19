//! One step as one graph: forward, loss, gradient, update, metrics.
use crate::layers::{LayerRef, Trace};
use crate::losses::merge_mask;
use crate::models::Functional;
use crate::models::keras_tensor::Node;
use crate::models::weights::ModelVariable;
use crate::training::custom::{OfModel, OwnStep};
use crate::training::trainer::{LossMean, Ready, ReadyMetric};
use crate::variable::Variable;
use cornu_graph::ops::Scan;
use cornu_graph::{Builder, DType, Error, Graph, Result, Spec, Value, ValueId};
use std::sync::Arc;

/// What a step does with its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Updates the weights.
    Train,
    /// Measures.
    Test,
    /// Gives the outputs.
    Predict,
}

/// The phase and the shapes of a batch: what decides which program runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StepSpec {
    pub phase: Phase,
    pub x: Vec<Spec>,
    /// For each output of the model; `None` where no target is needed.
    pub y: Vec<Option<Spec>>,
    /// For each output of the model.
    pub sample_weight: Vec<Option<Spec>>,
    /// Batches that one execution takes, each of these specs.
    pub steps: usize,
    /// The number of all samples where they stay on the device and a batch comes as their numbers.
    pub resident: Option<usize>,
}

impl StepSpec {
    /// The specs of a batch in the order in which arrays come: inputs, targets, weights.
    fn arrays(&self) -> impl Iterator<Item = &Spec> {
        self.x.iter().chain(self.y.iter().flatten()).chain(self.sample_weight.iter().flatten())
    }
}

/// A step to be compiled.
pub(crate) struct StepGraph {
    pub graph: Graph,
    /// What stands for the graph's state; arrays that stay on the device come after these.
    pub variables: Vec<Arc<Variable>>,
    /// Names of the scalars that the graph gives, in Keras's order; none when predicting.
    pub names: Vec<String>,
    /// The axis of the samples in the inputs beside the variables.
    pub batch_axis: usize,
}

impl StepGraph {
    /// A loop of so many steps: batches come stacked; of losses and metrics the last are given, of predictions all, joined.
    ///
    /// # Errors
    /// When there is a prediction without a batch axis.
    pub fn repeated(self, spec: &StepSpec) -> Result<StepGraph> {
        let (step, steps) = (self.graph, spec.steps);
        let builder = Builder::new();
        let input = |&v: &ValueId| builder.input(step.spec(v).clone());
        let stacked = |&v: &ValueId| {
            let spec = step.spec(v);
            builder.input(spec.with_shape([&[steps], &spec.shape[..]].concat()))
        };
        let (states, batches) = step.inputs.split_at(step.state);
        let start: Vec<Value> = states.iter().map(input).collect();
        let batch: Vec<Value> = batches.iter().map(stacked).collect();
        // Variables that a step leaves as they are are constants of the loop.
        let (carried, constant): (Vec<usize>, Vec<usize>) =
            (0..step.state).partition(|&i| step.outputs[i] != step.inputs[i]);
        let (results, mut body) = (step.outputs[step.state..].to_vec(), step.clone());
        let of = |places: &[usize], values: &[ValueId]| places.iter().map(|&i| values[i]).collect::<Vec<_>>();
        body.state = 0;
        body.inputs = [&of(&carried, states), batches, &of(&constant, states)[..]].concat();
        body.outputs = [of(&carried, &step.outputs), results].concat();
        let (carries, sequences) = (carried.len(), batch.len());
        let scan = Scan { body, carries, sequences, length: steps, reverse: false };
        let inputs =
            carried.iter().map(|&i| &start[i]).chain(&batch).chain(constant.iter().map(|&i| &start[i]));
        let made = builder.emit(scan, &inputs.collect::<Vec<_>>());
        builder.check()?;

        let mut outputs = start.clone();
        carried.iter().zip(&made).for_each(|(&i, value)| outputs[i] = value.clone());
        for value in &made[carries..] {
            outputs.push(match spec.phase {
                Phase::Predict if value.rank() == 1 => return Err(no_batch_axis()),
                Phase::Predict => {
                    let shape = value.shape();
                    value.reshape(&[&[steps * shape[1]], &shape[2..]].concat())
                }
                _ => value.index_axis(0, steps - 1),
            });
        }
        let mut graph = builder.finish(&outputs)?;
        graph.state = step.state;
        Ok(StepGraph { graph, batch_axis: 1, ..self })
    }
}

/// What cannot be joined over batches.
pub(crate) fn no_batch_axis() -> Error {
    Error::State("an output without a batch axis cannot be joined over batches".into())
        .help("use `predict_on_batch`")
}

/// The arrays that stay on the device, and those of a batch, which are taken from them or given.
fn arrays(builder: &Builder, spec: &StepSpec) -> (Vec<Value>, Vec<Value>) {
    let input = |s: &Spec| builder.input(s.clone());
    let Some(count) = spec.resident else { return (vec![], spec.arrays().map(input).collect()) };
    let whole = |s: &Spec| input(&s.with_shape([&[count], &s.shape[1..]].concat()));
    let data: Vec<Value> = spec.arrays().map(whole).collect();
    let rows = spec.x.first().map_or(1, |s| s.shape[0]);
    let numbers = builder.input(Spec::new(DType::I32, [rows]));
    let batch = data.iter().map(|all| all.take_clamped(&numbers, 0)).collect();
    (data, batch)
}

/// Traces a step. `variables` are those of the model; optimizer and metrics add theirs.
///
/// # Errors
/// When the data does not fit the model, or a loss or metric does not fit the outputs.
pub(crate) fn step_graph(
    functional: &Functional,
    variables: &[Arc<Variable>],
    ready: Option<&Ready>,
    own: Option<(&OwnStep, LayerRef)>,
    spec: &StepSpec,
) -> Result<StepGraph> {
    let (builder, is_own) = (Builder::new(), own.is_some());
    let trace = Trace::new(builder.clone(), spec.phase == Phase::Train);
    // All variables come first and in one order, whatever the shape of the batch.
    variables.iter().for_each(|v| drop(trace.read(v)));
    if let Some(ready) = ready {
        if spec.phase == Phase::Train {
            ready.optimizer.iter().for_each(|v| drop(trace.read(v)));
        }
        ready.metric_variables().for_each(|v| drop(trace.read(v)));
    }
    let state = trace.variables().len();
    let (data, batch) = arrays(&builder, spec);
    let mut batch = batch.into_iter();

    let mut x = vec![];
    for (input, value) in functional.graph_inputs().iter().zip(batch.by_ref().take(spec.x.len())) {
        x.push(fit_input(&value, input.shape().dims(), input.dtype(), input.name())?);
    }
    let (names, results) = match (ready, own) {
        (Some(ready), Some((own, layer))) => {
            let model = OfModel { layer, ready, phase: spec.phase };
            own.trace(&trace, model, &x.into_iter().chain(batch).collect::<Vec<_>>())?
        }
        _ => {
            let apply =
                |node: &Node, v: &[Value], m: &[Option<Value>]| trace.apply(&*node.layer, &node.given, v, m);
            let (y_pred, masks) = functional.call(&apply, &x, &[])?;
            match ready {
                None => (vec![], y_pred),
                Some(ready) => {
                    let mut next = |s: &Option<Spec>| s.as_ref().and_then(|_| batch.next());
                    let y: Vec<Option<Value>> = spec.y.iter().map(&mut next).collect();
                    let weights: Vec<Option<Value>> = spec.sample_weight.iter().map(&mut next).collect();
                    let size = spec.x.first().map_or(1, |s| s.shape[0]);
                    Batch { y, y_pred, masks, weights, size }.losses_and_metrics(&trace, ready, spec.phase)?
                }
            }
        }
    };
    let known = trace.variables();
    // A step of the user's has variables of its own.
    if !is_own && known.len() != state {
        return Err(Error::State("a layer has a variable that the model does not know of".into()));
    }
    let mut outputs: Vec<Value> = known.iter().map(|(_, _, now)| now.clone()).collect();
    outputs.extend(data.iter().cloned());
    outputs.extend(results);
    let mut graph = builder.finish(&outputs)?;
    let starts: Vec<ValueId> = known.iter().map(|(_, start, _)| start.id()).collect();
    let others = graph.inputs.iter().copied().filter(|v| !starts.contains(v));
    graph.inputs = starts.iter().copied().chain(others).collect();
    graph.state = starts.len() + data.len();
    let variables = known.into_iter().map(|(v, _, _)| v).collect();
    Ok(StepGraph { graph, variables, names, batch_axis: 0 })
}

/// Brings data to the shape and dtype of an input: a missing or extra last axis of size 1 is added or removed, as Keras
/// does.
fn fit_input(value: &Value, expected: &[Option<usize>], dtype: DType, name: &str) -> Result<Value> {
    let got = value.shape().to_vec();
    let fits = |shape: &[usize]| {
        shape.len() == expected.len() && shape.iter().zip(expected).all(|(s, e)| e.is_none_or(|e| e == *s))
    };
    let shaped = if fits(&got) {
        value.clone()
    } else if got.len() + 1 == expected.len() && expected.last() == Some(&Some(1)) {
        value.expand_dims(-1)
    } else if got.len() == expected.len() + 1 && got.last() == Some(&1) {
        value.squeeze(-1)
    } else {
        value.clone()
    };
    if !fits(shaped.shape()) {
        let expected = crate::shape::Shape(expected.to_vec());
        let got = crate::shape::Shape::from(got);
        let message = format!("input `{name}` expects shape {expected}, got {got}");
        return Err(Error::Data(message).help("the first axis is the batch"));
    }
    if value.dtype().is_float() && !dtype.is_float() {
        let message = format!("input `{name}` expects {dtype}, got {}", value.dtype());
        return Err(Error::Data(message)
            .help("convert the data with `cast`, or declare the input with another dtype"));
    }
    Ok(shaped.cast(dtype))
}

/// The values of one batch within the graph, each list by output.
struct Batch {
    y: Vec<Option<Value>>,
    y_pred: Vec<Value>,
    masks: Vec<Option<Value>>,
    weights: Vec<Option<Value>>,
    size: usize,
}

impl Batch {
    fn losses_and_metrics(
        &self,
        trace: &Trace,
        ready: &Ready,
        phase: Phase,
    ) -> Result<(Vec<String>, Vec<Value>)> {
        let mut means = ready.loss_means.iter();
        let whole = means.next();
        let mut logs: Vec<(String, Value)> = vec![];
        // What is minimized, and what is shown: a loss that is not reduced is minimized as a sum and shown as a mean.
        let (mut terms, mut shown): (Vec<Value>, Vec<Value>) = (vec![], vec![]);
        for (i, output) in ready.outputs.iter().enumerate() {
            let (Some(loss), Some(y)) = (&output.loss, &self.y[i]) else { continue };
            let y_pred = &self.y_pred[i];
            let value = loss
                .compute(y, y_pred, self.weights[i].as_ref(), self.masks[i].as_ref())
                .and_then(|value| trace.builder().check().map(|()| value))
                .map_err(|e| {
                    of_pair(
                        e,
                        "loss",
                        &loss.get().map_or(String::new(), |rule| rule.name()),
                        y.spec(),
                        y_pred.spec(),
                    )
                })?;
            let value = value.cast(DType::F32);
            let (sum, average) = match value.rank() {
                0 => (value.clone(), value),
                _ => (value.sum(value.all_axes()), value.mean(value.all_axes())),
            };
            if let Some(mean) = means.next() {
                logs.push((mean.name.clone(), update_mean(trace, mean, &average, self.size)));
            }
            let weight = output.loss_weight.unwrap_or(1.0);
            terms.push(sum * weight);
            shown.push(average * weight);
        }
        let mut others: Vec<Value> = trace.losses().into_iter().map(|l| l.cast(DType::F32)).collect();
        for ModelVariable { variable, .. } in &ready.trainable {
            if let Some(regularizer) = &variable.regularizer {
                others.push(regularizer.call(&trace.read(variable))?.cast(DType::F32));
            }
        }
        let whole_of =
            |terms: Vec<Value>| terms.into_iter().chain(others.iter().cloned()).reduce(|a, b| a + b);
        let (total, shown) = (whole_of(terms), whole_of(shown));
        if let (Some(mean), Some(shown)) = (whole, &shown) {
            logs.push((mean.name.clone(), update_mean(trace, mean, shown, self.size)));
        }
        if phase == Phase::Train {
            let total = total.ok_or_else(|| {
                Error::State("there is no loss to minimize".into()).help("give `compile` a loss")
            })?;
            let total = ready.rule.scale_loss(trace, &total, &ready.optimizer)?;
            let grads = trace.gradients(&total, ready.trainable.iter().map(|w| &w.variable))?;
            ready.apply_optimizer(trace, &grads)?;
        }
        for m in &ready.metrics {
            let Some(y) = &self.y[m.output] else { continue };
            let weight = self.metric_weight(m);
            let state: Vec<Value> = m.state.iter().map(|v| trace.read(v)).collect();
            let y_pred = &self.y_pred[m.output];
            let (next, result) = m
                .metric
                .update_state(&state, y, y_pred, weight.as_ref())
                .and_then(|next| m.metric.result(&next).map(|result| (next, result)))
                .map_err(|e| of_pair(e, "metric", &m.metric.name(), y.spec(), y_pred.spec()))?;
            m.state.iter().zip(&next).for_each(|(v, value)| trace.write(v, value.clone()));
            logs.push((m.name.clone(), result));
        }
        trace.builder().check()?;
        logs.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(logs.into_iter().map(|(name, value)| (name, value.cast(DType::F32))).unzip())
    }

    /// Sample weights, for the weighted metrics; and the mask of the output, for those that heed it.
    fn metric_weight(&self, m: &ReadyMetric) -> Option<Value> {
        let weight = self.weights[m.output].clone().filter(|_| m.weighted);
        let mask = self.masks[m.output].as_ref().filter(|_| m.metric.takes_mask());
        match mask {
            Some(mask) => Some(merge_mask(weight.as_ref(), &mask.cast(DType::F32))),
            None => weight,
        }
    }
}

/// An error with the loss or metric in which it happened, unless it names that itself.
pub(super) fn of_pair(error: Error, kind: &str, name: &str, y_true: &Spec, y_pred: &Spec) -> Error {
    if error.to_string().starts_with(name) {
        return error;
    }
    error.within(format!("{kind} `{name}` of y_true {} and y_pred {}", y_true, y_pred))
}

/// Adds a batch to a running mean, by its number of samples; the mean.
pub(super) fn update_mean(trace: &Trace, mean: &LossMean, value: &Value, batch: usize) -> Value {
    let total = trace.read(&mean.total) + value.stop_gradient() * batch;
    let count = trace.read(&mean.count) + batch;
    trace.write(&mean.total, total.clone());
    trace.write(&mean.count, count.clone());
    total / count
}
