//! Watching one value for improvement.
use crate::training::Logs;

/// Which direction is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By the name: more is better for accuracies and the like, less for losses and errors.
    #[default]
    Auto,
    /// Less is better.
    Min,
    /// More is better.
    Max,
}

impl From<&str> for Mode {
    /// `"auto"`, `"min"` or `"max"`. As in Keras, another word gives a warning and is `"auto"`.
    fn from(name: &str) -> Mode {
        match name {
            "min" => Mode::Min,
            "max" => Mode::Max,
            "auto" => Mode::Auto,
            _ => {
                eprintln!("warning: the mode `{name}` is none of `auto`, `min` and `max`; `auto` is taken");
                Mode::Auto
            }
        }
    }
}

impl Mode {
    /// Whether more of `monitor` is better.
    fn is_max(self, monitor: &str) -> bool {
        let name = monitor.strip_prefix("val_").unwrap_or(monitor);
        let grows = [
            "acc",
            "auc",
            "precision",
            "recall",
            "f1",
            "beta",
            "iou",
            "io_u",
            "r2",
            "sensitivity",
            "specificity",
            "cosine",
            "correlation",
        ];
        match self {
            Mode::Min => false,
            Mode::Max => true,
            Mode::Auto => grows.iter().any(|word| name.to_lowercase().contains(word)),
        }
    }
}

/// The best value so far.
#[derive(Clone, Debug)]
pub(crate) struct Monitor {
    pub name: String,
    pub mode: Mode,
    pub best: Option<f64>,
}

impl Monitor {
    pub fn new(name: impl Into<String>) -> Monitor {
        Monitor { name: name.into(), mode: Mode::Auto, best: None }
    }

    /// Whether `value` is better than `reference` by more than `min_delta`.
    pub fn improves(&self, value: f64, reference: f64, min_delta: f64) -> bool {
        if self.mode.is_max(&self.name) {
            value - min_delta.abs() > reference
        } else {
            value + min_delta.abs() < reference
        }
    }

    /// The same, against the best so far.
    pub fn improves_best(&self, value: f64, min_delta: f64) -> bool {
        self.best.is_none_or(|best| self.improves(value, best, min_delta))
    }

    /// The value now; a missing one is a warning on standard error, as in Keras.
    pub fn value(&self, logs: &Logs, who: &str) -> Option<f64> {
        let value = logs.get(&self.name);
        if value.is_none() {
            let names: Vec<&str> = logs.iter().map(|(n, _)| n).collect();
            eprintln!(
                "warning: {who} watches `{}`, which is not there; there are {}{}",
                self.name,
                names.join(", "),
                if self.name.starts_with("val_") {
                    ". Values of validation need validation data"
                } else {
                    ""
                }
            );
        }
        value
    }
}
