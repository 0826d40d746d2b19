//! `evaluate` and `predict`.
use crate::callbacks::{Callback, Callbacks, Stage};
use crate::models::Model;
use crate::shape::Shape;
use crate::training::checks::check_targets;
use crate::training::data::{Data, SampleWeight};
use crate::training::feed::{Feed, Needs, Passes, Source};
use crate::training::history::Logs;
use crate::training::joined::Joined;
use crate::training::progress::{Progress, Verbose};
use crate::training::run::{Batches, batch_size_for, check_positive, read_logs, warn_of_end};
use crate::training::step::Phase;
use cornu_graph::{DType, Error, Result, Spec, Tensor};

/// The arguments of [`Model::evaluate`].
#[derive(Default)]
pub struct Evaluate<'a> {
    batch_size: Option<usize>,
    sample_weight: Option<SampleWeight>,
    steps: Option<usize>,
    verbose: Verbose,
    callbacks: Vec<Box<dyn Callback + 'a>>,
}

impl<'a> Evaluate<'a> {
    /// Keras's defaults: batches of 32.
    pub fn new() -> Evaluate<'a> {
        Evaluate::default()
    }

    /// Samples in a batch; by default 32, or as many as it takes for the samples to last for `steps`.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// How much each sample counts.
    pub fn sample_weight(mut self, sample_weight: impl Into<SampleWeight>) -> Self {
        self.sample_weight = Some(sample_weight.into());
        self
    }

    /// Batches to stop after.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }

    /// 0: silent, 1: a bar, 2: a line.
    pub fn verbose(mut self, verbose: impl Into<Verbose>) -> Self {
        self.verbose = verbose.into();
        self
    }

    /// Adds a callback.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Adds callbacks, each in a box; [`Evaluate::callback`] takes one as it is.
    pub fn callbacks(mut self, callbacks: impl IntoIterator<Item = Box<dyn Callback + 'a>>) -> Self {
        self.callbacks.extend(callbacks);
        self
    }
}

/// The arguments of [`Model::predict`].
#[derive(Default)]
pub struct Predict<'a> {
    batch_size: Option<usize>,
    steps: Option<usize>,
    verbose: Verbose,
    callbacks: Vec<Box<dyn Callback + 'a>>,
}

impl<'a> Predict<'a> {
    /// Keras's defaults: batches of 32.
    pub fn new() -> Predict<'a> {
        Predict::default()
    }

    /// Samples in a batch; by default 32, or as many as it takes for the samples to last for `steps`.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Batches to stop after.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }

    /// 0: silent, 1: a bar, 2: a line.
    pub fn verbose(mut self, verbose: impl Into<Verbose>) -> Self {
        self.verbose = verbose.into();
        self
    }

    /// Adds a callback.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Adds callbacks, each in a box; [`Predict::callback`] takes one as it is.
    pub fn callbacks(mut self, callbacks: impl IntoIterator<Item = Box<dyn Callback + 'a>>) -> Self {
        self.callbacks.extend(callbacks);
        self
    }
}

impl Model {
    /// Builds the model for this data if need be and brings the data into the order of inputs and outputs.
    pub(crate) fn batches(
        &mut self,
        x: Data,
        y: Option<Data>,
        weight: Option<SampleWeight>,
    ) -> Result<Batches> {
        let given: Vec<(Shape, DType)> =
            x.tensors().iter().map(|t| (batch_shape(t), input_dtype(t))).collect();
        self.build_for(&given)?;
        let functional = self.built()?.clone();
        let (inputs, outputs) = (functional.input_names(), functional.output_names());
        let x = functional.prepare(x.in_order("input", &inputs)?)?;
        let Some(y) = y else {
            let none = || outputs.iter().map(|_| None).collect();
            return Batches::new(x, none(), none());
        };

        let settings = self.compiled()?.per_output(&outputs)?;
        // A step of the user's takes whatever there is.
        let own = !self.trainer.own.is_empty() && !y.is_empty();
        let needed: Vec<String> = outputs
            .iter()
            .zip(&settings)
            .filter(|(_, s)| own || s.needs_target())
            .map(|(n, _)| n.clone())
            .collect();
        // Targets may be given for all outputs or for those that are trained and measured.
        let all = y.tensors().len() == outputs.len();
        let names = if all { &outputs } else { &needed };
        let mut targets: Vec<Option<(String, Tensor)>> = vec![None; outputs.len()];
        for (name, tensor) in names.iter().zip(y.in_order("output", names)?) {
            let at = outputs.iter().position(|o| o == name).filter(|_| needed.contains(name));
            if let Some(at) = at {
                check_targets(name, &tensor, &settings[at], &functional.outputs[at])?;
                targets[at] = Some((format!("y `{name}`"), tensor));
            }
        }
        let mut weights: Vec<Option<(String, Tensor)>> = vec![None; outputs.len()];
        if let Some(weight) = weight {
            let one_for_all = weight.tensors().len() == 1 && names.len() > 1;
            let given = if one_for_all {
                names.iter().map(|_| weight.tensors()[0].clone()).collect()
            } else {
                weight.in_order("sample_weight", names)?
            };
            for (name, tensor) in names.iter().zip(given) {
                let at = outputs.iter().position(|o| o == name).filter(|&at| targets[at].is_some());
                if let Some(at) = at {
                    weights[at] = Some((format!("sample_weight `{name}`"), tensor.cast(DType::F32)));
                }
            }
        }
        Batches::new(x, targets, weights)
    }

    /// What `evaluate` works on, in the form that a [`Feed`] has.
    pub(crate) fn test_feed<'a>(
        &mut self,
        what: &str,
        x: Source<'a>,
        y: Option<Data>,
        weight: Option<SampleWeight>,
        batch_size: Option<usize>,
        steps: Option<usize>,
    ) -> Result<Feed<'a>> {
        match x {
            Source::Arrays(x) => {
                let batches = self.batches(x, Some(y.unwrap_or_default()), weight)?;
                let batch_size = batch_size_for(batch_size, steps, batches.samples.count);
                Ok(Feed::Arrays(batches, batch_size))
            }
            Source::Dataset(dataset) => {
                alone(what, y.is_some_and(|y| !y.is_empty()), weight.is_some(), batch_size.is_some())?;
                Ok(Feed::Stream(Passes::new(dataset)))
            }
        }
    }

    /// Loss and metrics over the data, by name in Keras's order. A [`Dataset`](super::Dataset) has its targets with it: `y` is
    /// `()` then.
    ///
    /// # Errors
    /// When the model is not compiled, or the data does not fit it.
    pub fn evaluate<'a>(
        &mut self,
        x: impl Into<Source<'a>>,
        y: impl Into<Data>,
        options: Evaluate,
    ) -> Result<Logs> {
        self.trainer.check()?;
        self.compiled()?;
        let Evaluate { batch_size, sample_weight, steps, verbose, callbacks } = options;
        check_positive("Evaluate.batch_size", batch_size)?;
        check_positive("Evaluate.steps", steps)?;
        let y = Some(y.into());
        let mut feed = self.test_feed("Evaluate", x.into(), y, sample_weight, batch_size, steps)?;
        let known = feed.steps(steps);
        let mut callbacks = Callbacks::new(callbacks, known);
        let mut progress = Progress::new(verbose, known);
        let logs = self.evaluate_feed(&mut feed, steps, &mut callbacks, &mut progress)?;
        progress.finish(&logs);
        Ok(logs)
    }

    pub(crate) fn evaluate_feed(
        &mut self,
        feed: &mut Feed,
        limit: Option<usize>,
        callbacks: &mut Callbacks,
        progress: &mut Progress,
    ) -> Result<Logs> {
        let (first, rows) = feed.first(self, Needs::Targets)?;
        let ready = self.ready_for(&first.step_spec(Phase::Test, rows))?;
        self.trainer.reset(&ready)?;
        self.trainer.stop_evaluating = false;
        callbacks.begin(self, Stage::Test)?;
        let (mut logs, mut steps) = (Logs::new(), 0);
        match feed {
            Feed::Arrays(batches, batch_size) => {
                let together = self.steps_per_execution();
                let one_by_one = callbacks.watch_batches() || self.trainer.stop_evaluating;
                for (first, order) in
                    executions(batches.samples.count, *batch_size, limit, together, one_by_one)
                {
                    let last = order.len().div_ceil(*batch_size);
                    callbacks.batch_begin(self, Stage::Test, first)?;
                    self.run_batches(batches, Phase::Test, &order, *batch_size, |done, names, outputs| {
                        let is_due = progress.is_due();
                        if is_due || done == last {
                            read_logs(names, outputs, &mut logs)?;
                        }
                        if is_due {
                            progress.update(first + done, &logs);
                        }
                        Ok(())
                    })?;
                    callbacks.batch_end(self, Stage::Test, first.saturating_add(together - 1), &logs)?;
                    steps = first + last;
                    if self.trainer.stop_evaluating {
                        break;
                    }
                }
            }
            Feed::Stream(passes) => passes.each(self, Needs::Targets, limit, &mut |model, step, batch| {
                callbacks.batch_begin(model, Stage::Test, step)?;
                model.with_program(batch.step_spec(Phase::Test, batch.samples.count), |program| {
                    program.batch.clone_from_slice(&batch.samples.tensors);
                    program.run()?;
                    program.read_logs(&mut logs)
                })?;
                callbacks.batch_end(model, Stage::Test, step, &logs)?;
                progress.update(step + 1, &logs);
                steps = step + 1;
                Ok(!model.trainer.stop_evaluating)
            })?,
        }
        if !self.trainer.stop_evaluating {
            warn_of_end(steps, limit);
        }
        callbacks.end(self, Stage::Test, &logs)?;
        Ok(logs)
    }

    /// The output of the model for each sample, batch by batch, joined. What a [`Dataset`](super::Dataset) gives beside inputs
    /// is left aside.
    ///
    /// # Errors
    /// When the data does not fit the model, or the model has several outputs ([`Model::predict_many`]).
    pub fn predict<'a>(&mut self, x: impl Into<Source<'a>>, options: Predict) -> Result<Tensor> {
        one(self.predict_many(x, options)?)
    }

    /// [`Model::predict`] for a model with several outputs.
    ///
    /// # Errors
    /// When the data does not fit the model.
    pub fn predict_many<'a>(&mut self, x: impl Into<Source<'a>>, options: Predict) -> Result<Vec<Tensor>> {
        self.trainer.check()?;
        check_positive("Predict.batch_size", options.batch_size)?;
        check_positive("Predict.steps", options.steps)?;
        let mut feed = match x.into() {
            Source::Arrays(x) => {
                let batches = self.batches(x, None, None)?;
                let batch_size = batch_size_for(options.batch_size, options.steps, batches.samples.count);
                Feed::Arrays(batches, batch_size)
            }
            Source::Dataset(dataset) => {
                alone("Predict", false, false, options.batch_size.is_some())?;
                Feed::Stream(Passes::new(dataset))
            }
        };
        let known = feed.steps(options.steps);
        let mut callbacks = Callbacks::new(options.callbacks, known);
        let mut progress = Progress::new(options.verbose, known);
        // A model is built before callbacks see it.
        feed.first(self, Needs::Inputs)?;
        self.trainer.stop_predicting = false;
        callbacks.begin(self, Stage::Predict)?;
        let (mut joined, mut steps, none) = (vec![], 0, Logs::new());
        match &mut feed {
            Feed::Arrays(batches, batch_size) => {
                let together = self.steps_per_execution();
                let is_watched = callbacks.watch_batches();
                let one_by_one = is_watched || self.trainer.stop_predicting;
                let executions =
                    executions(batches.samples.count, *batch_size, options.steps, together, one_by_one);
                let expected = executions.iter().map(|(_, order)| order.len()).sum();
                for (first, order) in executions {
                    callbacks.batch_begin(self, Stage::Predict, first)?;
                    let mut last = vec![];
                    self.run_batches(batches, Phase::Predict, &order, *batch_size, |done, _, outputs| {
                        Joined::push_all(&mut joined, outputs, expected)?;
                        steps += 1;
                        if is_watched {
                            last = outputs.to_vec();
                        }
                        progress.update(first + done, &none);
                        Ok(())
                    })?;
                    callbacks.predict_batch_end(self, first.saturating_add(together - 1), &last)?;
                    if self.trainer.stop_predicting {
                        break;
                    }
                }
            }
            Feed::Stream(passes) => {
                passes.each(self, Needs::Inputs, options.steps, &mut |model, step, batch| {
                    callbacks.batch_begin(model, Stage::Predict, step)?;
                    let spec = batch.step_spec(Phase::Predict, batch.samples.count);
                    let outputs = model.with_program(spec, |program| {
                        program.batch.clone_from_slice(&batch.samples.tensors);
                        program.run()?;
                        Ok(program.outputs.clone())
                    })?;
                    callbacks.predict_batch_end(model, step, &outputs)?;
                    Joined::push_all(&mut joined, &outputs, 0)?;
                    steps += 1;
                    progress.update(step + 1, &none);
                    Ok(!model.trainer.stop_predicting)
                })?;
            }
        }
        if !self.trainer.stop_predicting {
            warn_of_end(steps, options.steps);
        }
        callbacks.end(self, Stage::Predict, &none)?;
        progress.finish(&none);
        joined.into_iter().map(Joined::finish).collect()
    }
}

/// The first step and the samples of each station at which callbacks look: `one_by_one` executions of `together` steps, or all at
/// once where none does. As in Keras, an execution is as long as the data lasts, even beyond the limit of steps.
fn executions(
    count: usize,
    batch_size: usize,
    limit: Option<usize>,
    together: usize,
    one_by_one: bool,
) -> Vec<(usize, Vec<u32>)> {
    let wanted = limit.map_or(usize::MAX, |steps| steps.div_ceil(together).saturating_mul(together));
    let count = count.min(wanted.saturating_mul(batch_size));
    let steps = if one_by_one { together } else { usize::MAX };
    let size = steps.saturating_mul(batch_size).min(count.max(1));
    let starts = (0..count).step_by(size);
    starts.map(|at| (at / batch_size, (at as u32..(at + size).min(count) as u32).collect())).collect()
}

/// A data set has targets and weights with it, and a size of batches.
///
/// # Errors
/// When something of that is given beside it.
pub(crate) fn alone(what: &str, y: bool, sample_weight: bool, batch_size: bool) -> Result<()> {
    let wrong = [("y", y), ("sample_weight", sample_weight), ("batch_size", batch_size)];
    match wrong.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => {
            let message = "cannot be given beside a data set, which has it in its batches";
            let error = Error::argument(format!("{what}.{name}"), message);
            Err(if name == "y" { error.help("give `()` as y") } else { error })
        }
    }
}

/// The only output.
///
/// # Errors
/// When there are several.
pub(super) fn one(mut outputs: Vec<Tensor>) -> Result<Tensor> {
    match outputs.len() {
        1 => Ok(outputs.remove(0)),
        n => Err(Error::State(format!("the model has {n} outputs")).help("use `predict_many`")),
    }
}

/// Shape of the data with an unknown number of samples.
fn batch_shape(tensor: &Tensor) -> Shape {
    tensor.shape().split_first().map_or_else(Shape::default, |(_, sizes)| Shape::batched(sizes))
}

/// The dtype of an input built from data: Keras computes on float32 unless the data is of integers.
fn input_dtype(tensor: &Tensor) -> DType {
    let spec = Spec::new(tensor.dtype(), []);
    if spec.dtype.is_float() { DType::F32 } else { spec.dtype }
}
