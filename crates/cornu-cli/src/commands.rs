//! The commands that run a model.
use crate::arguments::{optional, path, verbose, with_given};
use crate::{convert, data};
use clap::ArgMatches;
use cornu::prelude::*;
use cornu::saving::{LoadModel, load_model};
use cornu::training::ValidationFreq;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;

fn targets(m: &ArgMatches) -> Vec<String> {
    let columns = m.get_one::<String>("target").map(String::as_str).unwrap_or_default();
    columns.split(',').filter(|c| !c.is_empty()).map(|c| c.trim().to_string()).collect()
}

pub fn predict(m: &ArgMatches) -> Result<()> {
    let mut model = LoadModel::new().compile(false).load(path(m, "model")?)?;
    let arrays = data::read(path(m, "input")?, &[])?;
    let x = data::inputs(&arrays, &model.input_names()?)?;
    let options = Predict::new().verbose(verbose(m));
    let options = with_given(m, options, &[("batch-size", Predict::batch_size), ("steps", Predict::steps)]);
    let outputs = model.predict_many(x, options)?;
    let mut names = model.output_names()?;
    if let [only] = names.as_mut_slice() {
        *only = "y".into();
    }
    let symbols = model.outputs()?;
    let text: Vec<&str> =
        names.iter().zip(&symbols).filter(|(_, x)| x.is_text()).map(|(name, _)| name.as_str()).collect();
    let named: Vec<(String, Tensor)> = names.iter().cloned().zip(outputs).collect();
    data::write(path(m, "output")?, &named, &text)
}

/// Samples, targets and weights of a file.
struct Samples {
    x: Data,
    y: Data,
    sample_weight: Option<Data>,
}

impl Samples {
    fn read(path: &Path, targets: &[String], model: &Model) -> Result<Samples> {
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

pub fn fit(m: &ArgMatches) -> Result<()> {
    if let Some(&seed) = m.get_one::<u64>("seed") {
        utils::set_random_seed(seed);
    }
    let mut model = load_model(path(m, "model")?)?;
    let samples = Samples::read(path(m, "data")?, &targets(m), &model)?;
    let options = Fit::new().shuffle(!m.get_flag("no-shuffle")).verbose(verbose(m));
    let mut options = with_given(
        m,
        options,
        &[
            ("batch-size", Fit::batch_size),
            ("epochs", Fit::epochs),
            ("initial-epoch", Fit::initial_epoch),
            ("steps-per-epoch", Fit::steps_per_epoch),
            ("validation-steps", Fit::validation_steps),
            ("validation-batch-size", Fit::validation_batch_size),
        ],
    );
    if let Some(text) = m.get_one::<String>("validation-freq") {
        options = options.validation_freq(validation_freq(text)?);
    }
    if let Some(weight) = samples.sample_weight {
        options = options.sample_weight(weight);
    }
    if let Some(file) = optional(m, "validation-data") {
        let v = Samples::read(file, &targets(m), &model)?;
        options = match v.sample_weight {
            Some(weight) => options.validation_data((v.x, v.y, weight)),
            None => options.validation_data((v.x, v.y)),
        };
    }
    if let Some(&split) = m.get_one::<f64>("validation-split") {
        options = options.validation_split(split);
    }
    if let Some(text) = m.get_one::<String>("class-weight") {
        options = options.class_weight(class_weight(text)?);
    }
    if let Some(file) = optional(m, "callbacks") {
        let callbacks = json_list(file)?;
        let callbacks = callbacks.iter().map(cornu::callbacks::from_saved).collect::<Result<Vec<_>>>()?;
        options = options.callbacks(callbacks);
    }
    let history = model.fit(samples.x, samples.y, options)?;
    if let Some(file) = optional(m, "history") {
        let mut epochs: Map<String, Json> =
            history.history.iter().map(|(name, values)| (name.clone(), numbers_json(values))).collect();
        let lists = |lists: &Vec<Vec<f64>>| lists.iter().map(|values| numbers_json(values)).collect();
        epochs.extend(history.lists.iter().map(|(name, values)| (name.clone(), lists(values))));
        write_json(file, &Json::from(epochs))?;
    }
    if let Some(file) = optional(m, "plot") {
        history.plot(file)?;
    }
    optional(m, "output").map_or(Ok(()), |file| model.save(file))
}

/// `3`: every so many epochs; `1,5`: after these.
fn validation_freq(text: &str) -> Result<ValidationFreq> {
    let number = |n: &str| {
        n.trim().parse::<usize>().map_err(|e| {
            Error::argument("--validation-freq", format!("expected `2` or `1,5,10`, got `{text}`: {e}"))
        })
    };
    match text.split_once(',') {
        None => number(text).map(ValidationFreq::from),
        Some(_) => {
            let epochs = text.split(',').filter(|n| !n.trim().is_empty()).map(number);
            Ok(ValidationFreq::After(epochs.collect::<Result<_>>()?))
        }
    }
}

fn class_weight(text: &str) -> Result<Vec<(i64, f64)>> {
    let bad = |e: &dyn std::fmt::Display| {
        Error::argument("--class-weight", format!("expected '{{\"0\": 0.5}}': {e}"))
    };
    let map: BTreeMap<String, f64> = serde_json::from_str(text).map_err(|e| bad(&e))?;
    map.into_iter().map(|(class, weight)| Ok((class.parse().map_err(|e| bad(&e))?, weight))).collect()
}

pub fn evaluate(m: &ArgMatches) -> Result<()> {
    let mut model = load_model(path(m, "model")?)?;
    let samples = Samples::read(path(m, "data")?, &targets(m), &model)?;
    let options = Evaluate::new().verbose(verbose(m));
    let mut options =
        with_given(m, options, &[("batch-size", Evaluate::batch_size), ("steps", Evaluate::steps)]);
    if let Some(weight) = samples.sample_weight {
        options = options.sample_weight(weight);
    }
    let logs = model.evaluate(samples.x, samples.y, options)?;
    let value = |values: &[f64]| if let [one] = values { number_json(*one) } else { numbers_json(values) };
    let metrics: Map<String, Json> =
        logs.lists().map(|(name, values)| (name.into(), value(values))).collect();
    match optional(m, "output") {
        Some(file) => write_json(file, &Json::from(metrics)),
        None => {
            println!("{}", Json::from(metrics));
            Ok(())
        }
    }
}

pub fn application(m: &ArgMatches) -> Result<()> {
    let name = m.get_one::<String>("name").map(String::as_str).unwrap_or_default();
    let text = m.get_one::<String>("arguments").map(String::as_str).unwrap_or_default();
    let arguments: Map<String, Json> = serde_json::from_str(text)
        .map_err(|e| Error::argument("--arguments", format!("expected '{{\"include_top\": false}}': {e}")))?;
    let mut net = applications::named(name)?;
    arguments.into_iter().try_for_each(|(name, value)| net.set(&name, value))?;
    convert::write(&net.build()?, path(m, "output")?, m.get_one::<f64>("max-shard-size").copied())
}

fn json_list(path: &Path) -> Result<Vec<Json>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::Format { what: path.display().to_string(), message: e.to_string() })
}

/// JSON has no infinities: they are the words for them; what is no number is null.
fn number_json(value: f64) -> Json {
    match value {
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

fn numbers_json(values: &[f64]) -> Json {
    values.iter().map(|value| number_json(*value)).collect()
}

fn write_json(path: &Path, json: &Json) -> Result<()> {
    std::fs::write(path, format!("{json}\n")).map_err(|e| Error::io(path, e))
}
