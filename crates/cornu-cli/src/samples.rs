//! What a model is trained or judged by.
use crate::data;
use clap::ArgMatches;
use cornu::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// The columns that `--target` names.
pub fn targets(m: &ArgMatches) -> Vec<String> {
    let columns = m.get_one::<String>("target").map(String::as_str).unwrap_or_default();
    columns.split(',').filter(|c| !c.is_empty()).map(|c| c.trim().to_string()).collect()
}

/// Samples, targets and weights of a file.
pub struct Samples {
    pub x: Data,
    pub y: Data,
    pub sample_weight: Option<Data>,
}

impl Samples {
    pub fn read(path: &Path, targets: &[String], model: &Model) -> Result<Samples> {
        let arrays = data::read(path, targets)?;
        Samples::of(&arrays, model)
    }

    fn of(arrays: &BTreeMap<String, Tensor>, model: &Model) -> Result<Samples> {
        let (inputs, outputs) = (model.input_names()?, model.output_names()?);
        let found: Vec<&str> = arrays.keys().map(String::as_str).collect();
        let missing = |what: &str, names: &[String]| {
            Error::Data(format!("no `{what}` and no `{what}_NAME` of {names:?} among {found:?}"))
        };
        Ok(Samples {
            x: data::take(arrays, "x", &inputs).ok_or_else(|| missing("x", &inputs))?,
            y: data::take(arrays, "y", &outputs).ok_or_else(|| missing("y", &outputs))?,
            sample_weight: data::take(arrays, "sample_weight", &outputs),
        })
    }
}
