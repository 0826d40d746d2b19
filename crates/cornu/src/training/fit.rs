//! `fit`.
use crate::callbacks::{Callback, Callbacks, Stage};
use crate::models::Model;
use crate::training::class_weight::{class_weights, weighted};
use crate::training::data::{Data, SampleWeight};
use crate::training::evaluate::alone;
use crate::training::feed::{Feed, Needs, Passes, Source, nothing};
use crate::training::history::{History, Logs};
use crate::training::progress::{Progress, Verbose};
use crate::training::run::{batch_size_for, check_positive, read_logs, warn_of_end};
use crate::training::step::{Phase, StepSpec};
use crate::training::validation::{Validation, ValidationFreq};
use cornu_graph::{Error, Result};
use std::collections::HashMap;

/// The arguments of [`Model::fit`].
///
/// ```
/// use cornu::prelude::*;
/// let fit = Fit::new().batch_size(128).epochs(5).validation_split(0.1).callback(EarlyStopping::new().patience(3));
/// # drop(fit);
/// ```
pub struct Fit<'a> {
    batch_size: Option<usize>,
    epochs: usize,
    verbose: Verbose,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    validation_split: f64,
    validation_data: Option<Validation<'a>>,
    shuffle: bool,
    class_weight: Option<HashMap<i64, f64>>,
    sample_weight: Option<SampleWeight>,
    initial_epoch: usize,
    steps_per_epoch: Option<usize>,
    validation_steps: Option<usize>,
    validation_batch_size: Option<usize>,
    validation_freq: ValidationFreq,
}

impl Default for Fit<'_> {
    fn default() -> Self {
        Fit {
            batch_size: None,
            epochs: 1,
            verbose: Verbose::default(),
            callbacks: vec![],
            validation_split: 0.0,
            validation_data: None,
            shuffle: true,
            class_weight: None,
            sample_weight: None,
            initial_epoch: 0,
            steps_per_epoch: None,
            validation_steps: None,
            validation_batch_size: None,
            validation_freq: ValidationFreq::Every(1),
        }
    }
}

impl<'a> Fit<'a> {
    /// Keras's defaults: one epoch, batches of 32, shuffled.
    pub fn new() -> Fit<'a> {
        Fit::default()
    }

    /// Samples in a batch of arrays; by default 32, or as many as it takes for the samples to last for `steps_per_epoch`. The last
    /// batch of an epoch may be smaller.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// The epoch to end before, counted from 0; with `initial_epoch` 0 the number of epochs.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// 0: silent, 1: a bar, 2: a line an epoch.
    pub fn verbose(mut self, verbose: impl Into<Verbose>) -> Self {
        self.verbose = verbose.into();
        self
    }

    /// Adds a callback; give `&mut` to one to look at it afterwards.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Adds callbacks, each in a box, as a list made elsewhere has them; [`Fit::callback`] takes one as it is.
    pub fn callbacks(mut self, callbacks: impl IntoIterator<Item = Box<dyn Callback + 'a>>) -> Self {
        self.callbacks.extend(callbacks);
        self
    }

    /// The last part of the samples, between 0 and 1, is kept from training and evaluated after each epoch.
    pub fn validation_split(mut self, validation_split: f64) -> Self {
        self.validation_split = validation_split;
        self
    }

    /// Data to evaluate after each epoch: `(x, y)`, `(x, y, sample_weight)` or a
    /// [`Dataset`](super::Dataset).
    pub fn validation_data(mut self, validation_data: impl Into<Validation<'a>>) -> Self {
        self.validation_data = Some(validation_data.into());
        self
    }

    /// Whether each epoch takes the samples in a new order, or the batches of a [`PyDataset`](super::PyDataset) that ends; true
    /// by default. Iterators and data sets from folders keep their own order, as in Keras.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// How much the samples of each class count; 1 for classes not named. For one output whose targets are labels or one-hot.
    pub fn class_weight(mut self, class_weight: impl IntoIterator<Item = (i64, f64)>) -> Self {
        self.class_weight = Some(class_weight.into_iter().collect());
        self
    }

    /// How much each sample counts.
    pub fn sample_weight(mut self, sample_weight: impl Into<SampleWeight>) -> Self {
        self.sample_weight = Some(sample_weight.into());
        self
    }

    /// The epoch to start at, to go on with an earlier run.
    pub fn initial_epoch(mut self, initial_epoch: usize) -> Self {
        self.initial_epoch = initial_epoch;
        self
    }

    /// Batches in an epoch; by default all. The next epoch goes on where this one stops, and data that ends in the middle of an
    /// epoch ends it.
    pub fn steps_per_epoch(mut self, steps_per_epoch: usize) -> Self {
        self.steps_per_epoch = Some(steps_per_epoch);
        self
    }

    /// Batches of a validation; by default all.
    pub fn validation_steps(mut self, validation_steps: usize) -> Self {
        self.validation_steps = Some(validation_steps);
        self
    }

    /// Samples in a batch of validation; by default the `batch_size`, and without one found from `validation_steps` as it is for
    /// training.
    pub fn validation_batch_size(mut self, validation_batch_size: usize) -> Self {
        self.validation_batch_size = Some(validation_batch_size);
        self
    }

    /// Validates after every so many epochs, 1 by default; or after those of a list, the first of which is 1.
    pub fn validation_freq(mut self, validation_freq: impl Into<ValidationFreq>) -> Self {
        self.validation_freq = validation_freq.into();
        self
    }

    fn check(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.validation_split) {
            let message = format!("must be at least 0 and less than 1, got {}", self.validation_split);
            return Err(Error::argument("Fit.validation_split", message));
        }
        for (what, n) in [
            ("Fit.batch_size", self.batch_size),
            ("Fit.validation_batch_size", self.validation_batch_size),
            ("Fit.steps_per_epoch", self.steps_per_epoch),
            ("Fit.validation_steps", self.validation_steps),
            ("Fit.validation_freq", self.validation_freq.every()),
        ] {
            check_positive(what, n)?;
        }
        if self.class_weight.is_some() && self.sample_weight.is_some() {
            let message = "cannot be given together with `sample_weight`";
            return Err(Error::argument("Fit.class_weight", message));
        }
        Ok(())
    }
}

impl Model {
    /// Trains on data; the losses and metrics of each epoch. A [`Dataset`](super::Dataset) has its targets with it: `y` is `()`
    /// then.
    ///
    /// # Errors
    /// When the model is not compiled, the data does not fit it, or an argument makes no sense.
    pub fn fit<'a>(&mut self, x: impl Into<Source<'a>>, y: impl Into<Data>, options: Fit) -> Result<History> {
        self.trainer.check()?;
        options.check()?;
        let compile = self.compiled()?;
        let mut run = FitRun::new(self, x.into(), y.into(), options)?;
        let steps = run.training.steps(run.options.steps_per_epoch);
        let mut callbacks = Callbacks::new(std::mem::take(&mut run.options.callbacks), steps);
        let mut history = History::default();
        self.trainer.stop_training = false;
        (self.trainer.epochs, self.trainer.initial_epoch) = (run.options.epochs, None);
        // Callbacks may ask for the learning rate before the first step.
        if let Feed::Stream(passes) = &mut run.training {
            passes.begin_epoch()?;
            run.shuffled.begin_pass(self, passes)?;
        }
        let (first, rows) = run.training.first(self, Needs::Targets)?;
        compile.per_output(&self.built()?.output_names())?;
        run.spec = first.step_spec(Phase::Train, rows);
        let ready = self.ready_for(&run.spec)?;
        callbacks.begin(self, Stage::Train)?;
        // Those of the end are without what callbacks added.
        let mut last = Logs::new();
        let first = self.trainer.initial_epoch.take().unwrap_or(run.options.initial_epoch);
        let mut ran = Ok(());
        for epoch in first..run.options.epochs {
            match run.epoch(self, epoch, &mut callbacks) {
                Ok((before, logs)) => {
                    last = before;
                    history.push(epoch, &logs);
                }
                Err(error) => ran = Err(error),
            }
            if ran.is_err() || self.trainer.stop_training {
                break;
            }
        }
        // As in Keras, even where training failed.
        let finalized = if run.options.epochs > 0 { ready.finalize() } else { Ok(()) };
        ran.and(finalized)?;
        callbacks.end(self, Stage::Train, &last)?;
        Ok(history)
    }
}

/// One call of `fit`.
struct FitRun<'a, 'b> {
    options: Fit<'b>,
    training: Feed<'a>,
    validation: Option<Feed<'b>>,
    shuffled: Shuffled,
    /// The samples of arrays in the order of this pass over the data.
    order: Vec<u32>,
    /// Where in `order` the next batch starts.
    next: usize,
    /// Of the first batch.
    spec: StepSpec,
    /// The number of batches of a data set that did not say it, once it ended.
    seen: Option<usize>,
}

/// Whether passes are in another order each.
#[derive(Clone, Copy)]
struct Shuffled(bool);

impl Shuffled {
    /// Starts a pass over a data set, unless one is under way.
    fn begin_pass(self, model: &mut Model, passes: &mut Passes) -> Result<()> {
        let count = passes.dataset.num_batches().filter(|_| self.0 && !passes.dataset.shuffles_itself());
        if !passes.in_pass() {
            passes.begin_pass(count.map(|n| model.trainer.shuffle(n)).transpose()?);
        }
        Ok(())
    }
}

impl<'a, 'b> FitRun<'a, 'b> {
    fn new(model: &mut Model, x: Source<'a>, y: Data, mut options: Fit<'b>) -> Result<FitRun<'a, 'b>> {
        let mut validation = match options.validation_data.take() {
            Some(Validation { x, y, sample_weight }) => {
                let size = match x {
                    Source::Arrays(_) => options.validation_batch_size.or(options.batch_size),
                    Source::Dataset(_) => options.validation_batch_size,
                };
                let steps = options.validation_steps;
                Some(model.test_feed("Fit.validation", x, y, sample_weight, size, steps)?)
            }
            None => None,
        };
        let split = options.validation_split;
        let mut training = match x {
            Source::Dataset(dataset) => {
                let weighted = options.sample_weight.is_some();
                alone("Fit", !y.is_empty(), weighted, options.batch_size.is_some())?;
                if split > 0.0 && validation.is_none() {
                    let error = Error::argument("Fit.validation_split", "is for arrays");
                    return Err(error.help("give `validation_data`; `utils::split_dataset` makes two of one"));
                }
                Feed::Stream(Passes::new(dataset))
            }
            Source::Arrays(x) => {
                // Classes have weights in training alone.
                let held_out = options.class_weight.is_some() && split > 0.0 && validation.is_none();
                let unweighted = held_out.then(|| (x.clone(), y.clone()));
                let weight = match &options.class_weight {
                    Some(classes) => Some(class_weights(&y, classes)?),
                    None => options.sample_weight.clone(),
                };
                let mut batches = model.batches(x, Some(y), weight)?;
                if split > 0.0 && validation.is_none() {
                    let count = batches.samples.count;
                    let at = (count as f64 * (1.0 - split)).floor() as usize;
                    if at == 0 || at == count {
                        let message = format!("{split} of {count} samples leaves one part empty");
                        return Err(Error::argument("Fit.validation_split", message));
                    }
                    let size = options.validation_batch_size.or(options.batch_size);
                    let size = batch_size_for(size, options.validation_steps, count - at);
                    let held_out = match unweighted {
                        Some((x, y)) => model.batches(x, Some(y), None)?.part(at, count)?,
                        None => batches.part(at, count)?,
                    };
                    validation = Some(Feed::Arrays(held_out, size));
                    batches = batches.part(0, at)?;
                }
                let count = batches.samples.count;
                let batch_size = batch_size_for(options.batch_size, options.steps_per_epoch, count);
                check_share(batch_size, count)?;
                Feed::Arrays(batches, batch_size)
            }
        };
        // What is needed once is copied once.
        if options.epochs.saturating_sub(options.initial_epoch) > 1 {
            let mut room = crate::backend::current()?.room_for_data();
            training.stay(&mut room)?;
            validation.iter_mut().try_for_each(|feed| feed.stay(&mut room))?;
        }
        let order = match &training {
            Feed::Arrays(batches, _) => (0..batches.samples.count as u32).collect(),
            Feed::Stream(_) => vec![],
        };
        let shuffled = Shuffled(options.shuffle);
        let spec = StepSpec {
            phase: Phase::Train,
            x: vec![],
            y: vec![],
            sample_weight: vec![],
            steps: 1,
            resident: None,
        };
        Ok(FitRun { options, training, validation, shuffled, order, next: 0, spec, seen: None })
    }

    /// The logs of an epoch, before and after callbacks saw them.
    fn epoch(&mut self, model: &mut Model, epoch: usize, callbacks: &mut Callbacks) -> Result<(Logs, Logs)> {
        let target = self.training.steps(self.options.steps_per_epoch).or(self.seen);
        let mut progress = Progress::new(self.options.verbose, target);
        callbacks.epoch_begin(model, epoch)?;
        progress.epoch(epoch, self.options.epochs);
        let ready = model.ready_for(&self.spec)?;
        model.trainer.reset(&ready)?;
        let mut logs = Logs::new();
        let done = match self.training {
            Feed::Arrays(..) => self.run_arrays(model, target, callbacks, &mut progress, &mut logs)?,
            Feed::Stream(_) => self.run_stream(model, callbacks, &mut progress, &mut logs)?,
        };
        if !model.trainer.stop_training {
            warn_of_end(done, self.options.steps_per_epoch);
        }

        if let Some(validation) =
            self.validation.as_mut().filter(|_| self.options.validation_freq.is_due(epoch + 1))
        {
            let mut silent = Progress::new(Verbose::Silent, None);
            let limit = self.options.validation_steps;
            let found = model.evaluate_feed(validation, limit, callbacks, &mut silent)?;
            found.lists().for_each(|(name, values)| logs.set_list(&format!("val_{name}"), values.to_vec()));
        }
        // Not every step was noted.
        progress.found(done);
        logs.sort();
        let before = logs.clone();
        callbacks.epoch_end(model, epoch, &mut logs)?;
        progress.finish(&logs);
        Ok((before, logs))
    }

    /// The steps of an epoch on batches that a data set makes; how many there were.
    fn run_stream(
        &mut self,
        model: &mut Model,
        callbacks: &mut Callbacks,
        progress: &mut Progress,
        logs: &mut Logs,
    ) -> Result<usize> {
        let Feed::Stream(passes) = &mut self.training else { return Ok(0) };
        passes.begin_epoch()?;
        self.shuffled.begin_pass(model, passes)?;
        let classes = self.options.class_weight.as_ref();
        let mut step = 0;
        let (done, over) = passes.run(self.options.steps_per_epoch, &mut |batch| {
            callbacks.batch_begin(model, Stage::Train, step)?;
            let batches = model.batch(weighted(batch, classes)?, Needs::Targets)?;
            let spec = batches.step_spec(Phase::Train, batches.samples.count);
            model.with_program(spec, |program| {
                program.batch.clone_from_slice(&batches.samples.tensors);
                program.run()?;
                program.read_logs(logs)
            })?;
            callbacks.batch_end(model, Stage::Train, step, logs)?;
            step += 1;
            if progress.is_due() {
                progress.update(step, logs);
            }
            Ok(!model.trainer.stop_training)
        })?;
        passes.end_epoch()?;
        if done == 0 {
            return Err(nothing());
        }
        if over {
            passes.end_pass();
            self.seen = self.seen.or(Some(done));
        }
        Ok(done)
    }

    /// The steps of an epoch on arrays; how many there were.
    fn run_arrays(
        &mut self,
        model: &mut Model,
        target: Option<usize>,
        callbacks: &mut Callbacks,
        progress: &mut Progress,
        logs: &mut Logs,
    ) -> Result<usize> {
        let (count, target) = (self.order.len(), target.unwrap_or(0));
        if self.next == 0 && self.options.shuffle {
            self.order = model.trainer.shuffle(count)?;
        }
        let mut step = 0;
        while step < target && self.next < count {
            step = self.run_batches(model, step, target, callbacks, progress, logs)?;
            if model.trainer.stop_training {
                break;
            }
        }
        if self.next >= count {
            self.next = 0;
        }
        Ok(step)
    }

    /// Runs the rest of the epoch, or one execution only when callbacks look at each.
    fn run_batches(
        &mut self,
        model: &mut Model,
        first: usize,
        target: usize,
        callbacks: &mut Callbacks,
        progress: &mut Progress,
        logs: &mut Logs,
    ) -> Result<usize> {
        let Feed::Arrays(training, size) = &self.training else { return Ok(first) };
        let together = model.steps_per_execution();
        // As in Keras, an execution is as long as the data lasts, even beyond the last step asked for.
        let one = callbacks.watch_batches() || model.trainer.stop_training;
        let wanted = if one { 1 } else { (target - first).div_ceil(together) };
        let order = &self.order[self.next..];
        let order = &order[..order.len().min(wanted.saturating_mul(together).saturating_mul(*size))];
        let count = order.len().div_ceil(*size);
        callbacks.batch_begin(model, Stage::Train, first)?;
        model.run_batches(training, Phase::Train, order, *size, |done, names, outputs| {
            let is_due = progress.is_due();
            if is_due || done == count {
                read_logs(names, outputs, logs)?;
            }
            if is_due {
                progress.update(first + done, logs);
            }
            Ok(())
        })?;
        self.next += order.len();
        callbacks.batch_end(model, Stage::Train, first.saturating_add(together - 1), logs)?;
        Ok(first + count)
    }
}

/// Fails where no whole batch can be shared among the devices.
fn check_share(batch_size: usize, count: usize) -> Result<()> {
    let parts = crate::backend::current()?.num_parts();
    if batch_size.is_multiple_of(parts) || count <= batch_size {
        return Ok(());
    }
    let message =
        format!("must be a multiple of {parts}, the number of devices that share a batch, got {batch_size}");
    let error = Error::argument("Fit.batch_size", message);
    Err(error.help("batches that leave a rest are computed whole by each device"))
}
