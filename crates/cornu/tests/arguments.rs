//! Arguments of Keras that are not saved, and those of training that few programs use.
#![allow(clippy::unwrap_used)]
use cornu::initializers::Initializer;
use cornu::layers::list;
use cornu::prelude::*;
use serde_json::json;

fn line() -> Sequential {
    let ones: Initializer = "ones".into();
    Sequential::new().add(Input::new([2])).add(Dense::new(1).kernel_initializer(ones))
}

#[test]
fn an_embedding_of_given_vectors() {
    let table = Tensor::new([3, 2], vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let embedding = Embedding::new(3, 2).weights(table.clone());
    let mut model = Sequential::new().add(Input::new([2]).dtype("int32")).add(embedding.clone());
    assert_eq!(model.get_layer(0).unwrap().get_weights().unwrap()[0], table);
    let y = model.predict_on_batch(Tensor::new([1, 2], vec![2i32, 0]).unwrap()).unwrap();
    assert_eq!(y.to_f64(), [5.0, 6.0, 1.0, 2.0]);
    assert!(model.get_layer(0).unwrap().config().unwrap().get("weights").is_none());
    let wrong = Sequential::new().add(Input::new([2])).add(Embedding::new(4, 2).weights(table.clone()));
    let message = wrong.count_params().unwrap_err().to_string();
    assert!(message.contains("expects shape [4, 2], got [3, 2]"), "{message}");
}

#[test]
fn seeds_that_keras_does_not_save() {
    let grey = |seed| {
        utils::set_random_seed(3);
        let layer = RandomGrayscale::new().seed(seed);
        assert!(LayerRef::from(layer.share()).config().unwrap().get("seed").is_none());
        let mut model = Sequential::new().add(Input::new([2, 2, 3])).add(layer).add(Flatten::new());
        model.push(Dense::new(1).kernel_initializer("ones"));
        model.compile(Compile::new(SGD::new().learning_rate(0.0), "mse")).unwrap();
        let x: Vec<f32> = (0..96).map(|i| (i * 7 % 11) as f32).collect();
        let x = Tensor::new([8, 2, 2, 3], x).unwrap();
        let y = Tensor::zeros([8, 1], DType::F32);
        (0..4).map(|_| model.train_on_batch(&x, &y).unwrap().get("loss").unwrap()).collect::<Vec<f64>>()
    };
    assert_eq!(grey(1), grey(1));
    assert_ne!(grey(1), grey(2));
}

#[test]
fn names_and_dtypes_may_be_null() {
    let saved = |class: &str, config| json!({"class_name": class, "config": config});
    let adam: Optimizer = serde_json::from_value(saved("Adam", json!({"name": null}))).unwrap();
    assert_eq!(serde_json::to_value(&adam).unwrap()["config"]["name"], "adam");
    let auc: Metric = serde_json::from_value(saved("AUC", json!({"name": null, "dtype": null}))).unwrap();
    assert_eq!(serde_json::to_value(&auc).unwrap()["config"]["name"], "auc");
    let dense = list::from_saved(&saved("Dense", json!({"name": null, "dtype": null, "units": 2}))).unwrap();
    assert_eq!(dense.config().unwrap()["dtype"]["config"]["name"], "float32");
    let message = list::from_saved(&saved("Dense", json!({"units": null}))).unwrap_err().to_string();
    assert!(message.contains("units"), "{message}");
}

#[test]
fn quantized_kernels_are_refused() {
    let x = Input::new([4]).tensor();
    let y = EinsumDense::new("ab,bc->ac", 3).gptq_unpacked_column_size(3).apply(&x);
    let message = Model::new(x, y).unwrap_err().to_string();
    assert!(message.contains("quantized layers are not supported"), "{message}");
}

#[test]
fn validation_after_some_epochs() {
    let (x, y) = (Tensor::ones([4, 2], DType::F32), Tensor::ones([4, 1], DType::F32));
    let epochs = |fit: Fit| {
        let mut model = line();
        model.compile(Compile::new("sgd", "mse")).unwrap();
        let history = model.fit(&x, &y, fit.epochs(6).validation_split(0.5).verbose(0)).unwrap();
        history.epochs_of("val_loss").to_vec()
    };
    assert_eq!(epochs(Fit::new().validation_freq(2)), [1, 3, 5]);
    assert_eq!(epochs(Fit::new().validation_freq([1, 4, 9])), [0, 3]);
    assert!(epochs(Fit::new().validation_freq(vec![])).is_empty());
}

#[test]
fn weights_of_samples_and_classes_in_a_batch() {
    let x = Tensor::new([2, 2], vec![1f32, 0.0, 0.0, 2.0]).unwrap();
    let y = Tensor::new([2, 1], vec![0f32, 1.0]).unwrap();
    let model = || {
        let mut model = line();
        model.compile(Compile::new(SGD::new().learning_rate(0.0), "mse")).unwrap();
        model
    };
    // Errors of 1 and 1: (3 + 5) / 2.
    let weights = Tensor::from([3f32, 5.0]);
    let loss = |logs: Logs| logs.get("loss").unwrap();
    assert_eq!(loss(model().test_on_weighted_batch(&x, &y, &weights).unwrap()), 4.0);
    assert_eq!(loss(model().train_on_weighted_batch(&x, &y, &weights).unwrap()), 4.0);
    let classes = [(0, 3.0), (1, 5.0)];
    assert_eq!(loss(model().train_on_class_weighted_batch(&x, &y, classes).unwrap()), 4.0);
    assert_eq!(loss(model().test_on_batch(&x, &y).unwrap()), 1.0);
    let outputs = model().predict_many_on_batch(&x).unwrap();
    assert_eq!(outputs, [Tensor::new([2, 1], vec![1f32, 2.0]).unwrap()]);
}

#[test]
fn without_a_loss_what_layers_add_is_minimized() {
    let mut model = Sequential::new()
        .add(Input::new([2]))
        .add(Dense::new(1).kernel_initializer("ones").kernel_regularizer("l2"));
    model.compile(Compile::new(SGD::new().learning_rate(1.0), ())).unwrap();
    let (x, y) = (Tensor::ones([1, 2], DType::F32), Tensor::ones([1, 1], DType::F32));
    let loss = model.train_on_batch(&x, &y).unwrap().get("loss").unwrap();
    assert!((loss - 0.02).abs() < 1e-6, "{loss}");
    assert!((model.get_weights().unwrap()[0].to_f64()[0] - 0.98).abs() < 1e-6);
    let path = std::env::temp_dir().join(format!("cornu-no-loss-{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let mut loaded = saving::load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    loaded.train_on_batch(&x, &y).unwrap();
}

#[test]
fn results_of_metrics_between_batches() {
    let x = Tensor::new([2, 2], vec![1f32, 0.0, 0.0, 2.0]).unwrap();
    let y = Tensor::new([2, 1], vec![0f32, 1.0]).unwrap();
    let mut model = line();
    assert!(model.get_metrics_result().is_err());
    let metrics: [Metric; 2] = ["mae".into(), metrics::F1Score::new().threshold(0.5).into()];
    model.compile(Compile::new(SGD::new().learning_rate(0.0), "mse").metrics(metrics)).unwrap();
    let logs = model.test_on_batch(&x, &y).unwrap();
    assert_eq!(model.get_metrics_result().unwrap(), logs);
    assert_eq!(logs.get("loss"), Some(1.0));
    model.reset_metrics().unwrap();
    assert_eq!(model.get_metrics_result().unwrap().get("mae"), Some(0.0));
}

#[test]
fn how_keras_runs_a_step() {
    let mut model = line();
    let message = model.compile(Compile::new("sgd", "mse").run_eagerly(true)).unwrap_err().to_string();
    assert!(message.contains("Compile.run_eagerly"), "{message}");
    for jit in [true, false] {
        model.compile(Compile::new("sgd", "mse").jit_compile(jit)).unwrap();
        let saved: serde_json::Value = serde_json::from_str(&model.to_json().unwrap()).unwrap();
        assert_eq!(saved["compile_config"]["jit_compile"], jit);
    }
    assert!(model.is_trainable() && model.get_layer(0).unwrap().is_trainable());
    model.trainable(false);
    assert!(!model.is_trainable() && !model.get_layer(0).unwrap().is_trainable());
}
