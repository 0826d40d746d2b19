//! The arguments of `summary` against Keras's texts, which `tools/oracle/summaries.py` writes; layers of models by name, number
//! and what came out of them.
#![allow(clippy::unwrap_used)]
use cornu::models::Summary;
use cornu::prelude::*;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/training").join(name)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|l| l.trim_end().to_string()).filter(|l| !l.is_empty()).collect()
}

#[test]
fn arguments_as_in_keras() {
    let text = std::fs::read_to_string(file("summaries.json")).unwrap();
    let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let (name, arguments) = (case["model"].as_str().unwrap(), &case["arguments"]);
        let load = saving::LoadModel::new().compile(false);
        let model = load.load(file(&format!("{name}.keras"))).unwrap();
        let flag = |key: &str| arguments[key].as_bool().unwrap_or(false);
        let mut summary =
            Summary::new().expand_nested(flag("expand_nested")).show_trainable(flag("show_trainable"));
        if let Some(length) = arguments["line_length"].as_u64() {
            summary = summary.line_length(length as usize);
        }
        if let Some(positions) = arguments["positions"].as_array() {
            summary = summary.positions(positions.iter().map(|p| p.as_f64().unwrap()).collect::<Vec<f64>>());
        }
        if let Some([from, to]) = arguments["layer_range"].as_array().map(Vec::as_slice) {
            summary = summary.layer_range(from.as_str().unwrap(), to.as_str().unwrap());
        }
        let (ours, keras) = (summary.of(&model).unwrap(), case["summary"].as_str().unwrap());
        assert_eq!(lines(&ours), lines(keras), "{name} {arguments}:\n{ours}\n{keras}");
    }
}

#[test]
fn what_makes_no_sense() {
    let model = Sequential::new().add(Input::new([4])).add(Dense::new(3).name("a"));
    let refused = |summary: Summary, words: &str| {
        let message = summary.of(&model).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    };
    refused(Summary::new().layer_range("a", "b"), "\"b\"");
    refused(Summary::new().layer_range("(", "a"), "layer_range");
    refused(Summary::new().line_length(10), "line_length");
    refused(Summary::new().positions([0.5, 1.0]), "3 are needed, got 2");
}

#[test]
fn layers_and_what_came_out_of_them() {
    let mut model = Sequential::new()
        .add(Input::new([3]))
        .add(Dense::new(4).activation("tanh").name("first"))
        .add(Dense::new(2).name("second"));
    assert_eq!(model.get_layer(1).unwrap().name(), "second");
    assert_eq!(model.get_layer(&String::from("first")).unwrap().name(), "first");
    let message = model.get_layer(2).unwrap_err().to_string();
    assert!(message.contains("layer 2, the model has 2"), "{message}");

    let (first, second) = (model.get_layer("first").unwrap(), model.get_layer("second").unwrap());
    let x = Tensor::ones([2, 3], DType::F32);
    let whole = model.predict_on_batch(&x).unwrap();
    let mut head = Model::new(second.input().unwrap(), second.output().unwrap()).unwrap_err();
    assert!(head.to_string().contains("inputs come from `Input`"), "{head}");
    let mut features = Model::new(first.input().unwrap(), first.output().unwrap()).unwrap();
    let hidden = features.predict_on_batch(&x).unwrap();
    assert_eq!(hidden.shape(), [2, 4]);
    let y = second.apply(first.output().unwrap());
    let mut again = Model::new(model.inputs().unwrap(), y).unwrap();
    assert_eq!(again.predict_on_batch(&x).unwrap(), whole);
    // The first call counts.
    assert_eq!(second.output().unwrap().shape().to_string(), "(None, 2)");

    let alone = Dense::new(2);
    head = LayerRef::from(alone.share()).output().unwrap_err();
    assert!(head.to_string().contains("connected to no symbolic tensors"), "{head}");
    let x = Input::new([3, 4]).tensor();
    let states = LSTM::new(2).return_state(true).name("states");
    states.apply_many(&x);
    // Nothing holds that call.
    assert!(states.share().outputs().is_err());
    let kept = states.apply_many(&x);
    assert_eq!(states.share().outputs().unwrap().len(), kept.len());
    let message = states.share().output().unwrap_err().to_string();
    assert!(message.contains("has 3 outputs"), "{message}");
}
