//! What a file holds, before anything is made of it.
use super::save_model::ending;
use super::{hdf5, safetensors, sharded};
use crate::data::npz;
use cornu_graph::{Error, Result, Tensor};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What there is in a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holds {
    /// Layers, weights and perhaps compile settings: for [`load_model`](super::load_model).
    Model,
    /// Weights alone: for [`load_weights`](super::load_weights) and [`load_arrays`].
    Weights,
    /// Layers alone, as JSON: for [`model_from_json`](super::model_from_json).
    Layers,
}

/// What a file or folder holds: by how it begins, and where that does not tell by its name. Whether it is whole comes out when
/// it is loaded.
///
/// ```
/// use cornu::prelude::*;
/// use cornu::saving::{Holds, holds};
///
/// let model = Sequential::new().add(Input::new([4])).add(Dense::new(2));
/// let path = std::env::temp_dir().join(format!("cornu-doc-holds-{}.weights.h5", std::process::id()));
/// model.save_weights(&path)?;
/// assert_eq!(holds(&path)?, Holds::Weights);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), cornu::Error>(())
/// ```
///
/// # Errors
/// When it is not there, or nothing of the kind.
pub fn holds(path: impl AsRef<Path>) -> Result<Holds> {
    let path = path.as_ref();
    if path.is_dir() {
        if path.join("config.json").is_file() {
            return Ok(Holds::Model);
        }
        return Err(strange(path, "is a folder without a `config.json`, and so without a model of Keras"));
    }
    let start = start(path)?;
    if hdf5::is_hdf5(path) {
        let contents = hdf5::read_file(path)?;
        let has_layers = contents.texts.contains_key(&(String::new(), "model_config".into()));
        return Ok(if has_layers { Holds::Model } else { Holds::Weights });
    }
    match ending(path) {
        _ if start.is_empty() => Err(strange(path, "is empty")),
        _ if sharded::is_map(path) => Ok(Holds::Weights),
        "npz" | "safetensors" => Ok(Holds::Weights),
        "json" => Ok(Holds::Layers),
        "keras" => Ok(Holds::Model),
        _ if start.starts_with(b"PK") => Ok(Holds::Model),
        "h5" | "hdf5" => Err(strange(path, "is no HDF5 file, though its name says so")),
        _ => Err(strange(path, "is no file of a model, of weights or of layers")),
    }
}

fn strange(path: &Path, message: &str) -> Error {
    let error = Error::Format { what: path.display().to_string(), message: message.into() };
    error.help("known are `.keras`, `.h5`, folders of Keras, `.weights.h5`, `.weights.json`, `.safetensors`, `.npz` and `.json`")
}

/// The first bytes of a file, fewer if it has no more.
fn start(path: &Path) -> Result<Vec<u8>> {
    const BYTES: u64 = 8;
    let mut start = vec![];
    let read = File::open(path).and_then(|file| file.take(BYTES).read_to_end(&mut start));
    read.map(|_| start).map_err(|e| Error::io(path, e))
}

/// The arrays of a file of weights alone, by the names that they have in it: places as `layers/dense/vars/0`, or paths of
/// weights. For a `.weights.json`, those of all the files that it names.
///
/// # Errors
/// When the file is none of weights, cannot be read or is damaged.
pub fn load_arrays(path: impl AsRef<Path>) -> Result<BTreeMap<String, Tensor>> {
    let path = path.as_ref();
    if hdf5::is_hdf5(path) {
        return Ok(hdf5::read_file(path)?.arrays);
    }
    match ending(path) {
        _ if sharded::is_map(path) => sharded::load(path),
        "safetensors" => safetensors::load(path),
        "npz" => npz::load(path),
        _ => Err(strange(path, "is no file of weights alone")),
    }
}
