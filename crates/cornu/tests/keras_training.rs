//! Whole models that Keras saved are trained on: history, weights, predictions and summary are Keras's; what is saved and
//! loaded again is the same. The files are written by `tools/oracle/training.py`.
#![allow(clippy::unwrap_used, clippy::panic)]
mod oracle;

use cornu::data::npz;
use cornu::prelude::*;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MODELS: [&str; 4] = ["cnn", "lstm", "masked", "two_outputs"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/training").join(name)
}

/// The arrays `x` or `x_NAME` in the order of names.
fn named(arrays: &BTreeMap<String, Tensor>, prefix: &str, names: &[String]) -> Vec<Tensor> {
    match arrays.get(prefix) {
        Some(tensor) => vec![tensor.clone()],
        None => names.iter().map(|n| arrays[&format!("{prefix}_{n}")].clone()).collect(),
    }
}

fn near(what: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-2f64, |m, x| m.max(x.abs()));
    for (i, (a, b)) in got.iter().zip(want).enumerate() {
        assert!((a - b).abs() <= 1e-4 * largest, "{what}: element {i} is {a}, Keras gives {b}");
    }
}

fn fit(model: &mut Model, data: &BTreeMap<String, Tensor>, epochs: usize, initial_epoch: usize) -> History {
    let x = named(data, "x", &model.input_names().unwrap());
    let y = named(data, "y", &model.output_names().unwrap());
    let mut fit =
        Fit::new().epochs(epochs).initial_epoch(initial_epoch).batch_size(5).shuffle(false).verbose(0);
    if let Some(weight) = data.get("sample_weight") {
        fit = fit.sample_weight(weight);
    }
    model.fit(x, y, fit).unwrap()
}

fn predictions(model: &mut Model, data: &BTreeMap<String, Tensor>) -> Vec<Vec<f64>> {
    let x = named(data, "x", &model.input_names().unwrap());
    model.predict_many(x, Predict::new().verbose(0)).unwrap().iter().map(Tensor::to_f64).collect()
}

#[test]
fn trains_as_keras_does() {
    for name in MODELS {
        let expected: Json =
            serde_json::from_str(&std::fs::read_to_string(file(&format!("{name}.json"))).unwrap()).unwrap();
        let data = npz::load(file(&format!("{name}.npz"))).unwrap();
        let trained = npz::load(file(&format!("{name}_trained.npz"))).unwrap();
        let mut model = saving::load_model(file(&format!("{name}.keras"))).unwrap();
        let history = fit(&mut model, &data, 4, 0);
        let want = expected["history"].as_object().unwrap();
        assert_eq!(history.history.len(), want.len(), "{name}: {:?}", history.history.keys());
        for (metric, values) in want {
            let values: Vec<f64> = values.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            near(&format!("{name}: {metric}"), history.get(metric), &values);
        }
        for (i, weight) in model.get_weights().unwrap().iter().enumerate() {
            near(&format!("{name}: weight {i}"), &weight.to_f64(), &trained[&format!("w{i}")].to_f64());
        }
        for (i, p) in predictions(&mut model, &data).iter().enumerate() {
            near(&format!("{name}: prediction {i}"), p, &trained[&format!("p{i}")].to_f64());
        }
    }
}

#[test]
fn configs_stay_as_keras_wrote_them() {
    for name in MODELS {
        let archive = |path: &Path| -> Json {
            let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
            let config = zip.by_name("config.json").unwrap();
            plain(serde_json::from_reader(config).unwrap())
        };
        let path = std::env::temp_dir().join(format!("cornu-config-{name}-{}.keras", std::process::id()));
        let original = file(&format!("{name}.keras"));
        saving::load_model(&original).unwrap().save(&path).unwrap();
        let (ours, keras) = (archive(&path), archive(&original));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(ours.to_string(), keras.to_string(), "{name}");
    }
}

/// Without the numbers by which Keras marks shared objects, and the shapes that wrapped layers were built for.
fn plain(mut json: Json) -> Json {
    if let Some(object) = json.as_object_mut() {
        object.shift_remove("shared_object_id");
        for wrapped in ["layer", "backward_layer"] {
            object.get_mut(wrapped).and_then(Json::as_object_mut).map(|o| o.shift_remove("build_config"));
        }
        object.values_mut().for_each(|v| *v = plain(v.take()));
    } else if let Some(list) = json.as_array_mut() {
        list.iter_mut().for_each(|v| *v = plain(v.take()));
    }
    json
}

#[test]
fn saved_and_loaded_training_goes_on_the_same() {
    for name in MODELS {
        let data = npz::load(file(&format!("{name}.npz"))).unwrap();
        let load = || saving::load_model(file(&format!("{name}.keras"))).unwrap();
        let (mut whole, mut first) = (load(), load());
        fit(&mut whole, &data, 4, 0);
        fit(&mut first, &data, 2, 0);
        let path = std::env::temp_dir().join(format!("cornu-half-{name}-{}.keras", std::process::id()));
        first.save(&path).unwrap();
        let mut second = saving::load_model(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        fit(&mut second, &data, 4, 2);
        let bytes =
            |m: &Model| m.get_weights().unwrap().iter().map(|t| t.bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(bytes(&second), bytes(&whole), "{name}");
    }
}

#[test]
fn summaries_are_those_of_keras() {
    for name in MODELS {
        let expected: Json =
            serde_json::from_str(&std::fs::read_to_string(file(&format!("{name}.json"))).unwrap()).unwrap();
        // Keras drew it before the optimizer had variables.
        let loading = saving::LoadModel::new().compile(false);
        let model = loading.load(file(&format!("{name}.keras"))).unwrap();
        let lines = |text: &str| {
            text.lines().map(|l| l.trim_end().to_string()).filter(|l| !l.is_empty()).collect::<Vec<_>>()
        };
        let (ours, keras) = (model.summary(), expected["summary"].as_str().unwrap());
        assert_eq!(lines(&ours), lines(keras), "{name}:\n{ours}\n{keras}");
    }
}
