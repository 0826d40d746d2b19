//! `cornu fit`: training goes on.
use crate::arguments::{batch_size, count, file, flag, model, option, optional, path, progress, target, verbose, with_given};
use crate::json;
use crate::samples::{Samples, targets};
use clap::{ArgMatches, Command, value_parser};
use cornu::prelude::*;
use cornu::saving::load_model;
use cornu::training::ValidationFreq;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

pub fn command() -> Command {
    Command::new("fit")
                .about("Trains a model as it was compiled, from the state it was saved in")
                .after_help("DATA is `.npz` with `x` or `x_INPUT`, `y` or `y_OUTPUT`, and perhaps `sample_weight` or `sample_weight_OUTPUT`; or `.csv` with the targets in the columns that --target names.")
                .arg(model())
                .arg(file("data", "DATA", "Samples and targets").required(true))
                .arg(target())
                .arg(count("epochs", "N", "Times to go through the data").default_value("1"))
                .arg(count("initial-epoch", "N", "The epoch to go on from").default_value("0"))
                .arg(batch_size("steps-per-epoch"))
                .arg(count("steps-per-epoch", "N", "Batches in an epoch, all by default; the next epoch goes on where one stops"))
                .arg(flag("no-shuffle", "Takes the samples in their order"))
                .arg(file("output", "MODEL", "Where to save the trained model"))
                .arg(file("history", "JSON", "Where to write losses and metrics by epoch"))
                .arg(file("plot", "PICTURE", "Where to draw them: `.svg` or `.png`"))
                .arg(file("validation-data", "DATA", "Evaluated after each epoch"))
                .arg(
                    option("validation-split", "F", "The part of the samples, the last ones, to evaluate on instead of training")
                        .value_parser(value_parser!(f64)),
                )
                .arg(count("validation-batch-size", "B", "Samples in a batch of validation; by default as --batch-size"))
                .arg(count("validation-steps", "N", "Batches of a validation, all by default"))
                .arg(option("validation-freq", "N", "Validates after every so many epochs, or after those of a list: `1,5,10`, or `5,` for one"))
                .arg(option("class-weight", "JSON", "How much each class counts: '{\"0\": 0.5, \"1\": 2.0}'"))
                .arg(file("callbacks", "JSON", "Callbacks: [{\"class_name\": \"EarlyStopping\", \"config\": {\"patience\": 3}}]"))
                .arg(option("seed", "N", "Makes the run repeat bit for bit").value_parser(value_parser!(u64)))
                .arg(progress())
}

pub fn run(m: &ArgMatches) -> Result<()> {
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
        let callbacks = json::read_list(file)?;
        let callbacks = callbacks.iter().map(cornu::callbacks::from_saved).collect::<Result<Vec<_>>>()?;
        options = options.callbacks(callbacks);
    }
    let history = model.fit(samples.x, samples.y, options)?;
    if let Some(file) = optional(m, "history") {
        let mut epochs: Map<String, Json> =
            history.history.iter().map(|(name, values)| (name.clone(), json::numbers(values))).collect();
        let lists = |lists: &Vec<Vec<f64>>| lists.iter().map(|values| json::numbers(values)).collect();
        epochs.extend(history.lists.iter().map(|(name, values)| (name.clone(), lists(values))));
        json::write(file, &Json::from(epochs))?;
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
