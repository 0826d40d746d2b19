//! What a model is made of.
use crate::commands::path;
use clap::ArgMatches;
use cornu::prelude::*;
use cornu::saving::LoadModel;
use serde_json::{Value as Json, json};
use std::io::IsTerminal;

pub fn summary(m: &ArgMatches) -> Result<()> {
    /// Wide enough for long names, where no terminal sets a limit.
    const WIDE: usize = 160;
    let file = path(m, "model")?;
    // Compile settings that are not known here do not matter to the layers.
    let model = LoadModel::new().load(file).or_else(|_| LoadModel::new().compile(false).load(file))?;
    let is_terminal = std::io::stdout().is_terminal();
    println!("{}", if is_terminal { model.summary() } else { model.summary_of_width(WIDE) });
    Ok(())
}

pub fn info(m: &ArgMatches) -> Result<()> {
    let model = LoadModel::new().compile(false).load(path(m, "model")?)?;
    let tensors = |names: Vec<String>, tensors: Vec<KerasTensor>| {
        let one = |(name, t): (String, KerasTensor)| json!({"name": name, "shape": t.shape(), "dtype": t.dtype().name()});
        names.into_iter().zip(tensors).map(one).collect::<Vec<Json>>()
    };
    let inputs = tensors(model.input_names()?, model.inputs()?);
    let outputs = tensors(model.output_names()?, model.outputs()?);
    let layer = |l: &std::sync::Arc<dyn Layer>| json!({"name": l.name(), "class": l.shown_class(), "params": l.count_params()});
    let layers: Vec<Json> = model.layers().iter().map(layer).collect();
    let (total, trainable) = (model.count_params()?, model.count_trainable_params()?);
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

pub fn devices(m: &ArgMatches) {
    let devices = cornu::backend::list_devices();
    if m.get_flag("json") {
        let all: Vec<Json> = devices
            .iter()
            .map(|d| {
                json!({
                    "backend": d.backend,
                    "found": d.is_found(),
                    "description": d.description,
                    "version": d.version,
                    "path": d.path,
                    "install": d.install,
                })
            })
            .collect();
        println!("{}", Json::from(all));
        return;
    }
    devices.iter().for_each(|device| println!("{device}"));
}
