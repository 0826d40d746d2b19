//! `cornu convert`: models and weights from one form to another.
use crate::commands::path;
use clap::ArgMatches;
use cornu::prelude::*;
use cornu::saving::{LoadModel, LoadWeights, load_model, model_from_json};
use std::path::{Path, PathBuf};

/// What a file holds, by its name.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Layers, weights and compile settings: `.keras`, `.h5`.
    Model,
    /// Weights alone: `.weights.h5`, `.safetensors`, `.npz`.
    Weights,
    /// Layers alone: `.json`.
    Layers,
}

fn kind(path: &Path) -> Result<Kind> {
    let name = path.to_string_lossy();
    match path.extension().and_then(|e| e.to_str()) {
        _ if name.ends_with(".weights.h5") => Ok(Kind::Weights),
        Some("safetensors" | "npz") => Ok(Kind::Weights),
        Some("keras" | "h5" | "hdf5") => Ok(Kind::Model),
        Some("json") => Ok(Kind::Layers),
        _ => {
            let known = "`.keras`, `.h5`, `.weights.h5`, `.safetensors`, `.npz` or `.json`";
            Err(Error::argument("convert", format!("expected a {known} file, got `{name}`")))
        }
    }
}

/// The model of a file with layers; new weights where it holds none.
fn model_of(path: &Path, kind: Kind) -> Result<Model> {
    if kind == Kind::Model {
        return load_model(path);
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    model_from_json(&text)
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let (input, output) = (path(m, "model")?, path(m, "output")?);
    let layers = m.get_one::<PathBuf>("layers").map(PathBuf::as_path);
    let (from, to) = (kind(input)?, kind(output)?);
    let model = match (from, layers) {
        (Kind::Weights, Some(layers)) => {
            let of = kind(layers)?;
            if of == Kind::Weights {
                let message = format!("`{}` holds weights alone, no layers", layers.display());
                return Err(Error::argument("--layers", message));
            }
            let mut model = model_of(layers, of)?;
            LoadWeights::new().by_name(m.get_flag("by-name")).load(&mut model, input)?;
            model
        }
        (Kind::Weights, None) => {
            let message = format!("`{}` holds weights alone", input.display());
            let help = "say whose they are: `--layers MODEL`, a `.keras`, `.h5` or `.json` file";
            return Err(Error::argument("convert", message).help(help));
        }
        (_, Some(_)) => {
            let message = format!("`{}` has layers of its own", input.display());
            return Err(Error::argument("--layers", message));
        }
        (Kind::Layers, None) if to == Kind::Weights => {
            let message = format!("`{}` holds layers alone, no weights", input.display());
            return Err(Error::argument("convert", message));
        }
        // Settings of `compile` that are not here are no matter where they are not written.
        (Kind::Model, None) if to != Kind::Model => LoadModel::new().compile(false).load(input)?,
        (_, None) => model_of(input, from)?,
    };
    write(&model, output)
}

/// Writes a model in the form that the name of the file says.
pub fn write(model: &Model, output: &Path) -> Result<()> {
    match kind(output)? {
        Kind::Model => model.save(output),
        Kind::Weights => model.save_weights(output),
        Kind::Layers => std::fs::write(output, model.to_json()?).map_err(|e| Error::io(output, e)),
    }
}
