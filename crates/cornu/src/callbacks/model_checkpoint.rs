//! Saving the model as it improves.
use crate::callbacks::monitor::{Mode, Monitor};
use crate::callbacks::{Callback, Context};
use crate::training::Logs;
use crate::utils::print_message;
use cornu_graph::{Error, Result};

/// When a [`ModelCheckpoint`] saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveFreq {
    /// After each epoch.
    Epoch,
    /// After so many training steps, counted across epochs.
    Batches(usize),
}

impl From<&str> for SaveFreq {
    /// `"epoch"`; no other word is known.
    fn from(word: &str) -> SaveFreq {
        if word == "epoch" { SaveFreq::Epoch } else { SaveFreq::Batches(0) }
    }
}

impl From<usize> for SaveFreq {
    fn from(batches: usize) -> SaveFreq {
        SaveFreq::Batches(batches)
    }
}

/// Saves weights and optimizer state during training, each time or when a watched value improves. Keras's
/// `ModelCheckpoint`.
///
/// A path that ends in `.keras` or `.h5` gets the whole model, as [`Model::save`](crate::models::Model::save) writes it, and one
/// that ends in `.npz` a checkpoint ([`Model::save_checkpoint`](crate::models::Model::save_checkpoint)); with
/// `save_weights_only` it is a file of [`Model::save_weights`](crate::models::Model::save_weights). The path may hold `{epoch}`,
/// `{epoch:02d}` and any value of the logs: `{val_loss:.2f}`.
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    filepath: String,
    monitor: Monitor,
    verbose: u8,
    save_best_only: bool,
    save_weights_only: bool,
    save_freq: SaveFreq,
    epoch: usize,
    batches: usize,
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
            batches: 0,
        }
    }

    /// The value to watch, for `save_best_only`.
    pub fn monitor(mut self, monitor: impl Into<String>) -> Self {
        self.monitor.name = monitor.into();
        self
    }

    /// 1: says when it saves.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Saves only when the watched value is better than ever.
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

    fn save(&mut self, cx: &mut Context, logs: &Logs) -> Result<()> {
        let path = fill_in(&self.filepath, self.epoch + 1, logs)?;
        if self.save_best_only {
            let Some(value) = self.monitor.value(logs, "ModelCheckpoint") else { return Ok(()) };
            if !self.monitor.improves_best(value, 0.0) {
                return Ok(());
            }
            self.monitor.best = Some(value);
        }
        if self.save_weights_only {
            cx.model().save_weights(&path)?;
        } else if path.ends_with(".npz") {
            cx.model().save_checkpoint(&path)?;
        } else {
            cx.model().save(&path)?;
        }
        if self.verbose > 0 {
            print_message(&format!("\nEpoch {}: saving model to {path}\n", self.epoch + 1));
        }
        Ok(())
    }
}

impl Callback for ModelCheckpoint {
    fn watches_batches(&self) -> bool {
        self.save_freq != SaveFreq::Epoch
    }

    fn on_train_begin(&mut self, _: &mut Context) -> Result<()> {
        if self.save_freq == SaveFreq::Batches(0) {
            let message = "takes \"epoch\" or a positive number of steps";
            return Err(Error::argument("ModelCheckpoint.save_freq", message));
        }
        // Said before an epoch is spent.
        if !self.save_weights_only
            && ![".keras", ".h5", ".npz"].iter().any(|end| self.filepath.ends_with(end))
        {
            let message = format!("must end in `.keras`, `.h5` or `.npz`, got `{}`", self.filepath);
            return Err(Error::argument("ModelCheckpoint.filepath", message));
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, _: &mut Context, epoch: usize) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut Context, _: usize, logs: &Logs) -> Result<()> {
        let SaveFreq::Batches(every) = self.save_freq else { return Ok(()) };
        self.batches += 1;
        if self.batches.is_multiple_of(every.max(1)) { self.save(cx, logs) } else { Ok(()) }
    }

    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.epoch = epoch;
        if self.save_freq == SaveFreq::Epoch { self.save(cx, logs) } else { Ok(()) }
    }
}

/// Python's `str.format` for `{epoch:02d}` and `{val_loss:.4f}`.
fn fill_in(path: &str, epoch: usize, logs: &Logs) -> Result<String> {
    let bad = |what: &str| {
        let mut names: Vec<&str> = logs.iter().map(|(n, _)| n).collect();
        names.push("epoch");
        Error::argument(
            "ModelCheckpoint.filepath",
            format!("`{{{what}}}` cannot be filled in; there are {names:?}"),
        )
    };
    // No name of a file is longer.
    let width = |digits: &str| digits.parse::<usize>().ok().filter(|&n| n < 256);
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (field, after) = after.split_once('}').ok_or_else(|| bad(after))?;
        let (name, format) = field.split_once(':').unwrap_or((field, ""));
        filled.push_str(before);
        if name == "epoch" {
            let digits = format.strip_suffix('d').unwrap_or(format);
            match (digits.strip_prefix('0'), width(digits)) {
                (_, None) if digits.is_empty() => filled.push_str(&epoch.to_string()),
                (Some(_), Some(width)) => filled.push_str(&format!("{epoch:0width$}")),
                (None, Some(width)) => filled.push_str(&format!("{epoch:width$}")),
                _ => return Err(bad(field)),
            }
        } else {
            let value = logs.get(name).ok_or_else(|| bad(field))?;
            let digits = format.strip_suffix('f').unwrap_or(format);
            match digits.strip_prefix('.').map(width) {
                None if digits.is_empty() => filled.push_str(&value.to_string()),
                Some(Some(digits)) => filled.push_str(&format!("{value:.digits$}")),
                _ => return Err(bad(field)),
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let mut logs = Logs::new();
        logs.set("val_loss", 0.12345);
        assert_eq!(fill_in("a/{epoch:02d}-{val_loss:.2f}.npz", 7, &logs).unwrap(), "a/07-0.12.npz");
        assert_eq!(fill_in("w{epoch}.npz", 12, &logs).unwrap(), "w12.npz");
        let e = fill_in("{val_acc}.npz", 1, &logs).unwrap_err().to_string();
        assert!(e.contains("`{val_acc}` cannot be filled in; there are [\"val_loss\", \"epoch\"]"), "{e}");
    }
}
