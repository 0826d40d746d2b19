//! Metrics against Keras's: state and result after several batches.
#![allow(clippy::unwrap_used, clippy::panic)]
mod oracle;

use cornu::Tensor;
use cornu::metrics::{Meter, Metric};
use cornu_graph::{Backend, Spec};
use oracle::{Array, Feed, Near};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
struct Case {
    case: String,
    object: Json,
    /// Whether what Keras saves is all that the object was made with.
    keras_saves_all: bool,
    batches: Vec<Batch>,
    /// The metric's variables after the last batch.
    state: Vec<Array>,
    result: Array,
}

#[derive(Deserialize)]
struct Batch {
    y_true: Array,
    y_pred: Array,
    sample_weight: Option<Array>,
}

/// The state after a batch, and the result.
fn update(
    engine: &dyn Backend,
    metric: &Metric,
    state: &[Tensor],
    batch: &Batch,
) -> cornu::Result<(Vec<Tensor>, Tensor)> {
    let mut feed = Feed::default();
    let before: Vec<_> = state.iter().map(|t| feed.input(t.clone())).collect();
    let (y_true, y_pred) = (feed.array(&batch.y_true), feed.array(&batch.y_pred));
    let weight = batch.sample_weight.as_ref().map(|w| feed.array(w));
    let mut after = metric.update_state(&before, &y_true, &y_pred, weight.as_ref())?;
    after.push(metric.result(&after)?);
    let mut outputs = feed.run(engine, &after)?;
    let result = outputs.pop().unwrap();
    Ok((outputs, result))
}

fn check(case: &Case, engine: &dyn Backend) -> Result<(), String> {
    let metric: Metric = serde_json::from_value(case.object.clone()).map_err(|e| e.to_string())?;
    let saved = serde_json::to_value(&metric).map_err(|e| e.to_string())?;
    let has_tensor = case.object["config"]["label_weights"].is_object();
    if case.keras_saves_all && !has_tensor && saved != case.object {
        return Err(format!("saved as {saved}, by Keras as {}", case.object));
    }
    let spec = |array: &Array| {
        let tensor = array.tensor();
        Spec::new(tensor.dtype(), tensor.shape())
    };
    let first = &case.batches[0];
    let initial = metric.state(&spec(&first.y_true), &spec(&first.y_pred)).map_err(|e| e.to_string())?;
    let mut state: Vec<Tensor> = initial.into_iter().map(|(_, value)| value).collect();
    let mut result = None;
    for batch in &case.batches {
        let (after, value) = update(engine, &metric, &state, batch).map_err(|e| e.to_string())?;
        (state, result) = (after, Some(value));
    }
    if state.len() != case.state.len() {
        return Err(format!("{} variables, Keras has {}", state.len(), case.state.len()));
    }
    let near = Near { relative: 1e-5, absolute: 1e-6 };
    for (k, (value, expected)) in state.iter().zip(&case.state).enumerate() {
        near.check(&format!("variable {k}"), value, expected)?;
    }
    near.check("result", &result.unwrap(), &case.result)
}

#[test]
fn metrics_equal_those_of_keras() {
    oracle::check_all(&oracle::cases::<Case>("metrics.json"), |c| &c.case, check);
}

#[test]
fn metrics_of_arrays() {
    for case in oracle::cases::<Case>("metrics.json") {
        let metric: Metric = serde_json::from_value(case.object.clone()).unwrap();
        let mut meter = Meter::new(metric);
        let gather = |meter: &mut Meter, batch: &Batch| {
            let (y_true, y_pred) = (batch.y_true.tensor(), batch.y_pred.tensor());
            match &batch.sample_weight {
                Some(weight) => meter.update_weighted_state(&y_true, &y_pred, &weight.tensor()),
                None => meter.update_state(&y_true, &y_pred),
            }
        };
        if let Err(early) = meter.result() {
            assert!(early.to_string().contains("shape"), "{early}");
        }
        gather(&mut meter, &case.batches[0]).unwrap();
        meter.reset_state();
        case.batches.iter().for_each(|batch| gather(&mut meter, batch).unwrap());
        let near = Near { relative: 1e-4, absolute: 1e-5 };
        near.check(&case.case, &meter.result().unwrap(), &case.result).unwrap();
    }
    let nothing = Meter::new("accuracyy").result().unwrap_err().to_string();
    assert!(nothing.contains("`accuracy`"), "{nothing}");
}
