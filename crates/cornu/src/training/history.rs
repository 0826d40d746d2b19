//! What training tells: values by name, step by step and epoch by epoch.
use cornu_graph::{Result, Tensor};
use std::collections::BTreeMap;

/// Values of losses and metrics by name, in Keras's (alphabetical) order. Most are one number; some metrics give one for each
/// class or output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(Vec<(String, Vec<f64>)>);

impl Logs {
    /// No values.
    pub fn new() -> Logs {
        Logs::default()
    }

    /// Sets one value; a new name goes to the end.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => {
                v.clear();
                v.push(value);
            }
            None => self.0.push((name.to_string(), vec![value])),
        }
    }

    /// Sets the values of a metric that gives several.
    pub fn set_list(&mut self, name: &str, values: Vec<f64>) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => *v = values,
            None => self.0.push((name.to_string(), values)),
        }
    }

    /// The value of this name, if it is one number.
    pub fn get(&self, name: &str) -> Option<f64> {
        match self.list(name) {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// All values of this name; none when there is no such name.
    pub fn list(&self, name: &str) -> &[f64] {
        self.0.iter().find(|(n, _)| n == name).map_or(&[], |(_, v)| v)
    }

    /// Names and values in order, of those that are one number.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.lists().filter_map(|(name, values)| match values {
            [value] => Some((name, *value)),
            _ => None,
        })
    }

    /// Names and all their values in order.
    pub fn lists(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Names and values in order, with the means of those that are several numbers: what a bar shows.
    pub(crate) fn means(&self) -> impl Iterator<Item = (&str, f64)> {
        self.lists().map(|(name, values)| (name, values.iter().sum::<f64>() / values.len() as f64))
    }

    /// Brings them into the order of names.
    pub(crate) fn sort(&mut self) {
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
    }

    /// Sets what a step gave: a number, or a list of them.
    pub(crate) fn set_tensor(&mut self, name: &str, tensor: &Tensor) -> Result<()> {
        if tensor.len() == 1 && tensor.rank() == 0 {
            self.set(name, tensor.item()?);
        } else {
            self.set_list(name, tensor.to_f64());
        }
        Ok(())
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
    /// Metrics that give several values: a list for each epoch.
    pub lists: BTreeMap<String, Vec<Vec<f64>>>,
    /// The epochs of those values: validation may come every few epochs only.
    epochs: BTreeMap<String, Vec<usize>>,
}

impl History {
    /// Adds an epoch.
    pub(crate) fn push(&mut self, epoch: usize, logs: &Logs) {
        self.epoch.push(epoch);
        for (name, values) in logs.lists() {
            match values {
                [value] => self.history.entry(name.to_string()).or_default().push(*value),
                several => self.lists.entry(name.to_string()).or_default().push(several.to_vec()),
            }
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
