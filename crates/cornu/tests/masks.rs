//! Where masks and scales reach, as in Keras 3.15.1.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::layers::Given;
use cornu::prelude::*;
use cornu::saving::model_from_json;
use serde_json::json;

fn ramp(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..n).map(|i| ((i * 7 + 3) % 11) as f32 * 0.2 - 1.0).collect();
    Tensor::from(numbers).reshape(shape.to_vec()).unwrap()
}

fn predict(model: &mut Model, x: Vec<Tensor>) -> Vec<Vec<f64>> {
    let outputs = model.predict_many(x, Predict::new().verbose(0)).unwrap();
    outputs.iter().map(Tensor::to_f64).collect()
}

/// A target that sees no source has no weights, where scores are computed for themselves.
#[test]
fn attention_to_nothing() {
    for dtype in ["float32", "mixed_bfloat16"] {
        let (x, mask) = (Input::new([3, 4]).tensor(), Input::new([3, 3]).dtype("bool").tensor());
        let mut given = Given::in_order().option("return_attention_scores", true);
        given.tensors = ["query", "value", "attention_mask"].map(String::from).to_vec();
        let layer = MultiHeadAttention::new(2, 3).dropout(0.1).use_gate(true).dtype(dtype);
        let y = layer.apply_given([&x, &x, &mask], given);
        let mut model = Model::new([x, mask], y).unwrap();
        let masks: Vec<bool> = vec![true, true, false, false, false, false, true, false, false];
        let mask = Tensor::from(masks).reshape(vec![1, 3, 3]).unwrap();
        let outputs = predict(&mut model, vec![ramp(&[1, 3, 4]), mask]);
        let sums: Vec<f64> = outputs[1].chunks(3).map(|row| row.iter().sum::<f64>().round()).collect();
        assert_eq!(sums, [1.0, 0.0, 1.0, 1.0, 0.0, 1.0], "{dtype}");
        assert_eq!(outputs[0][4..8], [0.0; 4], "{dtype}");
    }
}

/// The mask that came with a sequence counts only without initial states.
#[test]
fn initial_states_hide_the_mask() {
    for both in [false, true] {
        let run = |masked: bool, with_states: bool| {
            let x = Input::new([4, 2]).tensor();
            let states: Vec<KerasTensor> =
                (0..if both { 2 } else { 1 }).map(|_| Input::new([3]).tensor()).collect();
            let hidden = if masked { Masking::new().apply(&x) } else { x.clone() };
            let states: Vec<KerasTensor> = states.into_iter().filter(|_| with_states).collect();
            let arguments = [vec![hidden], states.clone()].concat();
            let y = match both {
                true => Bidirectional::new(GRU::new(3)).apply(arguments),
                false => GRU::new(3).apply(arguments),
            };
            let mut model = Model::new([vec![x], states].concat(), y).unwrap();
            let weights: Vec<Tensor> = model.get_weights().unwrap().iter().map(|w| ramp(w.shape())).collect();
            model.set_weights(&weights).unwrap();
            let mut sequence = ramp(&[1, 4, 2]).to_f64();
            sequence[4..].fill(0.0);
            let sequence = Tensor::from(sequence.iter().map(|&v| v as f32).collect::<Vec<_>>());
            let zeros = Tensor::zeros([1, 3], DType::F32);
            let mut data = vec![sequence.reshape(vec![1, 4, 2]).unwrap()];
            data.extend((0..if both { 2 } else { 1 }).filter(|_| with_states).map(|_| zeros.clone()));
            predict(&mut model, data).remove(0)
        };
        assert_eq!(run(true, true), run(false, true));
        assert_eq!(run(false, false), run(false, true));
        assert_ne!(run(true, false), run(false, false));
    }
}

/// `mask=[None, mask]` is the mask of the second input.
#[test]
fn some_masks_of_a_list() {
    let input = |name: &str, shape: serde_json::Value, dtype: &str| {
        json!({"module": "keras.layers", "class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"batch_shape": shape, "dtype": dtype, "name": name}})
    };
    let tensor = |name: &str, shape: serde_json::Value, dtype: &str| {
        json!({"class_name": "__keras_tensor__",
            "config": {"shape": shape, "dtype": dtype, "keras_history": [name, 0, 0]}})
    };
    let (q, v, m) = (json!([null, 2, 3]), json!([null, 4, 3]), json!([null, 4]));
    let saved = json!({"module": "keras.src.models.functional", "class_name": "Functional", "config": {"name": "f",
        "layers": [
            input("q", q.clone(), "float32"), input("v", v.clone(), "float32"), input("m", m.clone(), "bool"),
            {"module": "keras.layers", "class_name": "Attention", "name": "a", "config": {"name": "a"},
             "inbound_nodes": [{"args": [[tensor("q", q, "float32"), tensor("v", v, "float32")]],
                "kwargs": {"mask": [null, tensor("m", m, "bool")], "return_attention_scores": true}}]},
        ],
        "input_layers": [["q", 0, 0], ["v", 0, 0], ["m", 0, 0]], "output_layers": [["a", 0, 0], ["a", 0, 1]]}});
    let mut model = model_from_json(&saved.to_string()).unwrap();
    let mask = Tensor::from(vec![true, false, true, false]).reshape(vec![1, 4]).unwrap();
    let outputs = predict(&mut model, vec![ramp(&[1, 2, 3]), ramp(&[1, 4, 3]), mask]);
    for row in outputs[1].chunks(4) {
        assert!(row[0] > 0.0 && row[2] > 0.0 && row[1] == 0.0 && row[3] == 0.0, "{row:?}");
    }
}

/// Softmax of an image with channels first runs along the last axis all the same.
#[test]
fn softmax_of_channels_first() {
    let x = Input::new([2, 5]).tensor();
    let y = Conv1D::new(3, 2).data_format("channels_first").activation("softmax").apply(&x);
    let outputs = predict(&mut Model::new([x], y).unwrap(), vec![ramp(&[1, 2, 5])]);
    let sums: Vec<f64> = outputs[0].chunks(4).map(|row| row.iter().sum::<f64>()).collect();
    assert!(sums.len() == 3 && sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{sums:?}");
}

/// The scale is that of the last axis, even where another is normalized.
#[test]
fn scale_of_another_axis() {
    let x = Input::new([2, 2]).tensor();
    let y = RMSNormalization::new().axis(1).epsilon(0.0).apply(&x);
    let mut model = Model::new([x], y).unwrap();
    model.set_weights(&[Tensor::from([10f32, 1.0])]).unwrap();
    let data = Tensor::from([3f32, 3.0, 3.0, 3.0]).reshape(vec![1, 2, 2]).unwrap();
    let outputs = predict(&mut model, vec![data]);
    assert!(
        outputs[0].iter().zip([10.0, 1.0, 10.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-5),
        "{outputs:?}"
    );
}
