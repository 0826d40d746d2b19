//! `fit`.
use crate::callbacks::{Callback, Callbacks, Stage};
use crate::models::Model;
use crate::training::data::{Data, SampleWeight};
use crate::training::evaluate::steps;
use crate::training::history::{History, Logs};
use crate::training::progress::{Progress, Verbose};
use crate::training::run::{Batches, check_batch_size, read_logs};
use crate::training::step::Phase;
use cornu_graph::{DType, Error, Result, Tensor};
use std::collections::HashMap;

/// The arguments of [`Model::fit`].
///
/// ```
/// use cornu::prelude::*;
/// let fit = Fit::new().batch_size(128).epochs(5).validation_split(0.1).callback(EarlyStopping::new().patience(3));
/// # drop(fit);
/// ```
pub struct Fit<'a> {
    batch_size: usize,
    epochs: usize,
    verbose: Verbose,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    validation_split: f64,
    validation_data: Option<Validation>,
    shuffle: bool,
    class_weight: Option<HashMap<i64, f64>>,
    sample_weight: Option<SampleWeight>,
    initial_epoch: usize,
    steps_per_epoch: Option<usize>,
    validation_steps: Option<usize>,
    validation_batch_size: Option<usize>,
    validation_freq: usize,
}

/// Data to evaluate after each epoch: `(x, y)` or `(x, y, sample_weight)`.
#[derive(Clone, Debug)]
pub struct Validation {
    x: Data,
    y: Data,
    sample_weight: Option<SampleWeight>,
}

impl<X: Into<Data>, Y: Into<Data>> From<(X, Y)> for Validation {
    fn from((x, y): (X, Y)) -> Validation {
        Validation { x: x.into(), y: y.into(), sample_weight: None }
    }
}

impl<X: Into<Data>, Y: Into<Data>, W: Into<Data>> From<(X, Y, W)> for Validation {
    fn from((x, y, w): (X, Y, W)) -> Validation {
        Validation { x: x.into(), y: y.into(), sample_weight: Some(w.into()) }
    }
}

impl Default for Fit<'_> {
    fn default() -> Self {
        Fit {
            batch_size: 32,
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
            validation_freq: 1,
        }
    }
}

impl<'a> Fit<'a> {
    /// Keras's defaults: one epoch, batches of 32, shuffled.
    pub fn new() -> Fit<'a> {
        Fit::default()
    }

    /// Samples in a batch; 32 by default. The last batch of an epoch may be smaller.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
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

    /// Adds callbacks.
    pub fn callbacks(mut self, callbacks: impl IntoIterator<Item = Box<dyn Callback + 'a>>) -> Self {
        self.callbacks.extend(callbacks);
        self
    }

    /// The last part of the samples, between 0 and 1, is kept from training and evaluated after each epoch.
    pub fn validation_split(mut self, validation_split: f64) -> Self {
        self.validation_split = validation_split;
        self
    }

    /// Data to evaluate after each epoch: `(x, y)` or `(x, y, sample_weight)`.
    pub fn validation_data(mut self, validation_data: impl Into<Validation>) -> Self {
        self.validation_data = Some(validation_data.into());
        self
    }

    /// Whether each epoch takes the samples in a new order; true by default.
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

    /// Batches in an epoch; by default all.
    pub fn steps_per_epoch(mut self, steps_per_epoch: usize) -> Self {
        self.steps_per_epoch = Some(steps_per_epoch);
        self
    }

    /// Batches of a validation; by default all.
    pub fn validation_steps(mut self, validation_steps: usize) -> Self {
        self.validation_steps = Some(validation_steps);
        self
    }

    /// Samples in a batch of validation; by default as in training.
    pub fn validation_batch_size(mut self, validation_batch_size: usize) -> Self {
        self.validation_batch_size = Some(validation_batch_size);
        self
    }

    /// Validates after every so many epochs; 1 by default.
    pub fn validation_freq(mut self, validation_freq: usize) -> Self {
        self.validation_freq = validation_freq;
        self
    }

    fn check(&self) -> Result<()> {
        check_batch_size("Fit", self.batch_size)?;
        self.validation_batch_size.map_or(Ok(0), |b| check_batch_size("Fit.validation", b))?;
        if !(0.0..1.0).contains(&self.validation_split) {
            let message = format!("must be at least 0 and less than 1, got {}", self.validation_split);
            return Err(Error::argument("Fit.validation_split", message));
        }
        for (what, n) in [
            ("Fit.steps_per_epoch", self.steps_per_epoch),
            ("Fit.validation_steps", self.validation_steps),
            ("Fit.validation_freq", Some(self.validation_freq)),
        ] {
            if n == Some(0) {
                return Err(Error::argument(what, "must be at least 1, got 0"));
            }
        }
        if self.class_weight.is_some() && self.sample_weight.is_some() {
            let message = "cannot be given together with `sample_weight`";
            return Err(Error::argument("Fit.class_weight", message));
        }
        Ok(())
    }
}

impl Model {
    /// Trains on data; the losses and metrics of each epoch.
    ///
    /// # Errors
    /// When the model is not compiled, the data does not fit it, or an argument makes no sense.
    pub fn fit(&mut self, x: impl Into<Data>, y: impl Into<Data>, options: Fit) -> Result<History> {
        self.trainer.check()?;
        options.check()?;
        let (x, y) = (x.into(), y.into());
        let compile = self.compiled()?;
        let weight = match &options.class_weight {
            Some(classes) => Some(class_weights(&y, classes)?),
            None => options.sample_weight.clone(),
        };
        let mut training = self.batches(x, Some(y), weight)?;
        compile.per_output(&self.built()?.output_names())?;
        let mut validation = match options.validation_data.clone() {
            Some(v) => Some(self.batches(v.x, Some(v.y), v.sample_weight)?),
            None => None,
        };
        if options.validation_split > 0.0 && validation.is_none() {
            let count = training.samples.count;
            let at = (count as f64 * (1.0 - options.validation_split)).floor() as usize;
            if at == 0 || at == count {
                let message =
                    format!("{} of {count} samples leaves one part empty", options.validation_split);
                return Err(Error::argument("Fit.validation_split", message));
            }
            validation = Some(training.part(at, count)?);
            training = training.part(0, at)?;
        }

        let mut run = FitRun {
            order: (0..training.samples.count as u32).collect(),
            next: 0,
            training,
            validation,
            options,
        };
        let mut callbacks = Callbacks::new(std::mem::take(&mut run.options.callbacks));
        let mut history = History::default();
        self.trainer.stop_training = false;
        (self.trainer.epochs, self.trainer.initial_epoch) = (run.options.epochs, None);
        // Callbacks may ask for the learning rate before the first step.
        let rows = run.options.batch_size.min(run.order.len());
        let ready = self.ready_for(&run.training.step_spec(Phase::Train, rows))?;
        callbacks.begin(self, Stage::Train)?;
        let mut logs = Logs::new();
        let first = self.trainer.initial_epoch.take().unwrap_or(run.options.initial_epoch);
        for epoch in first..run.options.epochs {
            logs = run.epoch(self, epoch, &mut callbacks)?;
            history.push(epoch, &logs);
            if self.trainer.stop_training {
                break;
            }
        }
        if run.options.epochs > 0 {
            ready.finalize()?;
        }
        callbacks.end(self, Stage::Train, &logs)?;
        Ok(history)
    }
}

/// One call of `fit`.
struct FitRun<'a> {
    options: Fit<'a>,
    training: Batches,
    validation: Option<Batches>,
    /// The samples in the order of this pass over the data.
    order: Vec<u32>,
    /// Where in `order` the next batch starts.
    next: usize,
}

impl FitRun<'_> {
    fn epoch(&mut self, model: &mut Model, epoch: usize, callbacks: &mut Callbacks) -> Result<Logs> {
        let count = self.order.len();
        let target = steps(count, self.options.batch_size, None);
        let target = self.options.steps_per_epoch.unwrap_or(target);
        let mut progress = Progress::new(self.options.verbose, Some(target));
        progress.epoch(epoch, self.options.epochs);
        callbacks.epoch_begin(model, epoch)?;
        let spec = self.training.step_spec(Phase::Train, self.options.batch_size.min(count));
        model.ready_for(&spec)?.reset()?;
        if self.next == 0 && self.options.shuffle {
            self.order = model.trainer.shuffle(count)?;
        }

        let mut logs = Logs::new();
        let mut step = 0;
        while step < target && self.next < count && !model.trainer.stop_training {
            step = self.run_batches(model, step, target, callbacks, &mut progress, &mut logs)?;
        }
        if step < target && !model.trainer.stop_training {
            eprintln!(
                "warning: the data ran out after {step} of {target} steps; make sure that it can give at least \
                 `steps_per_epoch * epochs` batches"
            );
        }
        if self.next >= count {
            self.next = 0;
        }

        if let Some(validation) =
            self.validation.as_ref().filter(|_| (epoch + 1).is_multiple_of(self.options.validation_freq))
        {
            let batch_size = self.options.validation_batch_size.unwrap_or(self.options.batch_size);
            let mut silent = Progress::new(Verbose::Silent, None);
            let limit = self.options.validation_steps;
            let found = model.evaluate_batches(validation, batch_size, limit, callbacks, &mut silent)?;
            found.lists().for_each(|(name, values)| logs.set_list(&format!("val_{name}"), values.to_vec()));
        }
        callbacks.epoch_end(model, epoch, &mut logs)?;
        progress.finish(&logs);
        Ok(logs)
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
        let (size, together) = (self.options.batch_size, model.steps_per_execution());
        // As in Keras, an execution is as long as the data lasts, even beyond the last step asked for.
        let wanted = if callbacks.watch_batches() { 1 } else { (target - first).div_ceil(together) };
        let order = &self.order[self.next..];
        let order = &order[..order.len().min(wanted.saturating_mul(together).saturating_mul(size))];
        let count = order.len().div_ceil(size);
        callbacks.batch_begin(model, Stage::Train, first)?;
        model.run_batches(&self.training, Phase::Train, order, size, |done, names, outputs| {
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

/// A weight for each sample from the class it is of: the label, or the largest of a one-hot row.
fn class_weights(y: &Data, classes: &HashMap<i64, f64>) -> Result<SampleWeight> {
    let [y] = y.tensors() else {
        let message = "is only supported for models with a single output";
        return Err(Error::argument("Fit.class_weight", message));
    };
    let values = y.to_f64();
    let width = if y.rank() >= 2 { y.shape()[y.rank() - 1] } else { 1 };
    let class = |row: &[f64]| match row {
        [label] => label.round() as i64,
        // The first of the largest.
        _ => row.iter().enumerate().fold(0, |best, (i, &v)| if v > row[best] { i } else { best }) as i64,
    };
    let weights: Vec<f64> =
        values.chunks(width.max(1)).map(|row| classes.get(&class(row)).copied().unwrap_or(1.0)).collect();
    let shape = if y.rank() >= 2 { &y.shape()[..y.rank() - 1] } else { y.shape() };
    Ok(Tensor::from_f64(shape, DType::F32, &weights)?.into())
}
