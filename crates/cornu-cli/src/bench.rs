//! Times of steps.
use crate::commands::{number, path};
use crate::data;
use clap::ArgMatches;
use cornu::prelude::*;
use cornu::saving::load_model;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// Times the first step from the start of the program, then steps one by one.
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
    let step = |model: &mut Model, i: usize| -> Result<()> {
        let x = rows(&x, i % batches)?;
        if is_training {
            let y = rows(y.as_ref().ok_or_else(|| missing("y"))?, i % batches)?;
            model.train_on_batch(x, y).map(drop)
        } else {
            model.predict_many(x, Predict::new().batch_size(batch_size).verbose(0)).map(drop)
        }
    };
    step(&mut model, 0)?;
    let first = start.elapsed().as_secs_f64() * 1e3;
    for i in 1..=number(m, "warmup") {
        step(&mut model, i)?;
    }
    let is_profiled = m.contains_id("profile");
    if is_profiled {
        model.start_profile();
    }
    let mut times = vec![];
    for i in 0..number(m, "steps").max(1) {
        let start = Instant::now();
        step(&mut model, i)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (median, min) = (times[times.len() / 2], times[0]);
    if let Some(profile) = if is_profiled { model.take_profile()? } else { None } {
        if let Some(file) = m.get_one::<PathBuf>("profile").filter(|f| !f.as_os_str().is_empty()) {
            profile.save_chrome_trace(file)?;
        }
        eprintln!("{profile}");
    }
    let memory = peak_memory_mb();
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
