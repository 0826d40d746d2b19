//! Preprocessing layers against Keras's, with the config that Keras saves.
#![allow(clippy::unwrap_used, clippy::panic)]
mod oracle;

use cornu::layers::{Given, Trace, list};
use cornu_graph::Backend;
use oracle::{Array, Feed, Near};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
struct Case {
    case: String,
    class_name: String,
    config: Json,
    training: bool,
    x: Array,
    y: Array,
}

/// All numbers as floats, and dtypes by their names: what Keras writes may differ from ours in these.
fn plain(json: &Json) -> Json {
    match json {
        Json::Number(n) => n.as_f64().map_or(Json::Null, Json::from),
        Json::Array(values) => values.iter().map(plain).collect(),
        Json::Object(map) if map.get("class_name").is_some_and(|c| c == "DTypePolicy") => {
            map["config"]["name"].clone()
        }
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        other => other.clone(),
    }
}

fn check(case: &Case, engine: &dyn Backend) -> Result<(), String> {
    let layer = list::from_config(&case.class_name, case.config.clone()).map_err(|e| e.to_string())?;
    let saved = layer.config().map_err(|e| e.to_string())?;
    // As text, to compare the order of the keys too.
    let (ours, keras) = (plain(&saved).to_string(), plain(&case.config).to_string());
    if ours != keras {
        return Err(format!("saved as {ours}\n    by Keras {keras}"));
    }
    let mut feed = Feed::default();
    let x = feed.array(&case.x);
    let trace = Trace::new(feed.builder.clone(), case.training);
    let run = || {
        let (y, _) = trace.apply(&*layer, &Given::in_order(), &[x], &[None])?;
        for (variable, _, _) in trace.variables() {
            feed.provide(variable.value()?);
        }
        feed.run(engine, &y)
    };
    let y = run().map_err(|e| e.to_string())?;
    Near { relative: 1e-4, absolute: 2e-4 }.check("output", &y[0], &case.y)
}

#[test]
fn preprocessing_layers_equal_those_of_keras() {
    oracle::check_all(&oracle::cases::<Case>("preprocessing.json"), |c| &c.case, check);
}
