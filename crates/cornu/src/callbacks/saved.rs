//! Callbacks from their class and arguments, as command lines and configs give them.
use crate::callbacks::*;
use crate::object::{Fields, excerpt};
use cornu_graph::{Error, Result};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Declares how a class name and a config become a callback: in brackets what `new` takes, then what setters take.
macro_rules! saved {
    ($($Class:ident $(($($needed:ident: $n:ty),+))? { $($argument:ident: $t:ty),* $(,)? })*) => {
        /// A callback from `{"class_name": "EarlyStopping", "config": {"patience": 3}}`.
        ///
        /// # Errors
        /// When there is no such class, or an argument is none of its.
        pub fn from_saved(saved: &Json) -> Result<Box<dyn Callback>> {
            const NAMES: &[&str] = &[$(stringify!($Class)),*];
            let bad = |e: serde_json::Error| Error::Format { what: "callback".into(), message: e.to_string() };
            let config = saved.get("config").filter(|c| !c.is_null()).cloned();
            let config = config.unwrap_or_else(|| Json::Object(Default::default()));
            match saved["class_name"].as_str() {
                $(Some(stringify!($Class)) => {
                    #[allow(unused_mut)]
                    let mut fields = Fields::read(stringify!($Class), config).map_err(bad)?;
                    #[allow(unused_mut)]
                    let mut callback = $Class::new($($(fields.required::<$n, _>(stringify!($needed)).map_err(bad)?),+)?);
                    $(if let Some(Some(value)) = fields.optional::<Option<$t>, _>(stringify!($argument)).map_err(bad)? {
                        callback = callback.$argument(value);
                    })*
                    fields.finish(&[$($(stringify!($needed),)+)? $(stringify!($argument)),*], false).map_err(bad)?;
                    Ok(Box::new(callback))
                })*
                Some(class) => Err(Error::unknown("callback", class, NAMES.iter().copied())),
                None => {
                    let message = format!("expected `class_name` and `config`, got {}", excerpt(saved));
                    Err(Error::Format { what: "callback".into(), message })
                }
            }
        }
    };
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Mode, D::Error> {
        Ok(String::deserialize(deserializer)?.as_str().into())
    }
}

impl<'de> Deserialize<'de> for UpdateFreq {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<UpdateFreq, D::Error> {
        word_or_batches(deserializer, UpdateFreq::Batches)
    }
}

impl<'de> Deserialize<'de> for SaveFreq {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<SaveFreq, D::Error> {
        word_or_batches(deserializer, SaveFreq::Batches)
    }
}

/// `"epoch"` and the like, or a number of batches.
fn word_or_batches<'de, T: for<'w> From<&'w str>, D: serde::Deserializer<'de>>(
    deserializer: D,
    batches: fn(usize) -> T,
) -> std::result::Result<T, D::Error> {
    let saved = Json::deserialize(deserializer)?;
    let number = saved.as_u64().and_then(|n| usize::try_from(n).ok());
    Ok(number.map_or_else(|| saved.as_str().unwrap_or_default().into(), batches))
}

saved! {
    BackupAndRestore(backup_dir: PathBuf) { save_freq: SaveFreq, double_checkpoint: bool, delete_checkpoint: bool }
    CSVLogger(filename: PathBuf) { separator: String, append: bool }
    EarlyStopping {
        monitor: String, min_delta: f64, patience: usize, verbose: u8, mode: Mode, baseline: f64,
        restore_best_weights: bool, start_from_epoch: usize,
    }
    ReduceLROnPlateau {
        monitor: String, factor: f64, patience: usize, verbose: u8, mode: Mode, min_delta: f64, cooldown: usize,
        min_lr: f64,
    }
    ModelCheckpoint(filepath: String) {
        monitor: String, verbose: u8, save_best_only: bool, save_weights_only: bool, mode: Mode, save_freq: SaveFreq,
        initial_value_threshold: f64,
    }
    RemoteMonitor {
        root: String, path: String, field: String, headers: BTreeMap<String, String>, send_as_json: bool,
    }
    TensorBoard {
        log_dir: String, histogram_freq: usize, write_graph: bool, write_images: bool, write_steps_per_second: bool,
        update_freq: UpdateFreq, profile_batch: usize, embeddings_freq: usize,
    }
    SwapEMAWeights { swap_on_epoch: bool }
    TerminateOnNaN { raise_error: bool }
}
