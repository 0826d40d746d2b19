//! What each target does with its input; `crates/cornu/tests/corpus.rs` does the same with the files of the corpus.
use cornu::data::{csv, npy, npz};
use cornu::prelude::*;
use cornu::saving::{KerasFileEditor, model_from_json, within_memory};
use std::path::PathBuf;

/// Bytes of weights, and of one computation, that an input may ask for.
const MEMORY: u64 = 64 << 20;

/// A file of this process with this content, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, data: &[u8]) -> Scratch {
        let path = std::env::temp_dir().join(format!("cornu-fuzz-{}-{name}", std::process::id()));
        std::fs::write(&path, data).expect("a temporary file can be written");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A folder of this process, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let thread = std::thread::current().id();
        Folder(std::env::temp_dir().join(format!("cornu-fuzz-{}-{thread:?}-{name}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A `.keras` file: loaded, shown and asked.
pub fn keras(data: &[u8]) {
    let file = Scratch::new("model.keras", data);
    within_memory(MEMORY, || {
        if let Ok(mut model) = saving::load_model(&file.0) {
            try_out(&mut model);
        }
    });
}

/// A whole model in `.h5`: loaded, shown and asked; or weights of a small model.
pub fn h5(data: &[u8]) {
    let file = Scratch::new("model.weights.h5", data);
    within_memory(MEMORY, || match saving::load_model(&file.0) {
        Ok(mut model) => try_out(&mut model),
        Err(_) => {
            let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(3));
            let _ = model.load_weights(&file.0);
            let _ = KerasFileEditor::new(&file.0).map(|editor| editor.summary());
        }
    });
}

/// Arrays of NumPy: an `.npz` archive, or a single `.npy`.
pub fn npz(data: &[u8]) {
    let file = Scratch::new("arrays.npz", data);
    if npz::load(&file.0).is_err() {
        let _ = npy::load(&file.0);
    }
}

/// The config of a model as JSON: built, shown and asked.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    within_memory(MEMORY, || {
        if let Ok(mut model) = model_from_json(text) {
            try_out(&mut model);
        }
    });
}

/// Weights in a `.safetensors` file, for a small model.
pub fn safetensors(data: &[u8]) {
    let file = Scratch::new("weights.safetensors", data);
    let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(3).name("d"));
    let _ = model.load_weights(&file.0);
}

/// What else models are fed with: a picture, a sound, an archive or a table, by how it begins.
pub fn data(data: &[u8]) {
    match data {
        [b'R', b'I', b'F', b'F', ..] => sound(data),
        [b'P', b'K', ..] | [0x1f, 0x8b, ..] => archive(data),
        _ if data.get(257..262) == Some(b"ustar") => archive(data),
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, ..] | [b'G', b'I', b'F', ..] | [b'B', b'M', ..] => {
            picture(data);
        }
        _ => table(data),
    }
}

fn picture(data: &[u8]) {
    let file = Scratch::new("picture", data);
    let Ok(image) = utils::load_img(&file.0) else { return };
    let _ = image.resize((3, 2), "bilinear");
    if image.pixels().len() < 100_000 {
        let _ = utils::img_to_array(&image).and_then(|x| utils::save_img(&file.0, &x));
    }
}

/// Files lie in the folder of a class.
fn sound(data: &[u8]) {
    let folder = Folder::new("sounds");
    std::fs::create_dir_all(folder.0.join("class")).expect("a temporary folder can be made");
    std::fs::write(folder.0.join("class/a.wav"), data).expect("a temporary file can be written");
    for length in [None, Some(40)] {
        let mut sounds = utils::AudioDatasetFromDirectory::new().verbose(false);
        if let Some(length) = length {
            sounds = sounds.output_sequence_length(length);
        }
        if let Ok(mut sounds) = sounds.load(&folder.0) {
            let _ = sounds.iter().map(|mut batches| batches.next());
        }
    }
}

/// Unpacked as a download that is there already.
fn archive(data: &[u8]) {
    let folder = Folder::new("archives");
    std::fs::create_dir_all(folder.0.join("datasets")).expect("a temporary folder can be made");
    std::fs::write(folder.0.join("datasets/a.tar"), data).expect("a temporary file can be written");
    let _ = utils::GetFile::new("http://127.0.0.1:1/a.tar")
        .fname("a.tar")
        .cache_dir(&folder.0)
        .extract(true)
        .get();
}

fn table(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for header in [false, true] {
        if let Ok(table) = csv::Table::parse(text, header, "table") {
            let columns = table.names().len();
            let _ = (table.numbers(0..columns.max(1)), table.text(0), table.column("x"));
        }
    }
}

/// Shows a model, writes its config, and asks it about a tiny batch if it is small.
fn try_out(model: &mut Model) {
    let _ = model.summary();
    let _ = model.to_json();
    if !model.count_params().is_ok_and(|n| n < 10_000) || is_large(model) {
        return;
    }
    let Ok(inputs) = model.inputs() else { return };
    let mut x = vec![];
    for input in &inputs {
        let dims = input.shape().dims().to_vec();
        let shape: Vec<usize> =
            dims.iter().enumerate().map(|(i, d)| if i == 0 { 2 } else { d.unwrap_or(3) }).collect();
        if elements(&shape) > 10_000 {
            return;
        }
        x.push(Tensor::zeros(shape, input.dtype()));
    }
    let _ = model.predict_many(x, Predict::new().verbose(0));
}

/// Whether a layer gives more than a few numbers.
fn is_large(model: &mut Model) -> bool {
    let outputs = model.outputs().unwrap_or_default();
    let shape = |o: &KerasTensor| o.shape().dims().iter().map(|d| d.unwrap_or(3)).collect::<Vec<usize>>();
    outputs.iter().any(|o| elements(&shape(o)) > 100_000)
}

fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |n, &d| n.saturating_mul(d))
}
