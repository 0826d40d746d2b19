//! Model files: those that Keras wrote, our own, and damaged ones. The files come from `tools/oracle/files.py`.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::data::npz;
use cornu::prelude::*;
use cornu::saving::load_model;
use serde_json::Value as Json;
use std::io::Read;
use std::path::{Path, PathBuf};

const NAMES: [&str; 6] = ["cnn", "functional", "lstm", "cells", "half", "shared_objects"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/files").join(name)
}

/// A path for a file of this test that is removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("cornu-saving-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Multiplies by a weight for each feature.
#[layer("cornu_test")]
pub struct Scale {
    /// Where the weights start.
    #[default(1.0)]
    pub initial: f64,
}

impl Layer for Scale {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let start = cornu::initializers::Constant::new().value(self.initial);
        weights.add("scale", [input.last()?], &start.into());
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        Ok(x * cx.weight("scale")?)
    }
}

/// Inputs or outputs of a case, by their prefix.
fn arrays(name: &str, prefix: &str) -> Vec<Tensor> {
    let arrays = npz::load(file(&format!("{name}.npz"))).unwrap();
    (0..).map_while(|i| arrays.get(&format!("{prefix}_{i}")).cloned()).collect()
}

fn predict(model: &mut Model, name: &str) -> Vec<Tensor> {
    model.predict_many(arrays(name, "x"), Predict::new()).unwrap()
}

/// The model predicts what Keras predicted.
fn check(model: &mut Model, name: &str, tolerance: f64) {
    let (expected, found) = (arrays(name, "y"), predict(model, name));
    assert_eq!(expected.len(), found.len(), "{name}");
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected.shape(), found.shape(), "{name}");
        for (e, f) in expected.to_f64().iter().zip(found.to_f64()) {
            assert!((e - f).abs() <= tolerance, "{name}: {e} {f}");
        }
    }
}

fn config(path: &Path) -> Json {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut text = String::new();
    archive.by_name("config.json").unwrap().read_to_string(&mut text).unwrap();
    let mut config = serde_json::from_str(&text).unwrap();
    drop_shared_ids(&mut config);
    config
}

/// Keras marks objects that two layers share; here they are equal, not the same.
fn drop_shared_ids(json: &mut Json) {
    match json {
        Json::Object(map) => {
            map.shift_remove("shared_object_id");
            map.values_mut().for_each(drop_shared_ids);
        }
        Json::Array(list) => list.iter_mut().for_each(drop_shared_ids),
        _ => {}
    }
}

fn tolerance(name: &str) -> f64 {
    if name == "half" { 0.02 } else { 1e-5 }
}

#[test]
fn files_of_keras_and_back() {
    cornu::saving::register::<Scale>();
    for name in NAMES.into_iter().chain(["custom"]) {
        let original = file(&format!("{name}.keras"));
        let mut model = load_model(&original).unwrap();
        check(&mut model, name, tolerance(name));
        let ours = Scratch::new(&format!("{name}.keras"));
        model.save(&ours.0).unwrap();
        assert_eq!(config(&ours.0).to_string(), config(&original).to_string(), "{name}");
        let mut again = load_model(&ours.0).unwrap();
        assert_eq!(model.get_weights().unwrap(), again.get_weights().unwrap(), "{name}");
        assert_eq!(predict(&mut model, name), predict(&mut again, name), "{name}");
    }
}

#[test]
fn files_of_keras_2() {
    for name in ["cnn", "functional", "lstm", "keras2"] {
        let mut model = load_model(file(&format!("{name}.h5"))).unwrap();
        check(&mut model, name, 1e-5);
        if name != "keras2" {
            let mut same = load_model(file(&format!("{name}.keras"))).unwrap();
            let saved = same.get_weights().unwrap();
            let zeros: Vec<Tensor> = saved.iter().map(|w| Tensor::zeros(w.shape(), w.dtype())).collect();
            same.set_weights(&zeros).unwrap();
            same.load_weights(file(&format!("{name}.h5"))).unwrap();
            assert_eq!(same.get_weights().unwrap(), saved, "{name}");
        }
    }
    let mut other = load_model(file("cnn.keras")).unwrap();
    let message = other.load_weights(file("keras2.h5")).unwrap_err().to_string();
    assert!(message.contains("layers with weights"), "{message}");
}

#[test]
fn training_goes_on_from_a_file() {
    for (name, ending) in [("cnn", "keras"), ("lstm", "keras"), ("lstm", "h5")] {
        let start = file(&format!("{name}.{ending}"));
        let x = arrays(name, "x").remove(0);
        let y = match name {
            "cnn" => Tensor::from([0i32, 1, 0, 1, 0, 1, 0, 1]),
            _ => Tensor::from([[0.5f32], [0.25], [-0.5], [1.0]]),
        };
        let fit = |model: &mut Model, from, to| {
            let options = Fit::new().initial_epoch(from).epochs(to).batch_size(4).shuffle(false).verbose(0);
            model.fit(&x, &y, options).unwrap();
        };
        let mut whole = load_model(&start).unwrap();
        fit(&mut whole, 0, 4);
        let mut half = load_model(&start).unwrap();
        fit(&mut half, 0, 2);
        let between = Scratch::new(&format!("{name}-{ending}-between.keras"));
        half.save(&between.0).unwrap();
        let mut rest = load_model(&between.0).unwrap();
        fit(&mut rest, 2, 4);
        assert_eq!(whole.get_weights().unwrap(), rest.get_weights().unwrap(), "{name}.{ending}");
    }
}
