//! Layers against Keras's: configs, outputs, and the weights after three steps of training, in which offsets on the inputs
//! show the gradients by them. The cases are written by `tools/oracle/layers.py`.
#![allow(clippy::unwrap_used, clippy::panic)]
mod oracle;

use cornu::layers::prelude::*;
use cornu::layers::{Given, LayerRef, list};
use cornu::losses::Loss;
use cornu::prelude::*;
use oracle::{Array, Near, cases};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::HashSet;

#[derive(Deserialize)]
struct Case {
    layer: Json,
    options: Map<String, Json>,
    masked: bool,
    inputs: Vec<Array>,
    weights: Vec<Array>,
    outputs: Vec<Array>,
    targets: Option<Vec<Array>>,
    trained: Option<Vec<Array>>,
}

/// Adds a weight of the shape of one sample.
#[layer("oracle")]
struct Offset {}

impl Layer for Offset {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let shape: Vec<usize> = (1..input.rank()).map(|a| input.known(a as i64)).collect::<Result<_>>()?;
        weights.add("offset", shape, &"zeros".into());
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        Ok(x + cx.weight("offset")?)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// Without what Keras's layers do not show of a config.
fn plain(mut saved: Json) -> Json {
    if let Some(object) = saved.as_object_mut() {
        object.shift_remove("build_config");
        object.values_mut().for_each(|v| *v = plain(v.take()));
    } else if let Some(list) = saved.as_array_mut() {
        list.iter_mut().for_each(|v| *v = plain(v.take()));
    } else if saved.is_number() {
        // 1 and 1.0 are one number.
        saved = saved.as_f64().into();
    }
    saved
}

fn model(case: &Case, layer: &LayerRef) -> Result<Model> {
    let (mut inputs, mut hidden) = (vec![], vec![]);
    for array in &case.inputs {
        let tensor = array.tensor();
        let x = Input::new(tensor.shape()[1..].to_vec()).dtype(tensor.dtype().name()).tensor();
        let y = if case.masked { Masking::new().apply(&x) } else { x.clone() };
        hidden.push(if tensor.dtype().is_float() { Offset::new().apply(&y) } else { y });
        inputs.push(x);
    }
    let mut given = Given::in_order();
    given.options = case.options.clone();
    Model::new(inputs, layer.apply_given(hidden, given))
}

fn check(case: &Case) -> Result<(), String> {
    utils::clear_session();
    let text = |e: cornu::Error| e.to_string();
    let layer = list::from_saved(&case.layer).map_err(text)?;
    let (saved, given) = (plain(layer.saved().map_err(text)?), plain(case.layer.clone()));
    if saved != given {
        return Err(format!("saved as\n{saved}\nby Keras as\n{given}"));
    }
    let mut model = model(case, &layer).map_err(text)?;
    let tensors = |arrays: &[Array]| arrays.iter().map(Array::tensor).collect::<Vec<_>>();
    model.set_weights(&tensors(&case.weights)).map_err(text)?;
    let near = Near { relative: 1e-4, absolute: 1e-5 };
    let x = tensors(&case.inputs);
    let outputs = model.predict_many(x.clone(), Predict::new().verbose(0)).map_err(text)?;
    for (k, (got, want)) in outputs.iter().zip(&case.outputs).enumerate() {
        near.check(&format!("output {k}"), got, want)?;
    }
    let (Some(targets), Some(trained)) = (&case.targets, &case.trained) else { return Ok(()) };
    let loss = Loss::function("weighted_sum", |y_true, y_pred| (y_true * y_pred).sum([-1]));
    let losses = vec![loss; targets.len()];
    model.compile(Compile::new(SGD::new().learning_rate(0.05), losses)).map_err(text)?;
    for _ in 0..3 {
        model.train_on_batch(x.clone(), tensors(targets)).map_err(text)?;
    }
    for (k, (got, want)) in model.get_weights().map_err(text)?.iter().zip(trained).enumerate() {
        near.check(&format!("weight {k} after training"), got, want)?;
    }
    Ok(())
}

#[test]
fn layers_like_keras() {
    let cases: Vec<Case> = cases("layers.json");
    let mut failures = vec![];
    for (i, case) in cases.iter().enumerate() {
        if let Err(e) = check(case) {
            failures.push(format!("{i} {}: {e}", case.layer["class_name"]));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// Layers whose tests are elsewhere, each with its reason.
const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "stand within cases of others",
        &["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "InputLayer"],
    ),
    ("are what a FeatureSpace makes: tested with it", &["TFDConcat", "TFDIdentity"]),
    ("has no saved form", &["Lambda"]),
    ("Keras does not take it into a functional model", &["Equalization"]),
    (
        "take strings, vocabularies or boxes: tested where they are written",
        &[
            "HashedCrossing",
            "Hashing",
            "IntegerLookup",
            "StringLookup",
            "TextVectorization",
            "MaxNumBoundingBoxes",
            "MelSpectrogram",
        ],
    ),
];

#[test]
fn every_layer_has_a_case() {
    let cases: Vec<Case> = cases("layers.json");
    let tested: HashSet<&str> = cases.iter().filter_map(|c| c.layer["class_name"].as_str()).collect();
    let elsewhere: HashSet<&str> = ELSEWHERE.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let missing: Vec<&&str> =
        list::NAMES.iter().filter(|n| !tested.contains(**n) && !elsewhere.contains(**n)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
