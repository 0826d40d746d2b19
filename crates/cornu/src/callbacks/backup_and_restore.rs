//! Training that goes on after the program was interrupted.
use crate::callbacks::save_freq::Steps;
use crate::callbacks::{Callback, Context, SaveFreq};
use crate::training::Logs;
use crate::utils::atomic;
use cornu_graph::{Error, Result};
use serde_json::{Value as Json, json};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Saves weights, optimizer state and epoch in a folder, and goes on from there when `fit` starts again after an
/// interruption. At the end of `fit` the folder is deleted. Keras's `BackupAndRestore`.
///
/// A save in the middle of an epoch keeps the number of that epoch; in Keras a second interruption in the first epoch of a
/// call makes it 0.
///
/// ```
/// use cornu::callbacks::BackupAndRestore;
/// let backup = BackupAndRestore::new("backup").delete_checkpoint(false);
/// # let _ = backup;
/// ```
#[derive(Clone, Debug)]
pub struct BackupAndRestore {
    backup_dir: PathBuf,
    save_freq: SaveFreq,
    double_checkpoint: bool,
    delete_checkpoint: bool,
    epoch: usize,
    steps: Steps,
}

impl BackupAndRestore {
    /// Saves in this folder after each epoch.
    pub fn new(backup_dir: impl Into<PathBuf>) -> BackupAndRestore {
        BackupAndRestore {
            backup_dir: backup_dir.into(),
            save_freq: SaveFreq::Epoch,
            double_checkpoint: false,
            delete_checkpoint: true,
            epoch: 0,
            steps: Steps { last: Some(0), ..Steps::default() },
        }
    }

    /// `"epoch"`, or a number of training steps.
    pub fn save_freq(mut self, save_freq: impl Into<SaveFreq>) -> Self {
        self.save_freq = save_freq.into();
        self
    }

    /// Whether to keep the state before the last one as well, which is taken when the last cannot be read; false by default.
    pub fn double_checkpoint(mut self, double_checkpoint: bool) -> Self {
        self.double_checkpoint = double_checkpoint;
        self
    }

    /// Whether to delete the folder at the end of training; true by default.
    pub fn delete_checkpoint(mut self, delete_checkpoint: bool) -> Self {
        self.delete_checkpoint = delete_checkpoint;
        self
    }

    /// Weights and the place in training; with `before` those of the state before the last.
    fn files(&self, before: bool) -> [PathBuf; 2] {
        let end = if before { ".bkp" } else { "" };
        ["latest.weights.h5", "training_metadata.json"]
            .map(|name| self.backup_dir.join(format!("{name}{end}")))
    }

    fn save(&self, cx: &mut Context) -> Result<()> {
        std::fs::create_dir_all(&self.backup_dir).map_err(|e| Error::io(&self.backup_dir, e))?;
        if self.double_checkpoint {
            for (last, before) in self.files(false).iter().zip(self.files(true)) {
                if last.exists() {
                    copy(last, &before)?;
                }
            }
        }
        let [weights, metadata] = self.files(false);
        cx.model().save_weights(&weights)?;
        let place = json!({"epoch": self.epoch, "batch": self.steps.last});
        atomic::write(&metadata, place.to_string().as_bytes())
    }

    /// Puts the state before the last in its place, so that it is not the next to be lost.
    fn step_back(&self) -> Result<()> {
        for (last, before) in self.files(false).iter().zip(self.files(true)) {
            if before.exists() {
                copy(&before, last)?;
            } else if last.exists() {
                std::fs::remove_file(last).map_err(|e| Error::io(last, e))?;
            }
        }
        Ok(())
    }

    fn restore(&self, cx: &mut Context) -> Result<()> {
        let [weights, metadata] = self.files(false);
        if weights.exists() {
            cx.model().load_weights(&weights)?;
        }
        if metadata.exists() {
            // Interrupted in the first epoch, training begins with the one that `fit` is told.
            let epoch = epoch_of(&metadata)?;
            if epoch > 0 {
                cx.start_at(epoch);
            }
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut source = File::open(from).map_err(|e| Error::io(from, e))?;
    atomic::write_with(to, |file| io::copy(&mut source, file).map(drop).map_err(|e| Error::io(to, e)))
}

fn epoch_of(metadata: &Path) -> Result<usize> {
    let text = std::fs::read(metadata).map_err(|e| Error::io(metadata, e))?;
    let saved: Json = serde_json::from_slice(&text).unwrap_or_default();
    let epoch = saved["epoch"].as_u64().and_then(|epoch| usize::try_from(epoch).ok());
    epoch.ok_or_else(|| Error::Format {
        what: metadata.display().to_string(),
        message: "it does not say after how many epochs training stopped".into(),
    })
}

impl Callback for BackupAndRestore {
    fn watches_batches(&self) -> bool {
        self.save_freq != SaveFreq::Epoch
    }

    fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
        if self.backup_dir.as_os_str().is_empty() {
            return Err(Error::argument("BackupAndRestore.backup_dir", "is empty"));
        }
        self.save_freq.check("BackupAndRestore")?;
        match self.restore(cx) {
            Err(_) if self.files(true)[0].exists() => {
                self.step_back()?;
                self.restore(cx)
            }
            restored => restored,
        }
    }

    fn on_epoch_begin(&mut self, _: &mut Context, epoch: usize) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, _: &mut Logs) -> Result<()> {
        (self.epoch, self.steps.last) = (epoch + 1, Some(0));
        if self.save_freq == SaveFreq::Epoch { self.save(cx) } else { Ok(()) }
    }

    fn on_train_batch_end(&mut self, cx: &mut Context, batch: usize, _: &Logs) -> Result<()> {
        if self.steps.is_due(batch, self.save_freq) { self.save(cx) } else { Ok(()) }
    }

    fn on_train_end(&mut self, _: &mut Context, _: &Logs) -> Result<()> {
        if self.delete_checkpoint && self.backup_dir.exists() {
            std::fs::remove_dir_all(&self.backup_dir).map_err(|e| Error::io(&self.backup_dir, e))?;
        }
        Ok(())
    }
}
