//! What is saved of `compile` is what Keras saves of the same call, to the letter.
#![allow(clippy::unwrap_used)]
use cornu::losses;
use cornu::metrics;
use cornu::optimizers::schedules::ExponentialDecay;
use cornu::optimizers::{LossScaleOptimizer, Nadam};
use cornu::prelude::*;
use std::collections::BTreeMap;

fn net(outputs: usize) -> Model {
    let x = Input::new([4]).name("x").tensor();
    let ys: Vec<KerasTensor> = (0..outputs).map(|i| Dense::new(2).name(format!("y{i}")).apply(&x)).collect();
    Model::new([x], ys).unwrap().with_name("net")
}

/// The settings in the JSON of a model that is compiled so.
fn saved(outputs: usize, compile: Compile) -> String {
    let mut model = net(outputs);
    model.compile(compile).unwrap();
    let text = model.to_json().unwrap();
    let (_, settings) = text.split_once("\"compile_config\": ").unwrap();
    settings.strip_suffix('}').unwrap().to_string()
}

#[test]
fn of_the_same_calls() {
    let keras = std::fs::read_to_string("../../testdata/keras/compile_configs.json").unwrap();
    let keras: BTreeMap<String, String> = serde_json::from_str(&keras).unwrap();
    let schedule = ExponentialDecay::new(0.1, 10.0, 0.5);
    let calls = [
        ("names", 1, Compile::new("adam", "mse").metrics(["accuracy", "mae", "MSE"])),
        (
            "other_names",
            1,
            Compile::new("RMSprop", "BCE")
                .metrics(["acc", "auc", "crossentropy", "huber"])
                .weighted_metrics(["kl_divergence"]),
        ),
        (
            "objects",
            1,
            Compile::new(SGD::new().learning_rate(0.3).momentum(0.9), losses::Huber::new().reduction("sum"))
                .metrics([
                    Metric::from(metrics::MeanAbsoluteError::new()),
                    metrics::AUC::new().num_thresholds(5).name("area").into(),
                ]),
        ),
        (
            "mixed",
            1,
            Compile::new(
                AdamW::new().learning_rate(1e-3).clipnorm(1.0),
                losses::CategoricalCrossentropy::new().from_logits(true).label_smoothing(0.1),
            )
            .metrics([Metric::from("acc"), metrics::Precision::new().thresholds(0.6).into()]),
        ),
        ("schedule", 1, Compile::new(Adam::new().learning_rate(schedule), "huber")),
        ("wrapped", 1, Compile::new(LossScaleOptimizer::new(Nadam::new().learning_rate(0.2)), "hinge")),
        ("steps", 1, Compile::new("lion", "log_cosh").steps_per_execution(4)),
        (
            "list",
            2,
            Compile::new("sgd", ["mse", "mae"])
                .loss_weights([1.0, 0.5])
                .metrics([vec!["acc"], vec!["mae", "mse"]]),
        ),
        ("one_for_all", 2, Compile::new("sgd", "mse")),
        (
            "dict",
            2,
            Compile::new("adagrad", [("y0", "mse"), ("y1", "poisson")])
                .named_loss_weights([("y0", 2.0), ("y1", 1.0)])
                .metrics([("y0", vec!["acc"])])
                .weighted_metrics([("y1", vec!["mae"])]),
        ),
        (
            "dict_of_objects",
            2,
            Compile::new(
                "ftrl",
                [("y0", Loss::from(losses::Hinge::new())), ("y1", losses::Dice::new().axis([1]).into())],
            )
            .metrics([("y1", vec![metrics::TopKCategoricalAccuracy::new().k(1)])]),
        ),
    ];
    assert_eq!(calls.len(), keras.len());
    for (name, outputs, compile) in calls {
        assert_eq!(saved(outputs, compile), keras[name], "{name}");
    }
}

#[test]
fn functions_are_saved_by_name() {
    let own = Loss::function("own", |y_true, y_pred| (y_true - y_pred).abs());
    let text = saved(1, Compile::new("sgd", own));
    let keras = r#""loss": {"module": "builtins", "class_name": "function", "config": "own", "registered_name": "function"}, "loss_weights""#;
    assert!(text.contains(keras), "{text}");
}

#[test]
fn names_mean_their_objects() {
    assert_eq!(Loss::from("mse"), losses::MeanSquaredError::new().into());
    assert_eq!(Loss::from("mse"), Loss::from("mean_squared_error"));
    assert_ne!(Loss::from("mse"), Loss::from("mae"));
    assert_eq!(Metric::from("mae").name(), "mae");
}
