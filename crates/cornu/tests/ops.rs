//! `cornu::ops` against Keras 3.15.1: names, configs, shapes, dtypes and values.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use cornu::{Value, ops};
use serde_json::{Value as Json, json};

fn x() -> KerasTensor {
    Input::new([4]).name("x").tensor()
}

fn t() -> KerasTensor {
    Input::new([3, 4]).name("t").tensor()
}

fn int() -> KerasTensor {
    Input::new([4]).name("i").dtype("int32").tensor()
}

fn boolean() -> KerasTensor {
    ops::greater(x(), 0)
}

/// `(None, 4) float32` of a symbolic tensor, or its error.
fn spec(y: &KerasTensor) -> String {
    format!("{} {}", y.shape(), y.dtype())
}

#[test]
fn specs_of_symbolic_results() {
    let (x, t, i, b) = (&x(), &t(), &int(), &boolean());
    let cases: Vec<(KerasTensor, &str)> = vec![
        (i + 1, "(None, 4) int32"),
        (i + 1.5, "(None, 4) float32"),
        (ops::add(b, 1), "(None, 4) int32"),
        (i / 2, "(None, 4) float32"),
        (ops::exp(i), "(None, 4) float32"),
        (ops::mean(i, None, false), "() float32"),
        (ops::sum(i, -1, false), "(None,) int32"),
        (ops::sum(b, -1, false), "(None,) int32"),
        (ops::square(i), "(None, 4) int32"),
        (ops::relu(i), "(None, 4) int32"),
        (ops::max(x, 1, true, None), "(None, 1) float32"),
        (ops::sum(t, [1, 2], true), "(None, 1, 1) float32"),
        (ops::argmin(x, None, false), "() int32"),
        (ops::argmax(t, Some(1), true), "(None, 1, 4) int32"),
        (ops::any(b, 1, false), "(None,) bool"),
        (ops::var(x, -1, false), "(None,) float32"),
        (ops::dot(t, ops::transpose(x, None)), "(None, 3, None) float32"),
        (ops::transpose(t, None), "(4, 3, None) float32"),
        (ops::transpose(t, Some(vec![0, 2, 1])), "(None, 4, 3) float32"),
        (ops::reshape(t, [-1, 2, 6]), "(None, 2, 6) float32"),
        (ops::reshape(t, [-1]), "(None,) float32"),
        (ops::expand_dims(x, -1), "(None, 4, 1) float32"),
        (ops::squeeze(ops::expand_dims(x, -1), -1), "(None, 4) float32"),
        (ops::take(t, 1, Some(1)), "(None, 4) float32"),
        (ops::take(x, i, Some(1)), "(None, None, 4) float32"),
        (ops::equal(x, 1), "(None, 4) bool"),
        (ops::where_(b, 1, 0), "(None, 4) int32"),
        (ops::where_(b, i, 0.5), "(None, 4) float32"),
        (ops::minimum(i, 0.5), "(None, 4) float32"),
        (ops::clip(i, 0.0, 1.5), "(None, 4) int32"),
        (ops::concatenate([x, x, x], -1), "(None, 12) float32"),
        (ops::stack([x, x], 0), "(2, None, 4) float32"),
        (ops::split(t, 3, 1).remove(2), "(None, 1, 4) float32"),
        (ops::top_k(x, 2, true).remove(1), "(None, 2) int32"),
        (ops::one_hot(i, 5, -1, DType::F32), "(None, 4, 5) float32"),
        (ops::cast(i, DType::F16), "(None, 4) float16"),
        (ops::tile(t, [1, 2, 1]), "(None, 6, 4) float32"),
        (ops::matmul(t, ops::swapaxes(t, 1, 2)), "(None, 3, 3) float32"),
    ];
    for (i, (y, want)) in cases.iter().enumerate() {
        assert_eq!(spec(y), *want, "case {i}: {y:?}");
    }
}

/// The layer that made `y`, as Keras would save it: module, class, config without the name.
fn saved(y: &KerasTensor, inputs: &[&KerasTensor]) -> (String, Json) {
    let inputs: Vec<KerasTensor> = inputs.iter().map(|&x| x.clone()).collect();
    let model = Model::new(inputs, [y.clone()]).unwrap();
    let op = model.operations().pop().unwrap();
    let saved = op.saved().unwrap();
    assert_eq!(saved["registered_name"], saved["class_name"]);
    let mut config = saved["config"].clone();
    config.as_object_mut().unwrap().shift_remove("name");
    let class = format!("{}.{}", saved["module"].as_str().unwrap(), saved["class_name"].as_str().unwrap());
    (class.replace("keras.src.ops.", ""), config)
}

#[test]
fn configs_are_keras_s() {
    let (x, t, i) = (&x(), &t(), &int());
    let check = |y: KerasTensor, inputs: &[&KerasTensor], class: &str, config: Json| {
        let got = saved(&y, inputs);
        assert_eq!((got.0.as_str(), got.1.to_string()), (class, config.to_string()));
    };
    check(x + 1, &[x], "numpy.Add", json!({}));
    check(1.0 / x, &[x], "numpy.TrueDivide", json!({}));
    check(-x, &[x], "numpy.Negative", json!({}));
    check(ops::abs(x), &[x], "numpy.Absolute", json!({}));
    check(ops::mean(x, None, false), &[x], "numpy.Mean", json!({"axis": null, "keepdims": false}));
    check(
        ops::prod(x, -1, false, None),
        &[x],
        "numpy.Prod",
        json!({"axis": -1, "keepdims": false, "dtype": null}),
    );
    check(
        ops::max(x, 1, true, None),
        &[x],
        "numpy.Max",
        json!({"axis": 1, "keepdims": true, "initial": null}),
    );
    check(ops::sum(t, [1, 2], true), &[t], "numpy.Sum", json!({"axis": [1, 2], "keepdims": true}));
    check(ops::reshape(x, [-1, 2, 2]), &[x], "numpy.Reshape", json!({"newshape": [-1, 2, 2]}));
    check(ops::transpose(t, Some(vec![0, 2, 1])), &[t], "numpy.Transpose", json!({"axes": [0, 2, 1]}));
    check(ops::concatenate([x, x], -1), &[x], "numpy.Concatenate", json!({"axis": -1}));
    check(ops::clip(x, 0.0, 1.5), &[x], "numpy.Clip", json!({"x_min": 0.0, "x_max": 1.5}));
    check(ops::round(x, 0), &[x], "numpy.Round", json!({"decimals": 0}));
    check(ops::cast(x, DType::F16), &[x], "core.Cast", json!({"dtype": "float16"}));
    check(ops::softmax(x, -1), &[x], "nn.Softmax", json!({"axis": -1}));
    check(ops::elu(x, 1.0), &[x], "nn.Elu", json!({"alpha": 1.0}));
    check(ops::logsumexp(x, -1, false), &[x], "math.Logsumexp", json!({"axis": -1, "keepdims": false}));
    let one_hot = json!({"num_classes": 5, "axis": -1, "dtype": "float32", "sparse": false});
    check(ops::one_hot(i, 5, -1, DType::F32), &[i], "nn.OneHot", one_hot);
    let parts = ops::split(t, 3, 1).remove(0);
    check(parts, &[t], "numpy.Split", json!({"indices_or_sections": 3, "axis": 1}));
}

#[test]
fn ops_stand_in_the_summary_but_not_among_the_layers() {
    utils::clear_session();
    let x = x();
    let a = &x + 1;
    let b = Dense::new(2).apply(&(2.0 * &a + 1));
    let model = Model::new([x], [b]).unwrap();
    let names: Vec<String> = model.layers().iter().map(|l| l.name().to_string()).collect();
    assert_eq!(names, ["x", "dense"]);
    let summary = model.summary();
    for row in ["add (Add) ", "multiply (Multiply) ", "add_1 (Add) ", "dense (Dense) "] {
        assert!(summary.contains(row), "{summary}");
    }
    assert!(model.get_layer("add").is_err());
}

#[test]
fn a_model_with_ops_is_trained() {
    utils::set_random_seed(1);
    let x = x();
    let hidden = Dense::new(8).apply(&x);
    let y = ops::sum(&(ops::tanh(&hidden) * 0.5 - ops::square(&hidden)), -1, true);
    let mut model = Model::new([x], [y]).unwrap();
    model.compile(Compile::new(Adam::new().learning_rate(0.05), "mse")).unwrap();
    let data = Tensor::new([8, 4], (0..32).map(|i| (i as f32 * 0.7).sin()).collect()).unwrap();
    let target = ops::sum(&data, 1, true).unwrap();
    let history = model.fit(&data, &target, Fit::new().epochs(15).verbose(0)).unwrap();
    assert!(history.last("loss").unwrap() < history.get("loss")[0] * 0.5, "{history:?}");
}

#[track_caller]
fn close(got: cornu::Result<Tensor>, want: &[f64]) {
    let got = got.unwrap().to_f64();
    assert_eq!(got.len(), want.len(), "{got:?}");
    let wrong = got.iter().zip(want).any(|(g, w)| (g - w).abs() > 1e-6 * (1.0 + w.abs()));
    assert!(!wrong, "{got:?}, want {want:?}");
}

#[test]
fn host_tensors_are_computed_at_once() {
    let x = Tensor::from([1f32, 2.0, 4.0]);
    let m = Tensor::new([2, 3], vec![1f32, 5.0, 3.0, 4.0, 2.0, 6.0]).unwrap();
    let i = Tensor::from([7i32, -3]);
    close(ops::add(&x, 1), &[2.0, 3.0, 5.0]);
    close(ops::subtract(1.0, &x), &[0.0, -1.0, -3.0]);
    close(ops::true_divide(&i, 2), &[3.5, -1.5]);
    close(ops::power(&x, 2), &[1.0, 4.0, 16.0]);
    close(ops::log2(&x), &[0.0, 1.0, 2.0]);
    close(ops::mean(&m, 0, false), &[2.5, 3.5, 4.5]);
    close(ops::std(&m, None, false), &[(35.0f64 / 12.0).sqrt()]);
    close(ops::argmax(&m, None, false), &[5.0]);
    close(ops::argmax(&m, Some(-1), false), &[1.0, 2.0]);
    close(ops::where_(ops::greater(&m, 3).unwrap(), &m, 0.0), &[0.0, 5.0, 0.0, 4.0, 0.0, 6.0]);
    close(ops::matmul(&m, &x), &[23.0, 32.0]);
    close(ops::dot(&m, ops::transpose(&m, None).unwrap()), &[35.0, 32.0, 32.0, 56.0]);
    close(ops::concatenate([&m, &m], 0), &[1.0, 5.0, 3.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 4.0, 2.0, 6.0]);
    close(ops::take(&m, Tensor::from([2i32, 0]), Some(1)), &[3.0, 1.0, 6.0, 4.0]);
    close(ops::sort(&m, -1), &[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    close(ops::cumsum(&x, Some(0), None), &[1.0, 3.0, 7.0]);
    close(ops::one_hot(Tensor::from([1i32, 0]), 3, -1, DType::F32), &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    close(ops::logsumexp(&x, None, false), &[4.169_846_019_6]);
    let top = ops::top_k(&m, 2, true).unwrap();
    assert_eq!((top[0].to_f64(), top[1].to_f64()), (vec![5.0, 3.0, 6.0, 4.0], vec![1.0, 2.0, 2.0, 0.0]));
    // A byte meets a number that is none: the result is wider, not wrong.
    close(ops::add(Tensor::from([200u8]), 300), &[500.0]);
}

#[test]
fn rare_arguments() {
    let m = Tensor::new([2, 3], vec![1f32, 5.0, 3.0, 4.0, 2.0, 6.0]).unwrap();
    let (square, i) = (Tensor::new([2, 2], vec![1f32, 2.0, 3.0, 4.0]).unwrap(), Tensor::from([7i32, -3]));
    let b = Tensor::from([true, false]);
    close(ops::einsum([&square], "ii->i"), &[1.0, 4.0]);
    close(ops::einsum([&square], "ii"), &[5.0]);
    close(ops::einsum([&m], "...j->..."), &[9.0, 12.0]);
    close(ops::einsum([&i, &i], "i,j"), &[49.0, -21.0, -21.0, 9.0]);
    close(ops::einsum([&square, &m, &m], "ij,jk,lk->il"), &[99.0, 144.0, 233.0, 320.0]);
    close(ops::einsum([&i, &m], "i,ij->j"), &[-5.0, 29.0, 3.0]);
    close(ops::matmul(&i, &square), &[-2.0, 2.0]);
    close(ops::tensordot(&b, &square, ops::Contracted::Count(1)), &[1.0, 2.0]);
    assert_eq!(ops::expand_dims(&m, [0, -1]).unwrap().shape(), [1, 2, 3, 1]);
    close(ops::argsort(&m, None), &[0.0, 4.0, 2.0, 3.0, 1.0, 5.0]);
    let whole = ops::softmax(&m, None).unwrap();
    assert!((whole.to_f64().iter().sum::<f64>() - 1.0).abs() < 1e-6 && whole.shape() == [2, 3]);
    close(ops::max(&b, None, false, None), &[1.0]);
    close(ops::amin(&b, 0, false), &[0.0]);
    close(ops::round(&i, 2), &[7.0, -3.0]);
    close(ops::absolute(&b), &[1.0, 0.0]);
    close(ops::diff(&b, 1, -1), &[1.0]);
    close(ops::clip(&i, -0.5, 2.5), &[2.0, 0.0]);
    close(ops::corrcoef(Tensor::from([1f32, 2.0, 4.0])), &[1.0]);
    let places = Tensor::new([2, 1], vec![0i32, 0]).unwrap();
    close(ops::scatter_update(&i, &places, Tensor::from([2i32, 3]), Some("mul".into())), &[42.0, -3.0]);
    close(ops::pad([&i], [(1, 0)].into(), "constant"), &[0.0, 7.0, -3.0]);
    // Of Keras on NumPy; on JAX the sum of bools is refused.
    let ids = Tensor::from([0i32, 2]);
    close(ops::segment_sum(&b, &ids, Some(3), false), &[1.0, 0.0, 0.0]);
    close(ops::segment_prod(&b, &ids, Some(3), false), &[1.0, 1.0, 0.0]);
    let e = ops::repeat(&m, [1, 2], Some(1)).unwrap_err().to_string();
    assert!(e.contains("must be one number or 3, got [1, 2]"), "{e}");
    assert!(ops::rot90(&m, 1, [0, 2]).is_err() && ops::rot90(&m, 1, [1, -1]).is_err());
    assert!(ops::depth_to_space(Tensor::zeros([1, 2, 2, 4], DType::F32), 2, "channel_last").is_err());
}

#[test]
fn sizes_of_symbolic_tensors_are_tensors() {
    let t = t();
    let y = ops::add(&t, ops::add(ops::multiply(ops::size(&t), 10), ops::ndim(&t)));
    let mut model = Model::new([t], [y]).unwrap();
    let got = model.predict(Tensor::zeros([2, 3, 4], DType::F32), Predict::new().verbose(0)).unwrap();
    assert!(got.to_f64().iter().all(|&v| v == 243.0), "{got:?}");
}

#[test]
fn within_layers_ops_add_to_the_graph() {
    let loss = Loss::function("pinball", |y_true: &Value, y_pred: &Value| {
        let e = ops::subtract(y_true, y_pred);
        ops::mean(ops::maximum(&(&e * 0.9), &(&e * -0.1)), -1, false)
    });
    let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(1).kernel_initializer("zeros"));
    model.compile(Compile::new("sgd", loss)).unwrap();
    let (x, y) = (Tensor::zeros([4, 2], DType::F32), Tensor::ones([4, 1], DType::F32));
    let logs = model.evaluate(&x, &y, Evaluate::new().verbose(0)).unwrap();
    assert!((logs.get("loss").unwrap() - 0.9).abs() < 1e-6, "{logs:?}");
}

#[test]
fn mistakes_are_errors() {
    let (x, t) = (x(), t());
    let fails = |y: KerasTensor, words: &[&str]| {
        let e = Model::new([x.clone(), t.clone()], [y]).unwrap_err().to_string();
        assert!(words.iter().all(|w| e.contains(w)), "{e}");
    };
    let three = Input::new([4]).batch_size(3).tensor();
    let e = Model::new([three.clone()], [ops::reshape(&three, [-1, 5])]).unwrap_err().to_string();
    assert!(["reshape", "[-1, 5]", "tests/ops.rs"].iter().all(|word| e.contains(word)), "{e}");
    fails(ops::concatenate([&x, &t], -1), &["concatenate", "Concatenate"]);
    fails(ops::softmax(&x, 3), &["axis 3"]);
    fails(ops::transpose(&t, Some(vec![0, 9, 1])), &["axis 9"]);
    let nothing: [&KerasTensor; 0] = [];
    assert!(Model::new([x.clone()], [ops::stack(nothing, 0)]).is_err());
    let e = ops::matmul(Tensor::zeros([2, 3], DType::F32), Tensor::zeros([2, 3], DType::F32)).unwrap_err();
    assert!(e.to_string().contains("[3] and [2]"), "{e}");
    assert!(ops::take(Tensor::zeros([2], DType::F32), Tensor::from([0i32]), Some(4)).is_err());
}

/// A batch that is not known may have any size that fits.
#[test]
fn batches_are_cut_where_they_can_be() {
    let x = Input::new([3]).tensor();
    let (table, parts) = (ops::reshape(&x, [-1, 6]), ops::split(&x, 7, 0));
    assert_eq!((spec(&table).as_str(), spec(&parts[6]).as_str()), ("(None, 6) float32", "(None, 3) float32"));
    let mut model = Model::new([x], [table]).unwrap();
    let data = Tensor::from((0..12).map(|i| i as f32).collect::<Vec<_>>()).reshape(vec![4, 3]).unwrap();
    let y = model.predict(&data, Predict::new().verbose(0)).unwrap();
    assert_eq!((y.shape(), y.to_f64()[7]), ([2, 6].as_slice(), 7.0));
    let odd = model.predict(Tensor::zeros([3, 3], DType::F32), Predict::new().verbose(0)).unwrap_err();
    assert!(odd.to_string().contains("does not become"), "{odd}");
}

/// What Keras writes of `reshape(x, (shape(x)[0], -1))`, which it cannot run either.
#[test]
fn sizes_that_were_not_known() {
    let x = Input::new([2, 3]).name("x").tensor();
    let config = Model::new([x.clone()], [ops::reshape(&x, [-1, 6])]).unwrap().to_json().unwrap();
    for (sizes, word) in
        [("[null,-1]", "not known when the model was made"), ("[[1]]", "expected a whole number")]
    {
        let text = config.replace("[-1, 6]", sizes);
        assert_ne!(text, config);
        let message = cornu::saving::model_from_json(&text).unwrap_err().to_string();
        assert!(message.contains("newshape") && message.contains(word), "{message}");
    }
}

/// Ends in lists are broadcast, and saved as lists.
#[test]
fn clipped_by_lists() {
    let x = Input::new([3]).name("x").tensor();
    let y = ops::clip(&x, [-0.5, 0.0, -1.0], ops::Limits::None);
    let y = ops::clip(y, 0, [1, 2, 3]);
    let mut model = Model::new([x], [y]).unwrap();
    let config = model.get_config().unwrap();
    let ends = |i: usize| {
        let config = &config["layers"][i]["config"];
        json!([config["x_min"], config["x_max"]])
    };
    assert_eq!(ends(1), json!([[-0.5, 0.0, -1.0], null]));
    assert_eq!(ends(2), json!([0, [1, 2, 3]]));
    let mut again = cornu::saving::model_from_json(&model.to_json().unwrap()).unwrap();
    let data = Tensor::from([[-3f32, 0.5, 9.0], [7.0, 7.0, -7.0]]);
    for model in [&mut model, &mut again] {
        let y = model.predict(&data, Predict::new().verbose(0)).unwrap();
        assert_eq!(y.to_f64(), [0.0, 0.5, 3.0, 1.0, 2.0, 0.0]);
    }
    close(
        ops::clip(Tensor::from([5i32, -5]), [1.7, 0.0], [3.9, 1.0]).map(|y| y.cast(DType::F32)),
        &[3.0, 0.0],
    );
    let ragged = ops::Limits::Numbers(vec![1.0.into(), [1.0, 2.0].into()]);
    assert!(ops::clip(Tensor::from([1f32]), ragged, 2.0).unwrap_err().to_string().contains("same length"));
}

/// As with JAX, which has no integers of 64 bits where Keras runs it.
#[test]
fn unsigned_beside_signed() {
    for (a, b, sum) in [
        ("uint32", "int32", "int32"),
        ("uint32", "int8", "int32"),
        ("uint32", "int64", "int64"),
        ("uint32", "uint8", "uint32"),
    ] {
        let [a, b] = [a, b].map(|dtype| Input::new([2]).dtype(dtype).tensor());
        assert_eq!(spec(&ops::add(&a, &b)), format!("(None, 2) {sum}"));
        assert_eq!(spec(&ops::maximum(&b, &a)), format!("(None, 2) {sum}"));
    }
    // Bools join numbers of any size; only int8 with int8 becomes wider in products.
    let [flag, small] = ["bool", "int8"].map(|dtype| Input::new([2, 2]).dtype(dtype).tensor());
    for (y, dtype) in [
        (ops::fmod(&small, &flag), "int8"),
        (ops::fmod(&flag, &flag), "int32"),
        (ops::power(&flag, &flag), "int32"),
        (ops::left_shift(&flag, &flag), "int32"),
        (ops::right_shift(&flag, &flag), "int32"),
        (ops::matmul(&small, &flag), "int8"),
        (ops::matmul(&small, &small), "int32"),
        (ops::einsum([&small, &flag], "bij,bjk->bik"), "int8"),
    ] {
        assert_eq!(y.dtype().name(), dtype);
    }
}

#[test]
fn small_integers_keep_their_dtype_where_keras_s_do() {
    let (small, b) = (Tensor::from([100i8, 100]), Tensor::from([true, true]));
    let dtype = |y: cornu::Result<Tensor>| y.unwrap().dtype();
    assert_eq!(dtype(ops::cumsum(&small, Some(0), None)), DType::I8);
    close(ops::cumsum(&small, Some(0), None), &[100.0, -56.0]);
    close(ops::cumprod(&b, Some(0), None), &[1.0, 1.0]);
    assert_eq!(dtype(ops::nancumsum(&b, Some(0), None)), DType::I32);
    assert_eq!(dtype(ops::floor_divide(Tensor::from([7u8]), Tensor::from([-2i8]))), DType::I16);
    assert_eq!(dtype(ops::mod_(Tensor::from([7u8]), 2)), DType::U8);
    assert_eq!(dtype(ops::square(&b)), DType::I32);
    assert_eq!(dtype(ops::nanmax(&b, None, false)), DType::Bool);
    close(ops::fmod(&b, &b), &[0.0, 0.0]);
    // Products of int8 are summed as int32.
    close(ops::matmul(&small, &small), &[20000.0]);
    close(ops::einsum([&small, &small], "i,i->i"), &[10000.0, 10000.0]);
    let half = Tensor::from([1f32, 2.0]).cast(DType::F16);
    assert_eq!(dtype(ops::divide(&small, &half)), DType::F16);
    close(ops::correlate(&half, Tensor::from([1f32, 3.0]), "full"), &[3.0, 7.0, 2.0]);
}

#[test]
fn borders_of_each_kind() {
    let m = Tensor::new([2, 3], vec![1f32, 5.0, 3.0, 4.0, 2.0, 7.0]).unwrap();
    let pad = |x: &Tensor, mode| ops::pad([x], [(0, 0), (2, 1)].into(), mode);
    close(pad(&m, "maximum"), &[5.0, 5.0, 1.0, 5.0, 3.0, 5.0, 7.0, 7.0, 4.0, 2.0, 7.0, 7.0]);
    close(pad(&m, "minimum"), &[1.0, 1.0, 1.0, 5.0, 3.0, 1.0, 2.0, 2.0, 4.0, 2.0, 7.0, 2.0]);
    close(
        pad(&m, "mean"),
        &[3.0, 3.0, 1.0, 5.0, 3.0, 3.0, 13.0 / 3.0, 13.0 / 3.0, 4.0, 2.0, 7.0, 13.0 / 3.0],
    );
    close(pad(&m, "median"), &[3.0, 3.0, 1.0, 5.0, 3.0, 3.0, 4.0, 4.0, 4.0, 2.0, 7.0, 4.0]);
    close(pad(&m, "linear_ramp"), &[0.0, 0.5, 1.0, 5.0, 3.0, 0.0, 0.0, 2.0, 4.0, 2.0, 7.0, 0.0]);
    // A mode that is none is an error for tensors of any rank.
    let e = ops::pad([&m], [(1, 1)].into(), "odd").unwrap_err().to_string();
    assert!(e.contains("odd"), "{e}");
    assert!(ops::pad([&Tensor::zeros([0, 2], DType::F32)], [(1, 1)].into(), "edge").is_err());
}

#[test]
fn constants_and_methods_of_saved_models() {
    let layer = |class: &str, config: Json, arguments: Json| {
        let mut config = config;
        config["name"] = json!("op");
        json!({"module": "keras.src.ops.numpy", "class_name": class, "config": config, "registered_name": class,
            "name": "op", "inbound_nodes": [{"args": arguments, "kwargs": {}}]})
    };
    let run = |op: Json| {
        let input = json!({"module": "keras.layers", "class_name": "InputLayer", "registered_name": null, "name": "x",
            "config": {"batch_shape": [2, 3], "dtype": "float32", "sparse": false, "name": "x"}, "inbound_nodes": []});
        let config = json!({"name": "m", "trainable": true, "layers": [input, op],
            "input_layers": [["x", 0, 0]], "output_layers": [["op", 0, 0]]});
        let saved = json!({"module": "keras.src.models.functional", "class_name": "Functional", "config": config,
            "registered_name": "Functional", "build_config": {"input_shape": null}});
        let mut model = cornu::saving::model_from_json(&saved.to_string()).unwrap();
        model.predict_on_batch(Tensor::new([2, 3], vec![1f32, 5.0, 3.0, 4.0, 2.0, 7.0]).unwrap())
    };
    let x = json!({"class_name": "__keras_tensor__",
        "config": {"shape": [2, 3], "dtype": "float32", "keras_history": ["x", 0, 0]}});
    let taken = run(layer("Take", json!({"axis": 1}), json!([x, [[0, 1], [2, 2]]]))).unwrap();
    assert_eq!(taken.shape(), [2, 2, 2]);
    close(Ok(taken), &[1.0, 5.0, 3.0, 3.0, 4.0, 2.0, 7.0, 7.0]);
    // A node computes in straight lines, as Keras's does, whatever the file says.
    let config = json!({"axis": [1], "method": "lower", "keepdims": false});
    close(run(layer("Quantile", config, json!([x, 0.25]))), &[2.0, 3.0]);
}
