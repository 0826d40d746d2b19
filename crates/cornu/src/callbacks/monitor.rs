//! Watching one value for improvement.
use crate::metrics::Direction;
use crate::models::Model;
use crate::training::Logs;
use cornu_graph::{Error, Result};

/// Which direction is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As the metric itself says: more is better for accuracies and the like, less for losses and errors. A metric of one's own
    /// says it by [`MetricRule::direction`](crate::metrics::MetricRule::direction).
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

/// The best value so far.
#[derive(Clone, Debug)]
pub(crate) struct Monitor {
    pub name: String,
    pub mode: Mode,
    pub best: Option<f64>,
    /// Which direction is better, once training began.
    direction: Direction,
    /// Whether it was said that the value is not there.
    told: bool,
}

impl Monitor {
    pub fn new(name: impl Into<String>) -> Monitor {
        Monitor { name: name.into(), mode: Mode::Auto, best: None, direction: Direction::Down, told: false }
    }

    /// Finds out which direction is better: the loss goes down, and metrics say theirs.
    ///
    /// # Errors
    /// When nobody says it.
    pub fn begin(&mut self, model: &Model, who: &str) -> Result<()> {
        let known = match self.mode {
            Mode::Min => Some(Direction::Down),
            Mode::Max => Some(Direction::Up),
            Mode::Auto => {
                model.trainer.ready()?.direction(self.name.strip_prefix("val_").unwrap_or(&self.name))
            }
        };
        self.direction = known.ok_or_else(|| {
            let message = format!("cannot tell whether more or less of `{}` is better", self.name);
            Error::argument(format!("{who}.mode"), message).help("give it `mode(\"max\")` or `mode(\"min\")`")
        })?;
        self.told = false;
        Ok(())
    }

    /// Whether `value` is better than `reference` by more than `min_delta`. As in Keras, numbers are compared as float32.
    pub fn improves(&self, value: f64, reference: f64, min_delta: f64) -> bool {
        let reference = reference as f32;
        match self.direction {
            Direction::Up => (value - min_delta.abs()) as f32 > reference,
            Direction::Down => ((value + min_delta.abs()) as f32) < reference,
        }
    }

    /// The same, against the best so far.
    pub fn improves_best(&self, value: f64, min_delta: f64) -> bool {
        self.best.is_none_or(|best| self.improves(value, best, min_delta))
    }

    /// The value now; a missing one is a warning on standard error, as in Keras, once in each call of `fit`.
    pub fn value(&mut self, logs: &Logs, who: &str) -> Option<f64> {
        let value = logs.get(&self.name);
        if value.is_none() && !std::mem::replace(&mut self.told, true) {
            let names: Vec<&str> = logs.iter().map(|(n, _)| n).collect();
            let (names, several) = (names.join(", "), !logs.list(&self.name).is_empty());
            let is = if several { "is not one number" } else { "is not there" };
            let is_validation = !several && self.name.starts_with("val_");
            let help = if is_validation { ". Values of validation need validation data" } else { "" };
            eprintln!("warning: {who} watches `{}`, which {is}; there are {names}{help}", self.name);
        }
        value
    }
}
