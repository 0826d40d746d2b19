//! Losses and their gradients against Keras's.
#![allow(clippy::unwrap_used, clippy::panic)]
mod oracle;

use cornu::losses::Loss;
use cornu_graph::{Backend, gradient};
use oracle::{Array, Feed, Near};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
struct Case {
    case: String,
    object: Json,
    /// Whether what Keras saves is all that the object was made with.
    keras_saves_all: bool,
    y_true: Array,
    y_pred: Array,
    sample_weight: Option<Array>,
    mask: Option<Array>,
    loss: Array,
    gradient: Array,
}

fn check(case: &Case, engine: &dyn Backend) -> Result<(), String> {
    let loss: Loss = serde_json::from_value(case.object.clone()).map_err(|e| e.to_string())?;
    let saved = serde_json::to_value(&loss).map_err(|e| e.to_string())?;
    let null_reduction = case.object["config"]["reduction"].is_null();
    if case.keras_saves_all && !null_reduction && saved != case.object {
        return Err(format!("saved as {saved}, by Keras as {}", case.object));
    }
    let mut feed = Feed::default();
    let (y_true, y_pred) = (feed.array(&case.y_true), feed.array(&case.y_pred));
    let weight = case.sample_weight.as_ref().map(|w| feed.array(w));
    let mask = case.mask.as_ref().map(|m| feed.array(m));
    let run = || {
        let value = loss.compute(&y_true, &y_pred, weight.as_ref(), mask.as_ref())?;
        let total = value.sum(value.all_axes());
        let gradient = gradient(&total, std::slice::from_ref(&y_pred))?.remove(0);
        feed.run(engine, &[value, gradient])
    };
    let outputs = run().map_err(|e| e.to_string())?;
    Near { relative: 1e-5, absolute: 1e-6 }.check("loss", &outputs[0], &case.loss)?;
    // The logarithm of 0 is -1e5 there, beside which float32 leaves a gradient two digits.
    let relative = if case.case.starts_with("CTC") { 2e-2 } else { 1e-4 };
    Near { relative, absolute: 1e-5 }.check("gradient", &outputs[1], &case.gradient)
}

#[test]
fn losses_equal_those_of_keras() {
    oracle::check_all(&oracle::cases::<Case>("losses.json"), |c| &c.case, check);
}

#[test]
fn losses_of_arrays() {
    for case in oracle::cases::<Case>("losses.json").iter().filter(|case| case.mask.is_none()) {
        let loss: Loss = serde_json::from_value(case.object.clone()).unwrap();
        let weight = case.sample_weight.as_ref().map(Array::tensor);
        let got = loss.evaluate(&case.y_true.tensor(), &case.y_pred.tensor(), weight.as_ref()).unwrap();
        Near { relative: 1e-5, absolute: 1e-6 }.check(&case.case, &got, &case.loss).unwrap();
    }
    let (two, three) = (cornu::Tensor::from([1f32, 2.0]), cornu::Tensor::from([1f32, 2.0, 3.0]));
    assert!(Loss::from("mse").evaluate(&two, &three, None).is_err());
    let message = Loss::from("msee").evaluate(&two, &two, None).unwrap_err().to_string();
    assert!(message.contains("`mse`"), "{message}");
}
