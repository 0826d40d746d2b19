//! Logs of each epoch in a CSV file.
use crate::callbacks::{Callback, Context};
use crate::saving::words::number;
use crate::training::Logs;
use cornu_graph::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// Writes the values of each epoch as a line of a CSV file. Keras's `CSVLogger`.
#[derive(Debug)]
pub struct CSVLogger {
    filename: PathBuf,
    separator: String,
    append: bool,
    file: Option<File>,
    /// Whether the names stand in the file.
    has_header: bool,
    /// Which values are written, from the first epoch on.
    keys: Option<Vec<String>>,
}

impl CSVLogger {
    /// Writes to this file.
    pub fn new(filename: impl Into<PathBuf>) -> CSVLogger {
        CSVLogger {
            filename: filename.into(),
            separator: ",".into(),
            append: false,
            file: None,
            has_header: false,
            keys: None,
        }
    }

    /// Between the values; `","` by default.
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// Whether to add to a file that is there, rather than to start it over.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    /// Puts quotes around what would be more than one value without them.
    fn write_line(&mut self, values: impl Iterator<Item = String>) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let quoted = |value: String| match value {
            v if v.contains(['"', '\r', '\n']) || v.contains(&self.separator) => {
                format!("\"{}\"", v.replace('"', "\"\""))
            }
            v => v,
        };
        let line = values.map(quoted).collect::<Vec<_>>().join(&self.separator) + "\r\n";
        file.write_all(line.as_bytes()).and_then(|()| file.flush()).map_err(|e| Error::io(&self.filename, e))
    }
}

impl Callback for CSVLogger {
    fn watches_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, _: &mut Context) -> Result<()> {
        if self.separator.chars().count() != 1 {
            let message = format!("must be one character, got `{}`", self.separator);
            return Err(Error::argument("CSVLogger.separator", message));
        }
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(self.append).truncate(!self.append);
        let file = options.open(&self.filename).map_err(|e| Error::io(&self.filename, e))?;
        self.has_header = self.append && file.metadata().is_ok_and(|m| m.len() > 0);
        (self.file, self.keys) = (Some(file), None);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        if self.keys.is_none() {
            let mut keys: Vec<String> = logs.lists().map(|(name, _)| name.to_string()).collect();
            keys.sort_unstable();
            // An epoch without validation leaves room for one.
            if !keys.iter().any(|key| key.starts_with("val_")) {
                keys.extend(keys.clone().iter().map(|key| format!("val_{key}")));
            }
            self.keys = Some(keys);
        }
        let keys = self.keys.clone().unwrap_or_default();
        if !std::mem::replace(&mut self.has_header, true) {
            self.write_line(std::iter::once("epoch".into()).chain(keys.iter().cloned()))?;
        }
        let value = |key: &String| match logs.list(key) {
            [] => "NA".into(),
            [value] => number(*value),
            values => {
                // NumPy's numbers of a list show no more digits than float32 needs.
                let short = |v: &f64| (*v as f32).to_string().parse().unwrap_or(*v);
                let values: Vec<String> = values.iter().map(|v| number(short(v))).collect();
                // In quotes of Keras's own, to which come those of the file.
                format!("\"[{}]\"", values.join(", "))
            }
        };
        self.write_line(std::iter::once(epoch.to_string()).chain(keys.iter().map(value)))
    }

    fn on_train_end(&mut self, _: &mut Context, _: &Logs) -> Result<()> {
        self.file = None;
        Ok(())
    }
}
