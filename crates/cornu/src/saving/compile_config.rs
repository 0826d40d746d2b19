//! What Keras saves of `compile`.
use super::layout::Arrays;
use super::weights;
use crate::layers::as_read::in_words_of;
use crate::losses::Loss;
use crate::metrics::Metric;
use crate::models::Model;
use crate::object::excerpt;
use crate::optimizers::Optimizer;
use crate::training::Compiled;
use crate::training::compile::{Compile, Losses, MetricsFor, check_steps_per_execution};
use cornu_graph::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

/// The compile settings of a model.
///
/// # Errors
/// When one has no saved form, as a closure has none.
pub(crate) fn of(compiled: &Compiled) -> Result<Json> {
    let compile = &compiled.compile;
    let mut optimizer = to_json(&compile.optimizer)?;
    if compile.scaled {
        optimizer = optimizer["config"]["inner_optimizer"].take();
    }
    if let (true, Some(rate)) = (optimizer["config"]["learning_rate"].is_number(), compiled.learning_rate()) {
        optimizer["config"]["learning_rate"] = json!(rate);
    }
    // As it came from a file: names stay names.
    if let Some(saved) = &compile.saved {
        let mut saved = saved.clone();
        saved["optimizer"] = in_words_of(optimizer, &saved["optimizer"]);
        saved["steps_per_execution"] = json!(compile.steps_per_execution);
        return Ok(saved);
    }
    let weights = &compile.loss_weights;
    let loss_weights = match weights.first() {
        None => Json::Null,
        Some((None, _)) => weights.iter().map(|(_, w)| json!(w)).collect(),
        Some((Some(_), _)) => {
            weights.iter().filter_map(|(n, w)| Some((n.clone()?, json!(w)))).collect::<Map<_, _>>().into()
        }
    };
    Ok(json!({
        "optimizer": optimizer,
        "loss": losses(&compile.loss)?,
        "loss_weights": loss_weights,
        "metrics": metrics(&compile.metrics)?,
        "weighted_metrics": metrics(&compile.weighted_metrics)?,
        "run_eagerly": false,
        "steps_per_execution": compile.steps_per_execution,
        "jit_compile": compile.jit_compile,
    }))
}

fn to_json(object: &impl serde::Serialize) -> Result<Json> {
    serde_json::to_value(object).map_err(|e| Error::Format { what: "compile".into(), message: e.to_string() })
}

fn losses(losses: &Losses) -> Result<Json> {
    Ok(match losses {
        Losses::Same(loss) => to_json(loss)?,
        Losses::Each(list) => list.iter().map(to_json).collect::<Result<_>>()?,
        Losses::Named(named) if named.is_empty() => Json::Null,
        Losses::Named(named) => {
            let each = named.iter().map(|(name, loss)| Ok((name.clone(), to_json(loss)?)));
            each.collect::<Result<Map<_, _>>>()?.into()
        }
    })
}

fn metrics(metrics: &MetricsFor) -> Result<Json> {
    let list = |m: &Vec<Metric>| m.iter().map(to_json).collect::<Result<Json>>();
    Ok(match metrics {
        MetricsFor::Only(only) if only.is_empty() => Json::Null,
        MetricsFor::Only(only) => list(only)?,
        MetricsFor::Each(lists) => lists.iter().map(list).collect::<Result<_>>()?,
        MetricsFor::Named(named) => {
            let each = named.iter().map(|(name, m)| Ok((name.clone(), list(m)?)));
            each.collect::<Result<Map<_, _>>>()?.into()
        }
    })
}

/// Compiles a model as it was saved, with the optimizer's state if the file has one.
///
/// # Errors
/// When a setting is none of Keras's.
pub(super) fn apply(model: &mut Model, saved: &Json, arrays: &Arrays) -> Result<()> {
    let known = [
        "optimizer",
        "loss",
        "loss_weights",
        "metrics",
        "weighted_metrics",
        "run_eagerly",
        "steps_per_execution",
        "jit_compile",
        "auto_scale_loss",
    ];
    if let Some(key) = saved.as_object().and_then(|o| o.keys().find(|k| !known.contains(&k.as_str()))) {
        return Err(Error::unknown("compile setting", key, known));
    }
    let optimizer: Optimizer = match &saved["optimizer"] {
        Json::Null => return Ok(()),
        optimizer => read("optimizer", optimizer)?,
    };
    optimizer.check()?;
    let mut compile = Compile::new(optimizer, read_losses(&saved["loss"])?);
    compile.loss_weights = read_weights(&saved["loss_weights"])?;
    compile.metrics = read_metrics(&saved["metrics"])?;
    compile.weighted_metrics = read_metrics(&saved["weighted_metrics"])?;
    if let Some(steps) = saved.get("steps_per_execution").filter(|steps| !steps.is_null()) {
        compile.steps_per_execution = read("steps_per_execution", steps)?;
        check_steps_per_execution(compile.steps_per_execution)?;
    }
    compile.saved = Some(saved.clone());
    compile.counters = weights::counters(arrays);
    // Settings for outputs that are not there come out at the first step, as in Keras.
    if !model.is_built() {
        return model.compile(compile);
    }
    let variables = model.compile_saved(compile)?;
    if weights::load_optimizer(&variables, arrays)? {
        model.resume(variables)?;
    } else {
        weights::warn_of_more(&variables, arrays);
    }
    Ok(())
}

fn read<T: DeserializeOwned>(what: &str, saved: &Json) -> Result<T> {
    serde_json::from_value(saved.clone())
        .map_err(|e| Error::Format { what: format!("compile_config: {what}"), message: e.to_string() })
}

/// Whether this is one object or name, rather than a list or dict of them.
fn is_one(saved: &Json) -> bool {
    saved.is_string() || saved.get("class_name").is_some()
}

fn read_losses(saved: &Json) -> Result<Losses> {
    // A list of one loss for an output is that loss.
    let only = |l: &Json| l.as_array().filter(|list| list.len() == 1).map(|list| list[0].clone());
    let loss = |l: &Json| read::<Loss>("loss", &only(l).unwrap_or_else(|| l.clone()));
    Ok(match saved {
        one if is_one(one) => Losses::Same(loss(one)?),
        // No output has a loss.
        Json::Null => Losses::Named(vec![]),
        Json::Array(list) => {
            // Outputs may be nested, and their losses with them.
            let mut flat = vec![];
            list.iter().for_each(|l| flatten(l, &mut flat));
            let each = flat.into_iter().map(|l| if l.is_null() { Ok(None) } else { loss(l).map(Some) });
            Losses::Each(each.collect::<Result<_>>()?)
        }
        Json::Object(named) => {
            let given = named.iter().filter(|(_, l)| !l.is_null());
            Losses::Named(given.map(|(name, l)| Ok((name.clone(), loss(l)?))).collect::<Result<_>>()?)
        }
        other => return Err(Error::Format { what: "compile_config: loss".into(), message: excerpt(other) }),
    })
}

fn flatten<'a>(saved: &'a Json, flat: &mut Vec<&'a Json>) {
    match saved {
        Json::Array(list) => list.iter().for_each(|l| flatten(l, flat)),
        one => flat.push(one),
    }
}

fn read_weights(saved: &Json) -> Result<Vec<(Option<String>, f64)>> {
    let number = |w: &Json| read::<f64>("loss_weights", w);
    match saved {
        Json::Array(list) => list.iter().map(|w| Ok((None, number(w)?))).collect(),
        Json::Object(named) => named.iter().map(|(name, w)| Ok((Some(name.clone()), number(w)?))).collect(),
        Json::Null => Ok(vec![]),
        one => Ok(vec![(None, number(one)?)]),
    }
}

fn read_metrics(saved: &Json) -> Result<MetricsFor> {
    let metric = |m: &Json| read::<Metric>("metrics", m);
    let list = |m: &Json| match m {
        Json::Null => Ok(vec![]),
        one if is_one(one) => Ok(vec![metric(one)?]),
        Json::Array(list) => list.iter().filter(|m| !m.is_null()).map(metric).collect(),
        other => Err(Error::Format { what: "compile_config: metrics".into(), message: excerpt(other) }),
    };
    Ok(match saved {
        Json::Object(named) if !is_one(saved) => MetricsFor::Named(
            named.iter().map(|(name, m)| Ok((name.clone(), list(m)?))).collect::<Result<_>>()?,
        ),
        Json::Array(items) if items.iter().any(Json::is_array) => {
            MetricsFor::Each(items.iter().map(list).collect::<Result<_>>()?)
        }
        other => MetricsFor::Only(list(other)?),
    })
}
