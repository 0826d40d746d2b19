//! What Keras writes of a layer once it is built, and of arguments that follow from others. The expected values are those that
//! Keras 3.15.1 gave for the same calls.
#![allow(clippy::unwrap_used)]
use cornu::layers::{
    AveragePooling1D, GRU, MelSpectrogram, RMSNormalization, RandomBrightness, RandomInvert, Solarization,
};
use cornu::prelude::*;
use serde_json::{Value as Json, json};

/// The saved form of the last layer of a model.
fn saved(x: Vec<KerasTensor>, y: KerasTensor) -> Json {
    let model = Model::new(x, [y]).unwrap();
    let layers = model.get_config().unwrap()["layers"].as_array().unwrap().clone();
    layers.last().unwrap().clone()
}

fn on<const N: usize>(shape: [usize; N], layer: impl Layer) -> Json {
    let x = Input::new(shape).tensor();
    let y = layer.apply(&x);
    saved(vec![x], y)
}

#[test]
fn arguments_that_follow() {
    for (layer, key, value) in [
        (on([3, 4], LayerNormalization::new()), "axis", json!([-1])),
        (on([3, 4], RMSNormalization::new()), "axis", json!([-1])),
        (on([4, 4, 1], MaxPooling2D::new()), "strides", json!([2, 2])),
        (on([4, 4], AveragePooling1D::new().pool_size(3)), "strides", json!([3])),
        (on([4, 4, 3], RandomInvert::new()), "factor", json!([0, 1.0])),
        (on([4, 4, 3], RandomInvert::new()), "value_range", json!([0, 255])),
        (on([4, 4, 3], RandomBrightness::new(0.2)), "factor", json!([-0.2, 0.2])),
        (on([4, 4, 3], Solarization::new()), "threshold_factor", json!([0, 0.0])),
        (on([4096], MelSpectrogram::new()), "sequence_length", json!(2048)),
        (on([4096], MelSpectrogram::new()), "max_freq", json!(8000)),
        (on([4096], MelSpectrogram::new()), "sampling_rate", json!(16000)),
    ] {
        assert_eq!(layer["config"][key].to_string(), value.to_string(), "{key} of {}", layer["class_name"]);
    }
    let (a, b) = (Input::new([4, 5]).tensor(), Input::new([4, 5]).tensor());
    let y = MultiHeadAttention::new(2, 3).apply([&a, &b]);
    let attention = saved(vec![a, b], y);
    assert_eq!(
        (&attention["config"]["value_dim"], &attention["config"]["attention_axes"]),
        (&json!(3), &json!([1]))
    );
}

#[test]
fn recurrent_layers() {
    let both = on([4, 3], Bidirectional::new(GRU::new(2).name("gru")));
    let direction = |key: &str| {
        let layer = &both["config"][key];
        json!([layer["config"]["name"], layer["config"]["go_backwards"], layer["build_config"]])
    };
    let built = json!({"input_shape": [null, 4, 3]});
    assert_eq!(direction("layer"), json!(["forward_gru", false, built]));
    assert_eq!(direction("backward_layer"), json!(["backward_gru", true, built]));

    let (x, state) = (Input::new([4, 3]).tensor(), Input::new([2]).tensor());
    let y = GRU::new(2).apply([&x, &state]);
    let shapes = json!({"sequences_shape": [null, 4, 3], "initial_state_shape": [null, 2]});
    assert_eq!(saved(vec![x, state], y)["build_config"], json!({"shapes_dict": shapes}));
}

/// Without a dtype, hashes are int64, as Keras has them and writes them.
#[test]
fn dtypes_of_hashes() {
    let x = Input::new([1]).dtype("int64").tensor();
    let y = Hashing::new(3).apply(&x);
    assert_eq!(y.dtype(), DType::I64);
    assert_eq!(saved(vec![x.clone()], y)["config"]["dtype"]["config"]["name"], "int64");
    let both = HashedCrossing::new(3).apply([&x, &x]);
    assert_eq!(both.dtype(), DType::I64);
    let mut model = Model::new([x], [both]).unwrap();
    let layers = model.get_config().unwrap()["layers"].clone();
    assert_eq!(layers[1]["config"]["dtype"], "int64");
    let bins = model.predict(Tensor::from([[1i64], [2]]), Predict::new().verbose(0)).unwrap();
    assert_eq!(bins.dtype(), DType::I64);
    let wrong = Hashing::new(3).dtype("float16").apply(Input::new([1]).dtype("int64").tensor());
    let message = Model::new([Input::new([1]).tensor()], [wrong]).unwrap_err().to_string();
    assert!(message.contains("\"int32\" or \"int64\""), "{message}");
}

/// Numbers of a file are written as they were read.
#[test]
fn numbers_as_they_were_read() {
    let text = r#"{"class_name":"Sequential","config":{"name":"m","layers":[
        {"class_name":"InputLayer","config":{"batch_shape":[2,4],"name":"x"}},
        {"class_name":"ReLU","config":{"max_value":6,"name":"r","negative_slope":1,"threshold":0.0}},
        {"class_name":"Rescaling","config":{"name":"s","scale":1e-30,"offset":[1,2,3,4.0]}},
        {"class_name":"Dense","config":{"name":"d","units":2},"build_config":{"input_shape":[7,4]}}]}}"#;
    let config = cornu::saving::model_from_json(text).unwrap().get_config().unwrap();
    let layers = config["layers"].as_array().unwrap();
    assert_eq!(layers[1]["config"]["max_value"].to_string(), "6");
    assert_eq!(layers[2]["config"]["scale"].to_string(), "1e-30");
    assert_eq!(layers[2]["config"]["offset"].to_string(), "[1,2,3,4.0]");
    assert_eq!(layers[3]["build_config"], json!({"input_shape": [7, 4]}));
}

/// Keras wants the weights of words beside the other weights, too.
#[test]
fn weights_of_words_are_in_the_file() {
    use cornu::layers::{StringLookup, TextVectorization};
    use cornu::saving::KerasFileEditor;
    let path = std::env::temp_dir().join(format!("cornu-settled-{}.weights.h5", std::process::id()));
    let words = || vec!["a".to_string(), "b".into()];
    let lookup =
        StringLookup::new().vocabulary(words()).idf_weights(vec![1.0, 2.0]).output_mode("tf_idf").name("w");
    let text = TextVectorization::new()
        .vocabulary(words())
        .idf_weights(vec![1.0, 2.0])
        .output_mode("tf_idf")
        .name("w");
    for (layer, groups) in [
        (lookup.share(), &["layers/string_lookup"][..]),
        (text.share(), &["layers/text_vectorization", "layers/text_vectorization/_lookup_layer"]),
    ] {
        let x = Input::new([1]).dtype("string").tensor();
        let y = layer.apply(&x);
        let model = Model::new([x], [y]).unwrap();
        model.save_weights(&path).unwrap();
        let editor = KerasFileEditor::new(&path).unwrap();
        assert!(editor.compare(&model).unwrap().is_success());
        let summary = editor.summary();
        assert_eq!(
            summary.matches("idf_weights: shape=[3], dtype=float32").count(),
            groups.len(),
            "{summary}"
        );
        std::fs::remove_file(&path).unwrap();
    }
}
