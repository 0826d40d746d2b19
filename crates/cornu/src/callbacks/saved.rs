//! Callbacks from their class and arguments, as command lines and configs give them.
use crate::callbacks::*;
use crate::object::{Fields, excerpt};
use cornu_graph::{Error, Result};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Declares how a class name and a config become a callback: the arguments that setters take.
macro_rules! saved {
    ($($Class:ident { $($argument:ident: $t:ty),* $(,)? })*) => {
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
                    let mut callback = $Class::new();
                    $(if let Some(Some(value)) = fields.optional::<Option<$t>, _>(stringify!($argument)).map_err(bad)? {
                        callback = callback.$argument(value);
                    })*
                    fields.finish(&[$(stringify!($argument)),*], false).map_err(bad)?;
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
        let saved = Json::deserialize(deserializer)?;
        let batches = saved.as_u64().and_then(|n| usize::try_from(n).ok());
        Ok(batches.map_or_else(|| saved.as_str().unwrap_or_default().into(), UpdateFreq::Batches))
    }
}

saved! {
    EarlyStopping {
        monitor: String, min_delta: f64, patience: usize, verbose: u8, mode: Mode, baseline: f64,
        restore_best_weights: bool, start_from_epoch: usize,
    }
    ReduceLROnPlateau {
        monitor: String, factor: f64, patience: usize, verbose: u8, mode: Mode, min_delta: f64, cooldown: usize,
        min_lr: f64,
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
