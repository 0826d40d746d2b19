//! `cornu evaluate`: loss and metrics.
use crate::arguments::{batch_size, file, model, optional, path, progress, steps, target, verbose, with_given};
use crate::json;
use crate::samples::{Samples, targets};
use clap::{ArgMatches, Command};
use cornu::prelude::*;
use cornu::saving::load_model;
use serde_json::{Map, Value as Json};

pub fn command() -> Command {
    Command::new("evaluate")
                .about("Loss and metrics of a model over data")
                .arg(model())
                .arg(file("data", "DATA", "Samples and targets, as for `fit`").required(true))
                .arg(target())
                .arg(file("output", "JSON", "Where to write them; standard output unless given"))
                .arg(batch_size("steps"))
                .arg(steps())
                .arg(progress())
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let mut model = load_model(path(m, "model")?)?;
    let samples = Samples::read(path(m, "data")?, &targets(m), &model)?;
    let options = Evaluate::new().verbose(verbose(m));
    let mut options =
        with_given(m, options, &[("batch-size", Evaluate::batch_size), ("steps", Evaluate::steps)]);
    if let Some(weight) = samples.sample_weight {
        options = options.sample_weight(weight);
    }
    let logs = model.evaluate(samples.x, samples.y, options)?;
    let value = |values: &[f64]| if let [one] = values { json::number(*one) } else { json::numbers(values) };
    let metrics: Map<String, Json> =
        logs.lists().map(|(name, values)| (name.into(), value(values))).collect();
    match optional(m, "output") {
        Some(file) => json::write(file, &Json::from(metrics)),
        None => {
            println!("{}", Json::from(metrics));
            Ok(())
        }
    }
}
