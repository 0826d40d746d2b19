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

/// What the models within a model were compiled with, and the state of their optimizers, are those of the file however the model is
/// loaded, trained and written, as in Keras; a clone is a model that was not compiled, and in JSON there is no state.
#[test]
fn of_models_within_a_model() {
    let file = "../../testdata/files/compiled_within.keras";
    let place = std::env::temp_dir().join(format!("cornu-compiled-within-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let at = |name: &str| place.join(name);
    let within = |model: &Model| {
        let json: serde_json::Value = serde_json::from_str(&model.to_json().unwrap()).unwrap();
        let layers = json["config"]["layers"].as_array().unwrap().clone();
        let of = |name: &str| layers.iter().find(|l| l["name"] == name).unwrap().clone();
        [of("stack"), of("head"), of("time_distributed")["config"]["layer"].clone(), of("plain")]
            .map(|saved| saved["compile_config"].clone())
    };
    let state = |path: &std::path::Path| {
        let arrays = cornu::saving::load_arrays(path).unwrap();
        let is_state = |path: &String| path.starts_with("layers/") && path.contains("/optimizer/");
        arrays.into_iter().filter(|(path, _)| is_state(path)).collect::<BTreeMap<String, Tensor>>()
    };
    let mut model = cornu::saving::load_model(file).unwrap();
    let settings = within(&model);
    let names = settings.each_ref().map(|s| s["optimizer"]["class_name"].as_str().unwrap_or("none"));
    assert_eq!(names, ["Adam", "SGD", "RMSprop", "none"]);
    assert_eq!(settings[3], serde_json::json!({}));
    model.save_weights(at("first.weights.h5")).unwrap();
    let first = state(&at("first.weights.h5"));
    // A counter and a rate of each, two slots of two weights, and one of two; one optimizer saw no weights yet.
    assert_eq!(first.len(), 3 * 2 + 4 + 2, "{:?}", first.keys());

    // The outer model's training is none of theirs.
    let x = vec![Tensor::ones([4, 3], DType::F32), Tensor::ones([4, 4, 2], DType::F32)];
    let y = vec![Tensor::ones([4, 2], DType::F32), Tensor::ones([4, 4, 1], DType::F32)];
    model.fit(x, y, Fit::new().epochs(2).verbose(0)).unwrap();
    model.save(at("trained.keras")).unwrap();
    let trained = cornu::saving::load_model(at("trained.keras")).unwrap();
    assert_eq!(within(&trained), settings);
    trained.save_weights(at("trained.weights.h5")).unwrap();
    assert_eq!(state(&at("trained.weights.h5")), first);
    let bare = cornu::saving::LoadModel::new().compile(false).load(file).unwrap();
    assert_eq!(within(&bare), settings);

    // Weights alone bring the state along, into a model that has none.
    let mut empty = cornu::saving::model_from_json(&model.to_json().unwrap()).unwrap();
    assert_eq!(within(&empty), settings);
    empty.save_weights(at("empty.weights.h5")).unwrap();
    assert_eq!(state(&at("empty.weights.h5")), BTreeMap::new());
    empty.load_weights(at("first.weights.h5")).unwrap();
    empty.save_weights(at("filled.weights.h5")).unwrap();
    assert_eq!(state(&at("filled.weights.h5")), first);

    let clone = cornu::models::clone_model(&bare).unwrap();
    assert_eq!(within(&clone)[..2], [serde_json::json!({}), serde_json::json!({})]);
    std::fs::remove_dir_all(place).unwrap();
}

/// A model that was compiled here is saved within another as Keras saves it: with its settings as they are then, and with the
/// variables of its optimizer, of which there are two before the first step.
#[test]
fn of_models_compiled_here() {
    let place = std::env::temp_dir().join(format!("cornu-compiled-here-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let (path, weights) = (place.join("m.keras"), place.join("m.weights.h5"));
    let mut inner = Sequential::new().add(Input::new([2])).add(Dense::new(2)).with_name("inner");
    let x = Input::new([2]).tensor();
    let steps = Input::new([3, 2]).tensor();
    let mut outer = Model::new(
        [&x, &steps],
        [Dense::new(1).apply(inner.apply(&x)), TimeDistributed::new(inner.as_layer().unwrap()).apply(&steps)],
    )
    .unwrap();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let within = |outer: &Model| {
        let layers = json(&outer.to_json().unwrap())["config"]["layers"].as_array().unwrap().clone();
        let of = |name: &str| layers.iter().find(|l| l["name"] == name).unwrap().clone();
        let timed = layers.iter().find(|l| l["class_name"] == "TimeDistributed").unwrap();
        let timed = timed["config"]["layer"]["compile_config"].clone();
        assert_eq!(timed, of("inner")["compile_config"]);
        timed
    };
    let state = |outer: &Model| {
        outer.save_weights(&weights).unwrap();
        let of = |(path, array): (String, Tensor)| {
            let (layer, number) = path.split_once("/optimizer/vars/")?;
            assert!(layer.starts_with("layers/"), "{layer}");
            Some((number.to_string(), array.to_f64()))
        };
        let arrays = cornu::saving::load_arrays(&weights).unwrap();
        arrays.into_iter().filter_map(of).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(within(&outer), serde_json::json!({}));
    assert!(state(&outer).is_empty());

    inner.compile(Compile::new(Adam::new().learning_rate(0.01), "mse").metrics(["mae"])).unwrap();
    assert_eq!(within(&outer), json(&inner.to_json().unwrap())["compile_config"]);
    assert_eq!(within(&outer)["metrics"], serde_json::json!(["mae"]));
    assert_eq!(state(&outer).keys().collect::<Vec<_>>(), ["0", "1"]);

    let ones = Tensor::ones([4, 2], DType::F32);
    inner.fit(&ones, &ones, Fit::new().verbose(0)).unwrap();
    inner.set_learning_rate(0.5).unwrap();
    assert_eq!(within(&outer)["optimizer"]["config"]["learning_rate"], 0.5);
    let first = state(&outer);
    assert_eq!((first.len(), &first["0"], &first["1"]), (6, &vec![1.0], &vec![0.5]));

    // Another step; the file brings the state of before it back.
    inner.fit(&ones, &ones, Fit::new().verbose(0)).unwrap();
    let second = state(&outer);
    assert_eq!(second["0"], [2.0]);
    inner.fit(&ones, &ones, Fit::new().verbose(0)).unwrap();
    outer.load_weights(&weights).unwrap();
    assert_eq!(state(&outer), second);
    assert_eq!(inner.iterations().unwrap(), Some(2));

    // What is loaded says the same.
    outer.save(&path).unwrap();
    let loaded = cornu::saving::load_model(&path).unwrap();
    assert_eq!(within(&loaded), within(&outer));
    assert_eq!(state(&loaded), second);
    std::fs::remove_dir_all(place).unwrap();
}

/// Keras forgets the policy of a stack when it reads it: layers have theirs, and the loss is scaled by the policy of the program.
#[test]
fn policy_of_a_stack() {
    let layers = r#"[{"class_name": "InputLayer", "config": {"batch_shape": [null, 2]}},
        {"class_name": "Dense", "config": {"name": "d", "units": 1, "dtype": "mixed_float16"}}]"#;
    let text = format!(
        r#"{{"class_name": "Sequential", "config": {{"name": "s", "dtype": "mixed_float16", "layers": {layers}}}}}"#
    );
    let mut model = cornu::saving::model_from_json(&text).unwrap();
    let saved = model.get_config().unwrap();
    assert_eq!(saved["dtype"]["config"]["name"], "float32");
    assert_eq!(saved["layers"][1]["config"]["dtype"]["config"]["name"], "mixed_float16");
    model.compile(Compile::new("sgd", "mse")).unwrap();
    let x = Tensor::ones([4, 2], DType::F32);
    model.fit(&x, Tensor::ones([4, 1], DType::F32), Fit::new().verbose(0)).unwrap();
    let names: Vec<&str> = model.optimizer_variables().unwrap().iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["iteration", "learning_rate"]);
}
