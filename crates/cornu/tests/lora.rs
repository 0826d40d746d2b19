//! LoRA: a model that Keras adapted, saved and adapted further; and what `enable_lora` of layers refuses. The files are
//! written by `tools/oracle/lora.py`, cases of single layers by `tools/oracle/layers.py`.
#![allow(clippy::unwrap_used)]
use cornu::data::npz;
use cornu::layers::EnableLora;
use cornu::prelude::*;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/training").join(name)
}

fn near(what: &str, got: &Tensor, want: &Tensor, tolerance: f64) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    for (a, b) in got.to_f64().iter().zip(want.to_f64()) {
        assert!((a - b).abs() <= tolerance, "{what}: {a}, Keras gives {b}");
    }
}

fn series(json: &Json) -> Tensor {
    let values: Vec<f32> = json.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    Tensor::from(values)
}

fn predict(model: &mut Model, x: &Tensor) -> Tensor {
    model.predict(x, Predict::new().verbose(0)).unwrap()
}

/// Input, `dense` and `out`.
fn stack() -> Sequential {
    Sequential::new().add(Input::new([5])).add(Dense::new(4).name("dense")).add(Dense::new(2).name("out"))
}

fn fit(model: &mut Model) -> Result<()> {
    let (x, y) = (Tensor::ones([4, 5], DType::F32), Tensor::zeros([4, 2], DType::F32));
    model.fit(&x, &y, Fit::new().epochs(3).verbose(0)).map(drop)
}

#[test]
fn a_model_of_keras_goes_on() {
    let expected: Json = serde_json::from_str(&std::fs::read_to_string(file("lora.json")).unwrap()).unwrap();
    let arrays = npz::load(file("lora.npz")).unwrap();
    let (x, y) = (&arrays["x"], &arrays["y"]);
    let mut model = saving::load_model(file("lora.keras")).unwrap();
    near("before", &predict(&mut model, x), &arrays["before"], 1e-5);
    let names: Vec<String> = model.weights().unwrap().into_iter().map(|w| w.path).collect();
    let of = |key: &str| -> Vec<&str> {
        expected[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
    };
    assert_eq!(names, of("weights"));
    let trained: Vec<String> = model.trainable_weights().unwrap().into_iter().map(|w| w.path).collect();
    assert_eq!(trained, of("trainable"));
    for (name, alpha) in expected["alpha"].as_object().unwrap() {
        let config = model.get_layer(name).unwrap().config().unwrap();
        assert_eq!(config["lora_alpha"].as_f64(), alpha.as_f64(), "{name}");
    }

    let start: Vec<Tensor> = (0..).map_while(|i| arrays.get(&format!("s{i}")).cloned()).collect();
    model.set_weights(&start).unwrap();
    let options = Fit::new().epochs(4).batch_size(5).shuffle(false).verbose(0);
    let history = model.fit(x, y, options).unwrap();
    for (metric, values) in expected["history"].as_object().unwrap() {
        let got: Vec<f32> = history.get(metric).iter().map(|&v| v as f32).collect();
        near(metric, &Tensor::from(got), &series(values), 1e-5);
    }
    for (i, weight) in model.get_weights().unwrap().iter().enumerate() {
        near(&names[i], weight, &arrays[&format!("w{i}")], 1e-4);
    }
    near("after", &predict(&mut model, x), &arrays["after"], 1e-5);
}

#[test]
fn the_older_files_keep_what_is_added() {
    let arrays = npz::load(file("lora.npz")).unwrap();
    let mut model = saving::load_model(file("lora.h5")).unwrap();
    for (i, weight) in model.get_weights().unwrap().iter().enumerate() {
        assert_eq!(weight, &arrays[&format!("h{i}")], "weight {i}");
    }
    near("older", &predict(&mut model, &arrays["x"]), &arrays["older"], 1e-5);
    let path = std::env::temp_dir().join(format!("cornu-lora-{}.h5", std::process::id()));
    model.save(&path).unwrap();
    let again = saving::load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(again.get_weights().unwrap(), model.get_weights().unwrap());
}

#[test]
fn only_what_is_added_is_trained_and_files_hold_the_sum() {
    let mut model = stack();
    let x = Tensor::ones([1, 5], DType::F32);
    let before = predict(&mut model, &x);
    let kernel = model.get_weights().unwrap()[0].clone();
    model.get_layer("dense").unwrap().enable_lora(EnableLora::new(2).lora_alpha(6.0)).unwrap();
    assert_eq!(predict(&mut model, &x), before);
    assert_eq!(model.count_params().unwrap(), 5 * 4 + 4 + 5 * 2 + 2 * 4 + 4 * 2 + 2);
    assert_eq!(model.count_trainable_params().unwrap(), model.count_params().unwrap() - 20);

    model.compile(Compile::new(SGD::new().learning_rate(0.01), "mse")).unwrap();
    fit(&mut model).unwrap();
    let weights = model.get_weights().unwrap();
    assert_eq!(weights[0], kernel);
    assert!(weights[3].to_f64().iter().any(|&b| b != 0.0));

    let after = predict(&mut model, &x);
    let path = std::env::temp_dir().join(format!("cornu-lora-{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let mut loaded = saving::load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    near("loaded", &predict(&mut loaded, &x), &after, 1e-6);
    let weights = loaded.get_weights().unwrap();
    assert_ne!(weights[0], kernel);
    assert!(weights[2].to_f64().iter().chain(&weights[3].to_f64()).all(|&w| w == 0.0));

    // Weights by their paths are those that there are.
    let path = std::env::temp_dir().join(format!("cornu-lora-{}.safetensors", std::process::id()));
    model.save_weights(&path).unwrap();
    loaded.load_weights(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.get_weights().unwrap(), model.get_weights().unwrap());

    // As in Keras, releasing the layer releases its kernel.
    let dense = model.get_layer("dense").unwrap();
    dense.set_trainable(false);
    assert_eq!(model.count_trainable_params().unwrap(), 10);
    dense.set_trainable(true);
    assert_eq!(model.count_trainable_params().unwrap(), model.count_params().unwrap());
}

#[test]
fn an_optimizer_of_before_is_not_used() {
    let mut model = stack();
    model.compile(Compile::new("adam", "mse")).unwrap();
    fit(&mut model).unwrap();
    let x = Tensor::ones([1, 5], DType::F32);
    let before = predict(&mut model, &x);
    let added = EnableLora::new(1).b_initializer("ones");
    model.get_layer("dense").unwrap().enable_lora(added).unwrap();
    assert_ne!(predict(&mut model, &x), before);
    let message = fit(&mut model).unwrap_err().to_string();
    assert!(message.contains("`compile`"), "{message}");
    model.compile(Compile::new("adam", "mse")).unwrap();
    fit(&mut model).unwrap();

    let mut model = stack();
    model.compile(Compile::new("adam", "mse")).unwrap();
    fit(&mut model).unwrap();
    let path = std::env::temp_dir().join(format!("cornu-lora-resume-{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let mut loaded = saving::load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    loaded.layers()[0].enable_lora(1).unwrap();
    let message = fit(&mut loaded).unwrap_err().to_string();
    assert!(message.contains("`compile`"), "{message}");
}

#[test]
fn steps_of_user_code_see_it() {
    utils::set_random_seed(1);
    let model = stack();
    let layer = model.as_layer().unwrap();
    let step = || {
        let layer = layer.clone();
        TrainStep::new(move |cx, batch| {
            let y = cx.call(&layer, &batch[0], true)?;
            let loss = ops::mean(ops::square(&y), None, false);
            cx.minimize(&loss, &layer, &Adam::new().learning_rate(0.01).into())?;
            Ok(vec![("loss", loss)])
        })
    };
    let x = Tensor::ones([4, 5], DType::F32);
    let mut before = step();
    before.run([&x]).unwrap();
    model.get_layer("dense").unwrap().enable_lora(2).unwrap();
    let message = before.run([&x]).unwrap_err().to_string();
    assert!(message.contains("`TrainStep`"), "{message}");
    let kernel = model.get_weights().unwrap()[0].clone();
    let mut after = step();
    let losses: Vec<f64> = (0..5).map(|_| after.run([&x]).unwrap().get("loss").unwrap()).collect();
    assert!(losses[4] < losses[0], "{losses:?}");
    assert_eq!(model.get_weights().unwrap()[0], kernel);
    // Another model's LoRA leaves a step as it is.
    stack().get_layer("out").unwrap().enable_lora(1).unwrap();
    after.run([&x]).unwrap();
}

#[test]
fn what_is_refused() {
    #[track_caller]
    fn refused(layer: &dyn Layer, lora: impl Into<EnableLora>, words: &str) {
        let message = layer.enable_lora(lora).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
    let model = stack();
    let dense = model.get_layer("dense").unwrap();
    refused(&*dense, 0, "must be positive");
    refused(&*dense, EnableLora::new(2).a_initializer("he_uni"), "he_uniform");
    dense.enable_lora(2).unwrap();
    refused(&*dense, 2, "already enabled");
    refused(&Dense::new(3), 2, "isn't yet built");
    let model = Sequential::new()
        .add(Input::new([5]))
        .add(Dense::new(4).kernel_constraint("non_neg"))
        .add(Dropout::new(0.5))
        .add(Dense::new(4).lora_rank(0));
    refused(&*model.layers()[0], 2, "kernel_constraint");
    refused(&*model.layers()[1], 2, "Dropout has no LoRA");
    assert_eq!(model.layers()[2].get_weights().unwrap().len(), 2);
    assert!(model.layers()[2].config().unwrap().get("lora_rank").is_none());
    let words = Input::new([3]).dtype("int32").tensor();
    let y = ReversibleEmbedding::new(5, 2).tie_weights(false).lora_rank(1).apply(&words);
    let message = Model::new([words], [y]).unwrap_err().to_string();
    assert!(message.contains("lora_rank"), "{message}");
}

#[test]
fn layers_within_layers() {
    let x = Input::new([4, 6]).tensor();
    let attention = MultiHeadAttention::new(2, 3).name("attention");
    let y = attention.apply([&x, &x]);
    let y = TimeDistributed::new(Dense::new(3).name("each")).name("steps").apply(&y);
    let mut model = Model::new(x, y).unwrap();
    let count = model.count_params().unwrap();
    let within = model.get_layer("attention").unwrap().layers_within();
    let query = within.iter().find(|layer| layer.name() == "query").unwrap();
    query.enable_lora(2).unwrap();
    model.get_layer("steps").unwrap().layers_within()[0].enable_lora(EnableLora::new(1)).unwrap();
    assert_eq!(model.count_params().unwrap(), count + (6 * 2 * 2 + 2 * 3) + (6 + 3));

    model.compile(Compile::new(SGD::new().learning_rate(0.05), "mse")).unwrap();
    let x: Vec<f32> = (0..48).map(|i| (i % 7) as f32 / 7.0).collect();
    let x = Tensor::new([2, 4, 6], x).unwrap();
    let y = Tensor::ones([2, 4, 3], DType::F32);
    for _ in 0..3 {
        model.train_on_batch(&x, &y).unwrap();
    }
    let path = std::env::temp_dir().join(format!("cornu-lora-within-{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let mut loaded = saving::load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    near("loaded", &predict(&mut loaded, &x), &predict(&mut model, &x), 1e-6);
    // As in Keras, the config of attention says nothing of it, that of a wrapped layer does.
    assert_eq!(loaded.count_params().unwrap(), count + 6 + 3);
}

#[test]
fn a_file_cannot_ask_for_any_rank() {
    let text = |rank: u64| {
        let layers = serde_json::json!([
            {"class_name": "InputLayer", "config": {"batch_shape": [null, 8]}},
            {"class_name": "Dense", "config": {"name": "d", "units": 8, "lora_rank": rank}},
        ]);
        serde_json::json!({"class_name": "Sequential", "config": {"layers": layers}}).to_string()
    };
    let read = |rank| saving::within_memory(1 << 20, || saving::model_from_json(&text(rank)));
    assert_eq!(read(2).unwrap().count_params().unwrap(), 72 + 32);
    for rank in [1 << 24, 1 << 50, u64::MAX] {
        assert!(read(rank).is_err(), "{rank}");
    }
}

#[test]
fn mixed_precision() {
    for dtype in ["mixed_bfloat16", "float16", "float64"] {
        let mut model = Sequential::new()
            .add(Input::new([5]))
            .add(Dense::new(4).lora_rank(2).dtype(dtype))
            .add(Dense::new(2));
        let weights: Vec<Tensor> = model.get_weights().unwrap();
        assert_eq!((weights[2].dtype(), weights[3].dtype()), (DType::F32, DType::F32), "{dtype}");
        model.compile(Compile::new("sgd", "mse")).unwrap();
        fit(&mut model).unwrap();
        assert_ne!(model.get_weights().unwrap()[3], weights[3], "{dtype}");
    }
}
