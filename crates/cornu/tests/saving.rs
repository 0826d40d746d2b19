//! Model files: those that Keras wrote, our own, and damaged ones. The files come from `tools/oracle/files.py`.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::data::npz;
use cornu::prelude::*;
use cornu::saving::load_model;
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

const NAMES: [&str; 7] = ["cnn", "functional", "lstm", "cells", "half", "shared_objects", "attention"];

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
    model.predict_many(arrays(name, "x"), Predict::new().verbose(0)).unwrap()
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
            // A class of user code goes by its registered name, wherever it is written.
            if map.get("registered_name").and_then(Json::as_str).is_some_and(|n| n.contains('>')) {
                map.shift_remove("module");
            }
            // The shapes that wrapped layers were built for are not written; `keras_training.rs` compares the others.
            map.shift_remove("build_config");
            map.values_mut().for_each(drop_shared_ids);
        }
        Json::Array(list) => list.iter_mut().for_each(drop_shared_ids),
        _ => {}
    }
}

/// Shows where texts begin to differ.
fn same_text(found: &str, expected: &str, name: &str) {
    let at = found.bytes().zip(expected.bytes()).take_while(|(f, e)| f == e).count();
    let from = at.saturating_sub(120);
    let part = |text: &str| text.chars().skip(from).take(200).collect::<String>();
    assert!(found == expected, "{name}:\n{}\nin place of\n{}", part(found), part(expected));
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
        same_text(&config(&ours.0).to_string(), &config(&original).to_string(), name);
        let mut again = load_model(&ours.0).unwrap();
        assert_eq!(model.get_weights().unwrap(), again.get_weights().unwrap(), "{name}");
        assert_eq!(predict(&mut model, name), predict(&mut again, name), "{name}");
    }
}

#[test]
fn files_of_keras_2() {
    for name in ["cnn", "functional", "lstm", "attention", "keras2"] {
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
        // Keras leaves out the states of generators; our own files have them once they were drawn from.
        let seeded = Scratch::new(&format!("{name}-{ending}-seeded.keras"));
        let mut begun = load_model(&start).unwrap();
        fit(&mut begun, 0, 1);
        begun.save(&seeded.0).unwrap();
        let mut whole = load_model(&seeded.0).unwrap();
        fit(&mut whole, 1, 4);
        let mut half = load_model(&seeded.0).unwrap();
        fit(&mut half, 1, 2);
        let between = Scratch::new(&format!("{name}-{ending}-between.keras"));
        half.save(&between.0).unwrap();
        let mut rest = load_model(&between.0).unwrap();
        fit(&mut rest, 2, 4);
        assert_eq!(whole.get_weights().unwrap(), rest.get_weights().unwrap(), "{name}.{ending}");
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

/// Loads a damaged file: an error, or some model; never a panic.
fn load_damaged(bytes: &[u8], path: &Path) -> bool {
    std::fs::write(path, bytes).unwrap();
    load_model(path).is_ok()
}

/// The members of a `.keras` file.
fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let member = |name: &str| {
        let mut bytes = vec![];
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        (name.to_string(), bytes)
    };
    ["metadata.json", "config.json", "model.weights.h5"].map(member).into()
}

fn zipped(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    for (name, bytes) in members {
        archive.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn damaged_files_are_errors() {
    let mut dice = Dice(1);
    let scratch = Scratch::new("damaged");
    for name in
        ["cnn.keras", "functional.keras", "lstm.keras", "cells.keras", "half.keras", "lstm.h5", "keras2.h5"]
    {
        let whole = std::fs::read(file(name)).unwrap();
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..=dice.below(3) {
                bytes[dice.below(whole.len())] ^= 1 << dice.below(8);
            }
            load_damaged(&bytes, &scratch.0);
            let end = dice.below(whole.len());
            assert!(!load_damaged(&whole[..end], &scratch.0), "{name} cut at {end}");
        }
        if !name.ends_with(".keras") {
            continue;
        }
        // Within the members, past the checksums of the archive.
        let whole = members(&file(name));
        for _ in 0..80 {
            let mut damaged = whole.clone();
            let bytes = &mut damaged[1 + dice.below(2)].1;
            for _ in 0..=dice.below(3) {
                let at = dice.below(bytes.len());
                bytes[at] = match dice.below(4) {
                    0 => b'9',
                    1 => 0,
                    2 => 0xff,
                    _ => bytes[at] ^ (1 << dice.below(8)),
                };
            }
            load_damaged(&zipped(&damaged), &scratch.0);
        }
    }
}

#[test]
fn every_value_of_a_config_may_be_absurd() {
    let scratch = Scratch::new("absurd");
    let absurd = [
        "null",
        "-1",
        "0",
        "1000000000000",
        "1e300",
        "\"\"",
        "[]",
        "{}",
        "true",
        "[[[]]]",
        "[1000000000, 1000000000]",
    ];
    let mut dice = Dice(2);
    for name in ["cnn", "functional", "lstm", "cells"] {
        let whole = members(&file(&format!("{name}.keras")));
        let config: Json = serde_json::from_slice(&whole[1].1).unwrap();
        let mut places = vec![];
        pointers(&config, String::new(), &mut places);
        for place in places {
            for _ in 0..2 {
                let mut changed = config.clone();
                *changed.pointer_mut(&place).unwrap() =
                    serde_json::from_str(absurd[dice.below(absurd.len())]).unwrap();
                let mut damaged = whole.clone();
                damaged[1].1 = changed.to_string().into_bytes();
                load_damaged(&zipped(&damaged), &scratch.0);
            }
        }
    }
}

/// Every place of a JSON text.
fn pointers(json: &Json, at: String, found: &mut Vec<String>) {
    match json {
        Json::Object(map) => map.iter().for_each(|(k, v)| pointers(v, format!("{at}/{k}"), found)),
        Json::Array(list) => {
            list.iter().enumerate().for_each(|(i, v)| pointers(v, format!("{at}/{i}"), found));
        }
        _ => {}
    }
    found.push(at);
}

#[test]
fn hostile_configs_are_errors() {
    let scratch = Scratch::new("hostile");
    let whole = members(&file("cells.keras"));
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let stack = |layers: &str| format!(r#"{{"class_name":"Sequential","config":{{"layers":[{layers}]}}}}"#);
    let input = r#"{"class_name":"InputLayer","config":{"batch_shape":[null,4],"name":"x"}}"#;
    let lambda = r#"{"class_name":"Lambda","config":{"name":"f","function":["4wEAAAA=",null,null]}}"#;
    let mut nested = stack(input);
    for _ in 0..60 {
        nested = stack(&nested);
    }
    let cycle = r#"{"class_name":"Dense","name":"d","config":{"name":"d","units":4},"inbound_nodes":[{"args":
        [{"class_name":"__keras_tensor__","config":{"shape":[null,4],"dtype":"float32","keras_history":["d",0,0]}}],"kwargs":{}}]}"#;
    let cyclic = format!(
        r#"{{"class_name":"Functional","config":{{"name":"m","layers":[{cycle}],"input_layers":[],"output_layers":[["d",0,0]]}}}}"#
    );
    let twice = cyclic.replace(cycle, &format!("{cycle},{cycle}"));
    let dense = r#"{"class_name":"Dense","config":{"name":"d","units":1000000000000}}"#;
    for text in [
        deep("[", "]"),
        deep(r#"{"config":"#, "}"),
        stack(&format!("{input},{lambda}")),
        stack(&format!("{input},{dense}")),
        stack(r#"{"class_name":"os.system","config":{}}"#),
        nested,
        cyclic,
        twice,
    ] {
        let mut damaged = whole.clone();
        damaged[1].1 = text.clone().into_bytes();
        let excerpt: String = text.chars().take(90).collect();
        assert!(!load_damaged(&zipped(&damaged), &scratch.0), "{excerpt}");
    }
    // A bomb: much from little, and an archive that says less than it holds.
    let mut bomb = whole.clone();
    bomb[1].1 = vec![b' '; 64 << 20];
    assert!(!load_damaged(&zipped(&bomb), &scratch.0));
}
