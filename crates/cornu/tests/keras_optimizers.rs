//! Optimizers against Keras's: weights after each of several steps.
#![allow(clippy::unwrap_used, clippy::panic)]
mod oracle;

use cornu::Tensor;
use cornu::optimizers::Optimizer;
use cornu_graph::Backend;
use oracle::{Array, Feed, Near};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
struct Case {
    case: String,
    object: Json,
    /// The weights before the first step.
    start: Vec<Array>,
    /// For each step, of each weight.
    gradients: Vec<Vec<Array>>,
    /// The weights after each step.
    after: Vec<Vec<Array>>,
    /// The optimizer's variables after the last step.
    state: Vec<Array>,
}

/// Where the weights stand in a model.
const PATHS: [&str; 4] = ["first/bias", "first/kernel", "second/kernel", "embedding/embeddings"];

fn step(
    engine: &dyn Backend,
    optimizer: &Optimizer,
    state: &[Tensor],
    weights: &[Tensor],
    gradients: &[Array],
) -> cornu::Result<(Vec<Tensor>, Vec<Tensor>)> {
    let mut feed = Feed::default();
    let own: Vec<_> = state.iter().map(|t| feed.input(t.clone())).collect();
    let before: Vec<_> = weights.iter().map(|t| feed.input(t.clone())).collect();
    let gradients: Vec<_> = gradients.iter().map(|g| feed.array(g)).collect();
    let (after, next) = optimizer.stateless_apply(&own, &gradients, &PATHS[..before.len()], &before)?;
    let mut outputs = feed.run(engine, &[after, next].concat())?;
    let next = outputs.split_off(weights.len());
    Ok((outputs, next))
}

fn check(case: &Case, engine: &dyn Backend) -> Result<(), String> {
    let optimizer: Optimizer = serde_json::from_value(case.object.clone()).map_err(|e| e.to_string())?;
    let saved = serde_json::to_value(&optimizer).map_err(|e| e.to_string())?;
    if saved != case.object {
        return Err(format!("saved as {saved}, by Keras as {}", case.object));
    }
    let mut weights: Vec<Tensor> = case.start.iter().map(Array::tensor).collect();
    let named: Vec<(&str, &Tensor)> = PATHS.into_iter().zip(&weights).collect();
    let built = optimizer.build(&named).map_err(|e| e.to_string())?;
    let mut state: Vec<Tensor> = built.into_iter().map(|(_, value)| value).collect();
    // Weights are near 1 and lose digits where steps cancel.
    let near = Near { relative: 2e-5, absolute: 1e-5 };
    for (i, (gradients, expected)) in case.gradients.iter().zip(&case.after).enumerate() {
        (weights, state) =
            step(engine, &optimizer, &state, &weights, gradients).map_err(|e| e.to_string())?;
        for (k, (weight, expected)) in weights.iter().zip(expected).enumerate() {
            near.check(&format!("weight {k} after step {}", i + 1), weight, expected)?;
        }
    }
    if state.len() != case.state.len() {
        return Err(format!("{} variables, Keras has {}", state.len(), case.state.len()));
    }
    for (k, (value, expected)) in state.iter().zip(&case.state).enumerate() {
        near.check(&format!("variable {k} at the end"), value, expected)?;
    }
    Ok(())
}

#[test]
fn optimizers_equal_those_of_keras() {
    oracle::check_all(&oracle::cases::<Case>("optimizers.json"), |c| &c.case, check);
}
