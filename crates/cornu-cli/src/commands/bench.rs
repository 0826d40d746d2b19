//! `cornu bench`: times of steps.
use crate::arguments::{count, file, flag, model, number, option, path};
use crate::data;
use clap::{ArgMatches, Command};
use cornu::prelude::*;
use cornu::saving::load_model;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub fn command() -> Command {
    Command::new("bench")
                .about("Times steps of a model")
                .arg(model())
                .arg(file("data", "DATA", "Samples, and targets for `train`").required(true))
                .arg(count("batch-size", "B", "Samples in a batch").default_value("32"))
                .arg(count("steps", "N", "Steps to time").default_value("50"))
                .arg(count("warmup", "N", "Steps before them").default_value("5"))
                .arg(
                    option("mode", "MODE", "What is timed: a batch at a time, or whole epochs of `fit`")
                        .value_parser(["train", "fit", "predict"])
                        .default_value("train"),
                )
                .arg(count("steps-per-execution", "N", "With `fit`: batches that run as one program"))
                .arg(
                    file("profile", "TRACE", "Prints the time of each part of a step on standard error, and writes a Chrome trace")
                        .num_args(0..=1)
                        .require_equals(true)
                        .default_missing_value("-"),
                )
                .arg(flag("json", "As JSON"))
}

/// Times the first step, or with `fit` the first epoch, from the start of the program; then steps one by one, or epochs.
pub fn run(m: &ArgMatches) -> Result<()> {
    let start = Instant::now();
    let mut model = load_model(path(m, "model")?)?;
    let arrays = data::read(path(m, "data")?, &[])?;
    let batch_size = number(m, "batch-size").max(1);
    let is_training = m.get_one::<String>("mode").is_none_or(|mode| mode == "train");
    let (inputs, outputs) = (model.input_names()?, model.output_names()?);
    let missing = |what: &str| Error::Data(format!("the data has no `{what}`"));
    let x = data::take(&arrays, "x", &inputs).ok_or_else(|| missing("x"))?;
    let y = data::take(&arrays, "y", &outputs);
    let samples = x.tensors().first().map_or(0, |t| t.shape().first().copied().unwrap_or(0));
    let batches = samples / batch_size;
    if batches == 0 {
        return Err(Error::Data(format!("{samples} samples are less than a batch of {batch_size}")));
    }
    let rows = |d: &Data, i: usize| -> Result<Data> {
        let (from, to) = (i * batch_size, (i + 1) * batch_size);
        Ok(d.tensors().iter().map(|t| t.rows(from, to)).collect::<Result<Vec<_>>>()?.into())
    };
    if m.get_one::<String>("mode").is_some_and(|mode| mode == "fit") {
        let y = y.ok_or_else(|| missing("y"))?;
        let repeated = |d: &Data| repeat(d, number(m, "steps").max(1) * batch_size, samples);
        let (x, y) = (repeated(&x)?, repeated(&y)?);
        if let Some(&steps) = m.get_one::<usize>("steps-per-execution") {
            model.set_steps_per_execution(steps)?;
        }
        let epoch = |model: &mut Model| -> Result<()> {
            let fit = Fit::new().batch_size(batch_size).shuffle(false).verbose(0);
            model.fit(x.clone(), y.clone(), fit).map(drop)
        };
        epoch(&mut model)?;
        return report(m, &mut model, start.elapsed(), number(m, "steps").max(1), EPOCHS, epoch);
    }
    if m.contains_id("steps-per-execution") {
        return Err(Error::argument("--steps-per-execution", "is for `--mode fit`"));
    }
    let step = |model: &mut Model, i: usize| -> Result<()> {
        let x = rows(&x, i % batches)?;
        if is_training {
            let y = rows(y.as_ref().ok_or_else(|| missing("y"))?, i % batches)?;
            model.train_on_batch(x, y).map(drop)
        } else {
            model.predict_many(x, Predict::new().batch_size(batch_size).verbose(0)).map(drop)
        }
    };
    let mut i = 0;
    let mut next = |model: &mut Model| {
        i += 1;
        step(model, i - 1)
    };
    next(&mut model)?;
    let first = start.elapsed();
    for _ in 0..number(m, "warmup") {
        next(&mut model)?;
    }
    report(m, &mut model, first, 1, number(m, "steps").max(1), next)
}

/// Timed epochs of `fit`.
const EPOCHS: usize = 3;

/// The first `rows` samples of the data, over and over.
fn repeat(data: &Data, rows: usize, samples: usize) -> Result<Data> {
    let whole = |t: &Tensor| {
        let mut repeats = vec![1i64; t.rank()];
        repeats[0] = rows.div_ceil(samples) as i64;
        ops::tile(t, repeats)?.rows(0, rows)
    };
    Ok(data.tensors().iter().map(whole).collect::<Result<Vec<_>>>()?.into())
}

/// Times `run`, which takes `steps` steps, `times` times, and prints what came out.
fn report(
    m: &ArgMatches,
    model: &mut Model,
    first: Duration,
    steps: usize,
    times: usize,
    mut run: impl FnMut(&mut Model) -> Result<()>,
) -> Result<()> {
    let is_profiled = m.contains_id("profile");
    if is_profiled {
        model.start_profile();
    }
    let mut measured = vec![];
    for _ in 0..times {
        let start = Instant::now();
        run(model)?;
        measured.push(start.elapsed().as_secs_f64() * 1e3 / steps as f64);
    }
    measured.sort_by(f64::total_cmp);
    let (median, min) = (measured[measured.len() / 2], measured[0]);
    if let Some(profile) = if is_profiled { model.take_profile()? } else { None } {
        if let Some(file) = m.get_one::<PathBuf>("profile").filter(|f| f.as_os_str() != "-") {
            profile.save_chrome_trace(file)?;
        }
        eprintln!("{profile}");
    }
    let (first, memory) = (first.as_secs_f64() * 1e3, peak_memory_mb());
    if m.get_flag("json") {
        let result = json!({
            "first_step_ms": first, "median_ms": median, "min_ms": min, "peak_rss_mb": memory,
        });
        println!("{result}");
    } else {
        println!(
            "first step {first:.1} ms, then median {median:.3} ms, minimum {min:.3} ms; peak memory {memory:.0} MB"
        );
    }
    Ok(())
}

/// The most memory that this process had, where the system tells (Linux); else 0.
fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
