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
    keys: Option<Vec<String>>,
}

impl CSVLogger {
    /// Writes to this file.
    pub fn new(filename: impl Into<PathBuf>) -> CSVLogger {
        CSVLogger { filename: filename.into(), separator: ",".into(), append: false, file: None, keys: None }
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

    fn write(&mut self, line: &str) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(line.as_bytes()).and_then(|()| file.flush()).map_err(|e| Error::io(&self.filename, e))
    }
}

/// A number as Python writes it.
fn as_python(value: f64) -> String {
    if value.is_nan() { "nan".into() } else { number(value) }
}

impl Callback for CSVLogger {
    fn watches_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, _: &mut Context) -> Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(self.append).truncate(!self.append);
        let file = options.open(&self.filename).map_err(|e| Error::io(&self.filename, e))?;
        let started = self.append && file.metadata().is_ok_and(|m| m.len() > 0);
        self.keys = None;
        self.file = Some(file);
        if started {
            // The header is there already.
            self.keys = Some(vec![]);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        let header = self.keys.is_none();
        if self.keys.as_ref().is_none_or(Vec::is_empty) {
            let mut keys: Vec<String> = logs.lists().map(|(name, _)| name.to_string()).collect();
            keys.sort_unstable();
            // An epoch without validation leaves room for one.
            if !keys.iter().any(|key| key.starts_with("val_")) {
                keys.extend(keys.clone().iter().map(|key| format!("val_{key}")));
            }
            self.keys = Some(keys);
        }
        let keys = self.keys.clone().unwrap_or_default();
        if header {
            let line = std::iter::once("epoch").chain(keys.iter().map(String::as_str)).collect::<Vec<_>>();
            self.write(&(line.join(&self.separator) + "\r\n"))?;
        }
        let value = |key: &String| match logs.list(key) {
            [] => "NA".into(),
            [value] => as_python(*value),
            values => {
                // NumPy's numbers of a list show no more digits than float32 needs.
                let short = |v: &f64| (*v as f32).to_string().parse().unwrap_or(*v);
                let values: Vec<String> = values.iter().map(|v| as_python(short(v))).collect();
                // In quotes of Keras's own, which those of the file double.
                format!("\"\"\"[{}]\"\"\"", values.join(", "))
            }
        };
        let line: Vec<String> = std::iter::once(epoch.to_string()).chain(keys.iter().map(value)).collect();
        self.write(&(line.join(&self.separator) + "\r\n"))
    }

    fn on_train_end(&mut self, _: &mut Context, _: &Logs) -> Result<()> {
        self.file = None;
        Ok(())
    }
}
