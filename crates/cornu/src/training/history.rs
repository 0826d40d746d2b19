//! What training tells: values by name, step by step and epoch by epoch.
use std::collections::BTreeMap;

/// Values of losses and metrics by name, in Keras's (alphabetical) order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(Vec<(String, f64)>);

impl Logs {
    /// No values.
    pub fn new() -> Logs {
        Logs::default()
    }

    /// Sets one value; a new name goes to the end.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => *v = value,
            None => self.0.push((name.to_string(), value)),
        }
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// No values at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What `fit` returns: every loss and metric of every epoch. Keras's `History` callback.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The epochs run, from 0.
    pub epoch: Vec<usize>,
    /// `"loss"`, `"accuracy"`, `"val_loss"`, ...: one value for each epoch.
    pub history: BTreeMap<String, Vec<f64>>,
    /// The epochs of those values: validation may come every few epochs only.
    epochs: BTreeMap<String, Vec<usize>>,
}

impl History {
    /// Adds an epoch.
    pub(crate) fn push(&mut self, epoch: usize, logs: &Logs) {
        self.epoch.push(epoch);
        for (name, value) in logs.iter() {
            self.history.entry(name.to_string()).or_default().push(value);
            self.epochs.entry(name.to_string()).or_default().push(epoch);
        }
    }

    /// The values of one loss or metric; empty when there is none of this name.
    pub fn get(&self, name: &str) -> &[f64] {
        self.history.get(name).map_or(&[], Vec::as_slice)
    }

    /// The epochs, from 0, of the values that [`History::get`] gives.
    pub fn epochs_of(&self, name: &str) -> &[usize] {
        self.epochs.get(name).map_or(&[], Vec::as_slice)
    }

    /// The last value of one loss or metric.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name).last().copied()
    }
}
