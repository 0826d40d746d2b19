//! `cornu convert`: models and weights from one form to another.
use crate::arguments::{file, flag, path, place, shards};
use clap::{ArgMatches, Command};
use cornu::prelude::*;
use cornu::saving::{
    Holds, LoadModel, LoadWeights, SaveModel, holds, load_model, model_from_json, within_memory,
};
use std::path::{Path, PathBuf};

/// What is written, by the name of the file.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Layers, weights and compile settings: `.keras`, `.h5`.
    Model,
    /// The files of a `.keras` file, in a folder.
    Folder,
    /// Weights and the state of the optimizer: `.weights.h5`.
    State,
    /// The same in several files: `.weights.json`.
    Shards,
    /// Weights alone: `.safetensors`, `.npz`.
    Weights,
    /// Layers alone: `.json`.
    Layers,
}

fn form(path: &Path) -> Result<Form> {
    let name = path.to_string_lossy();
    match path.extension().and_then(|e| e.to_str()) {
        _ if name.ends_with(".weights.h5") => Ok(Form::State),
        _ if name.ends_with(".weights.json") => Ok(Form::Shards),
        Some("safetensors" | "npz") => Ok(Form::Weights),
        Some("keras" | "h5" | "hdf5") => Ok(Form::Model),
        Some("json") => Ok(Form::Layers),
        None => Ok(Form::Folder),
        _ if path.is_dir() => Ok(Form::Folder),
        _ => {
            let known = "`.keras`, `.h5`, `.weights.h5`, `.weights.json`, `.safetensors`, `.npz` or `.json`";
            let error = Error::argument("convert", format!("expected a {known} file, got `{name}`"));
            Err(error.help("a name without an ending is that of a folder, for a model"))
        }
    }
}

/// The model of a file with layers; weights not yet made where it holds none.
pub fn load(path: &Path, compile: bool) -> Result<Model> {
    match holds(path)? {
        Holds::Model => LoadModel::new().compile(compile).load(path),
        Holds::Layers => {
            let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
            model_from_json(&text)
        }
        _ => {
            let message = format!("`{}` holds weights alone, no layers", path.display());
            Err(Error::argument("MODEL", message).help("`cornu info` lists them"))
        }
    }
}

/// [`load`] for a model whose weights will be needed: those that do not fit into memory are refused before they are made.
fn load_to_write(path: &Path) -> Result<Model> {
    match available_memory() {
        // Weights, and the file that is made of them.
        Some(bytes) if holds(path)? == Holds::Layers => within_memory(bytes / 2, || load(path, true)),
        _ => load(path, true),
    }
}

/// Bytes that programs can have, where the system tells (Linux).
fn available_memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok()?.checked_mul(1024)
}

const CONVERT: &str = "\
Whole models: `.keras`, `.h5` (as Keras writes it too), or a folder of what is in a `.keras` file: a name without an ending.
Weights: `.weights.h5`, with the state of the optimizer; `.weights.json`, the same in several files; `.safetensors`, `.npz`.
Layers: `.json`; a model made of them has new weights.
What is read is known by how it begins, what is written by its name.

Examples:
  cornu convert model.keras model.h5
  cornu convert model.keras weights.safetensors
  cornu convert model.keras folder
  cornu convert model.keras model.weights.json --max-shard-size 2
  cornu convert weights.safetensors model.keras --layers layers.json";

pub fn command() -> Command {
    Command::new("convert")
                .about("Writes a model, its weights or its layers in another form")
                .after_help(CONVERT)
                .arg(place("model", "The file or folder to read").required(true))
                .arg(place("output", "The file or folder to write").required(true))
                .arg(file("layers", "MODEL", "For weights: whose they are, a `.keras`, `.h5` or `.json` file or a folder"))
                .arg(shards())
                .arg(flag("by-name", "For weights in an older `.h5` file: finds layers by name, not in their order"))
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let (input, output) = (path(m, "model")?, path(m, "output")?);
    let layers = m.get_one::<PathBuf>("layers").map(PathBuf::as_path);
    let max_shard_size = m.get_one::<f64>("max-shard-size").copied();
    let (from, to) = (holds(input)?, form(output)?);
    check_shards(to, max_shard_size, output)?;
    if m.get_flag("by-name") && from != Holds::Weights {
        let message = format!("is for weights alone, `{}` has layers", input.display());
        return Err(Error::argument("--by-name", message));
    }
    let model = match (from, layers) {
        (Holds::Weights, Some(layers)) => {
            if holds(layers)? == Holds::Weights {
                let message = format!("`{}` holds weights alone, no layers", layers.display());
                return Err(Error::argument("--layers", message));
            }
            let mut model = load_to_write(layers)?;
            LoadWeights::new().by_name(m.get_flag("by-name")).load(&mut model, input)?;
            model
        }
        (Holds::Weights, None) => {
            let message = format!("`{}` holds weights alone", input.display());
            let help = "say whose they are: `--layers MODEL`, a `.keras`, `.h5` or `.json` file or a folder";
            return Err(Error::argument("convert", message).help(help));
        }
        (_, Some(_)) => {
            let message = format!("`{}` has layers of its own", input.display());
            return Err(Error::argument("--layers", message));
        }
        (Holds::Layers, None) if matches!(to, Form::State | Form::Shards | Form::Weights) => {
            let message = format!("`{}` holds layers alone, no weights", input.display());
            return Err(Error::argument("convert", message));
        }
        (Holds::Model, None) if !matches!(to, Form::Model | Form::Folder) => with_state(input, to)?,
        (Holds::Model, None) => load_model(input)?,
        (_, None) if to == Form::Layers => load(input, true)?,
        (_, None) => load_to_write(input)?,
    };
    write(&model, output, max_shard_size)
}

/// A model for a form that can do without what it was compiled with, if that is not known here.
fn with_state(input: &Path, to: Form) -> Result<Model> {
    let plain = || LoadModel::new().compile(false).load(input);
    if to == Form::Weights {
        return plain();
    }
    load_model(input).or_else(|error| {
        let model = plain()?;
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or_default();
        eprintln!("note: without what the model was compiled with: {reason}");
        Ok(model)
    })
}

fn check_shards(to: Form, max_shard_size: Option<f64>, output: &Path) -> Result<()> {
    let name = output.display();
    match max_shard_size {
        None if to == Form::Shards => {
            let message =
                format!("says how many gigabytes a file beside `{name}` may hold, and is needed to write it");
            Err(Error::argument("--max-shard-size", message))
        }
        Some(_) if to != Form::Shards => {
            let message = format!("is for a `.weights.json` and its files, got `{name}`");
            Err(Error::argument("--max-shard-size", message))
        }
        _ => Ok(()),
    }
}

/// Writes a model in the form that the name of the file says.
pub fn write(model: &Model, output: &Path, max_shard_size: Option<f64>) -> Result<()> {
    let form = form(output)?;
    check_shards(form, max_shard_size, output)?;
    match (form, max_shard_size) {
        (Form::Folder, _) => SaveModel::new().zipped(false).save(model, output),
        (Form::Model, _) => model.save(output),
        (Form::Shards, Some(size)) => SaveModel::new().max_shard_size(size).save_weights(model, output),
        (Form::State | Form::Shards | Form::Weights, _) => model.save_weights(output),
        (Form::Layers, _) => std::fs::write(output, model.to_json()?).map_err(|e| Error::io(output, e)),
    }
}
