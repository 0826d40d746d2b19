//! When callbacks save.
use cornu_graph::{Error, Result};

/// When a [`ModelCheckpoint`](super::ModelCheckpoint) or [`BackupAndRestore`](super::BackupAndRestore) saves.
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

impl SaveFreq {
    /// # Errors
    /// When it was another word, or 0.
    pub(super) fn check(self, who: &str) -> Result<()> {
        if self == SaveFreq::Batches(0) {
            let message = "takes \"epoch\" or a positive number of steps";
            return Err(Error::argument(format!("{who}.save_freq"), message));
        }
        Ok(())
    }
}

/// Counts the steps since the last save, where several may be done at once (`steps_per_execution`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steps {
    pub unsaved: usize,
    /// The last step of the last execution in this epoch.
    pub last: Option<usize>,
}

impl Steps {
    /// Whether it is time to save, now that step `batch` of an epoch is done.
    pub fn is_due(&mut self, batch: usize, save_freq: SaveFreq) -> bool {
        let SaveFreq::Batches(every) = save_freq else { return false };
        self.unsaved += match self.last.replace(batch) {
            Some(last) if batch > last => batch - last,
            _ => batch.saturating_add(1),
        };
        let is_due = self.unsaved >= every;
        if is_due {
            self.unsaved = 0;
        }
        is_due
    }
}
