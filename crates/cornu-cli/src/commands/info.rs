//! `cornu info`: what a file holds.
use crate::arguments::{flag, path, place};
use super::convert::load;
use clap::{ArgMatches, Command};
use cornu::prelude::*;
use cornu::saving::{Holds, holds, load_arrays};
use serde_json::{Value as Json, json};
use std::path::Path;

const INFO: &str = "\
Of a model (`.keras`, `.h5`, a folder, or layers as `.json`): inputs, outputs, layers and parameters.
Of weights alone (`.weights.h5`, `.weights.json`, `.safetensors`, `.npz`): the arrays.";

pub fn command() -> Command {
    Command::new("info")
                .about("What a file holds: inputs, outputs, layers and parameters, or arrays")
                .after_help(INFO)
                .arg(place("model", "The file or folder").required(true))
                .arg(flag("json", "As JSON"))
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let file = path(m, "model")?;
    if holds(file)? == Holds::Weights {
        return weights(file, m.get_flag("json"));
    }
    let model = load(file, false)?;
    let tensors = |names: Vec<String>, tensors: Vec<KerasTensor>| {
        let one = |(name, t): (String, KerasTensor)| {
            let mut shape = t.shape().clone();
            // Text has an axis of code points, which Keras does not know of.
            let dtype = if t.is_text() { "string" } else { t.dtype().name() };
            if t.is_text() {
                shape.0.pop();
            }
            json!({"name": name, "shape": shape, "dtype": dtype})
        };
        names.into_iter().zip(tensors).map(one).collect::<Vec<Json>>()
    };
    // A stack without an `Input` has none yet.
    let (inputs, outputs, [total, trainable]) = if model.is_built() {
        let inputs = tensors(model.input_names()?, model.inputs()?);
        let outputs = tensors(model.output_names()?, model.outputs()?);
        (inputs, outputs, [model.count_params()?, model.count_trainable_params()?])
    } else {
        (vec![], vec![], [0, 0])
    };
    let layer = |l: &std::sync::Arc<dyn Layer>| json!({"name": l.name(), "class": l.shown_class(), "params": l.count_params()});
    let layers: Vec<Json> = model.layers().iter().map(layer).collect();
    if m.get_flag("json") {
        let info = json!({
            "name": model.name(),
            "class": model.class_name(),
            "inputs": inputs,
            "outputs": outputs,
            "layers": layers,
            "total_params": total,
            "trainable_params": trainable,
            "non_trainable_params": total - trainable,
        });
        println!("{info}");
        return Ok(());
    }
    println!("{} `{}`", model.class_name(), model.name());
    for (what, tensors) in [("input", &inputs), ("output", &outputs)] {
        for t in tensors {
            println!("{what} {}: {} {}", t["name"], t["dtype"], t["shape"]);
        }
    }
    println!("{} layers, {total} parameters, {trainable} of them trainable", layers.len());
    Ok(())
}

/// The arrays of a file of weights alone.
fn weights(file: &Path, as_json: bool) -> Result<()> {
    let arrays = load_arrays(file)?;
    let bytes = |t: &Tensor| t.len() * t.dtype().size();
    let (numbers, bytes): (usize, usize) =
        arrays.values().fold((0, 0), |(n, b), t| (n + t.len(), b + bytes(t)));
    if as_json {
        let one = |(name, t): (&String, &Tensor)| json!({"name": name, "shape": t.shape(), "dtype": t.dtype().name()});
        let list: Vec<Json> = arrays.iter().map(one).collect();
        println!("{}", json!({"arrays": list, "total_numbers": numbers, "total_bytes": bytes}));
        return Ok(());
    }
    println!("weights alone");
    for (name, t) in &arrays {
        println!("{name}: {} {:?}", t.dtype().name(), t.shape());
    }
    println!("{} arrays, {numbers} numbers, {bytes} bytes", arrays.len());
    Ok(())
}

