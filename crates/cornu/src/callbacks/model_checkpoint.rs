//! Saving the model as it improves.
use crate::callbacks::filepath::fill_in;
use crate::callbacks::monitor::{Mode, Monitor};
use crate::callbacks::save_freq::Steps;
use crate::callbacks::{Callback, Context, SaveFreq};
use crate::training::Logs;
use crate::utils::print_message;
use crate::utils::python_format::fixed;
use cornu_graph::{Error, Result};
use std::path::Path;

/// Saves weights and optimizer state during training, each time or when a watched value improves. Keras's
/// `ModelCheckpoint`.
///
/// A path that ends in `.keras` or `.h5` gets the whole model, as [`Model::save`](crate::models::Model::save) writes it, and one
/// that ends in `.npz` a checkpoint ([`Model::save_checkpoint`](crate::models::Model::save_checkpoint)); with
/// `save_weights_only` it is a file of [`Model::save_weights`](crate::models::Model::save_weights). The path may hold `{epoch}`,
/// `{epoch:02d}` and any value of the logs, `{val_loss:.2f}`, as Python formats them; and `{batch}` when `save_freq` is a number.
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    filepath: String,
    monitor: Monitor,
    verbose: u8,
    save_best_only: bool,
    save_weights_only: bool,
    save_freq: SaveFreq,
    epoch: usize,
    steps: Steps,
}

impl ModelCheckpoint {
    /// Saves to this path after each epoch.
    pub fn new(filepath: impl Into<String>) -> ModelCheckpoint {
        ModelCheckpoint {
            filepath: filepath.into(),
            monitor: Monitor::new("val_loss"),
            verbose: 0,
            save_best_only: false,
            save_weights_only: false,
            save_freq: SaveFreq::Epoch,
            epoch: 0,
            steps: Steps::default(),
        }
    }

    /// The value to watch, for `save_best_only`.
    pub fn monitor(mut self, monitor: impl Into<String>) -> Self {
        self.monitor.name = monitor.into();
        self
    }

    /// 1: says when it saves, and with `save_best_only` when not.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Saves only when the watched value is better than ever, or not there.
    pub fn save_best_only(mut self, save_best_only: bool) -> Self {
        self.save_best_only = save_best_only;
        self
    }

    /// Saves by `save_weights`, without layers and compile settings.
    pub fn save_weights_only(mut self, save_weights_only: bool) -> Self {
        self.save_weights_only = save_weights_only;
        self
    }

    /// `"auto"`, `"min"` or `"max"`.
    pub fn mode(mut self, mode: impl Into<Mode>) -> Self {
        self.monitor.mode = mode.into();
        self
    }

    /// `"epoch"`, or a number of training steps.
    pub fn save_freq(mut self, save_freq: impl Into<SaveFreq>) -> Self {
        self.save_freq = save_freq.into();
        self
    }

    /// A value that must be beaten before the first save.
    pub fn initial_value_threshold(mut self, initial_value_threshold: f64) -> Self {
        self.monitor.best = Some(initial_value_threshold);
        self
    }

    /// Whether this state is to be saved.
    fn is_wanted(&mut self, logs: &Logs, path: &str) -> bool {
        let (epoch, verbose) = (self.epoch + 1, self.verbose);
        let say = |text: String| {
            if verbose > 0 {
                print_message(&format!("\nEpoch {epoch}: {text}\n"));
            }
        };
        if !self.save_best_only {
            say(format!("saving model to {path}"));
            return true;
        }
        // As in Keras, a state of which nothing is known is kept.
        let Some(value) = self.monitor.value(logs, "ModelCheckpoint") else { return true };
        let best = self.monitor.best.map_or("None".into(), |best| fixed(best, 5));
        let improves = self.monitor.improves_best(value, 0.0);
        let name = &self.monitor.name;
        if improves {
            say(format!("{name} improved from {best} to {}, saving model to {path}", fixed(value, 5)));
            self.monitor.best = Some(value);
        } else {
            say(format!("{name} did not improve from {best}"));
        }
        improves
    }

    fn save(&mut self, cx: &mut Context, batch: Option<usize>, logs: &Logs) -> Result<()> {
        let path = fill_in(&self.filepath, self.epoch + 1, batch.map(|batch| batch + 1), logs)?;
        if !self.is_wanted(logs, &path) {
            return Ok(());
        }
        if let Some(folder) = Path::new(&path).parent().filter(|folder| !folder.exists()) {
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        }
        if self.save_weights_only {
            cx.model().save_weights(&path)?;
        } else if path.ends_with(".npz") {
            cx.model().save_checkpoint(&path)?;
        } else {
            cx.model().save(&path)?;
        }
        if self.verbose > 0 {
            print_message(&format!("\nEpoch {}: finished saving model to {path}\n", self.epoch + 1));
        }
        Ok(())
    }

    /// The endings of names that what is saved can have.
    fn endings(&self) -> &'static [&'static str] {
        if self.save_weights_only {
            &[".weights.h5", ".safetensors", ".npz"]
        } else {
            &[".keras", ".h5", ".npz"]
        }
    }
}

impl Callback for ModelCheckpoint {
    fn watches_batches(&self) -> bool {
        self.save_freq != SaveFreq::Epoch
    }

    fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.save_freq.check("ModelCheckpoint")?;
        // Said before an epoch is spent.
        let path = &self.filepath;
        let names_weights = path.ends_with(".weights.h5") && !self.save_weights_only;
        if names_weights || !self.endings().iter().any(|end| path.ends_with(end)) {
            let endings = self.endings().join("`, `");
            let message = format!("must end in one of `{endings}`, got `{path}`");
            let error = Error::argument("ModelCheckpoint.filepath", message);
            let for_weights = "`.weights.h5` is for `save_weights_only(true)`";
            return Err(if names_weights { error.help(for_weights) } else { error });
        }
        self.monitor.begin(cx.model(), "ModelCheckpoint")
    }

    fn on_epoch_begin(&mut self, _: &mut Context, epoch: usize) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        if self.steps.is_due(batch, self.save_freq) { self.save(cx, Some(batch), logs) } else { Ok(()) }
    }

    fn on_epoch_end(&mut self, cx: &mut Context, _: usize, logs: &mut Logs) -> Result<()> {
        if self.save_freq == SaveFreq::Epoch { self.save(cx, None, logs) } else { Ok(()) }
    }
}
