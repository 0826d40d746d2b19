//! Ops of networks, with arguments that can be left out, constants and lists, in models, layers and on the host.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use serde_json::{Value as Json, json};

fn image() -> KerasTensor {
    Input::new([8, 8, 4]).name("x").tensor()
}

fn input(name: &str, shape: &[usize]) -> KerasTensor {
    Input::new(shape[1..].to_vec()).batch_size(shape[0]).name(name).tensor()
}

/// The op that made `y`, as Keras saves it: module and class, config without the name, and the arguments of its call with `T`
/// for tensors.
fn saved(y: &KerasTensor, inputs: &[&KerasTensor]) -> (String, Json, Json) {
    let model = Model::new(inputs.iter().map(|&x| x.clone()).collect::<Vec<_>>(), [y.clone()]).unwrap();
    let config: Json = serde_json::from_str(&model.to_json().unwrap()).unwrap();
    let layer = config["config"]["layers"].as_array().unwrap().last().unwrap().clone();
    let mut settings = layer["config"].clone();
    settings.as_object_mut().unwrap().shift_remove("name");
    let class = format!("{}.{}", layer["module"].as_str().unwrap(), layer["class_name"].as_str().unwrap());
    let call = short(&layer["inbound_nodes"][0]);
    (class.replace("keras.src.ops.", ""), settings, call)
}

fn short(value: &Json) -> Json {
    match value {
        Json::Object(map) if map.get("class_name") == Some(&json!("__keras_tensor__")) => json!("T"),
        Json::Object(map) => map.iter().map(|(k, v)| (k.clone(), short(v))).collect(),
        Json::Array(items) => items.iter().map(short).collect(),
        other => other.clone(),
    }
}

#[test]
fn configs_and_calls_are_keras_s() {
    let x = &image();
    let check = |y: KerasTensor, inputs: &[&KerasTensor], class: &str, config: Json, args: Json| {
        let (c, settings, call) = saved(&y, inputs);
        assert_eq!((c.as_str(), settings.to_string()), (class, config.to_string()));
        assert_eq!(call, json!({"args": args, "kwargs": {}}), "{class}");
    };
    let pool = json!({"pool_size": 2, "strides": null, "padding": "valid", "data_format": "channels_last"});
    check(ops::max_pool(x, 2, None, "valid", "channels_last"), &[x], "nn.MaxPool", pool, json!(["T"]));
    let pool = json!({"pool_size": [2, 3], "strides": 2, "padding": "same", "data_format": "channels_last"});
    check(
        ops::average_pool(x, (2, 3), 2, "same", "channels_last"),
        &[x],
        "nn.AveragePool",
        pool,
        json!(["T"]),
    );
    let size = json!({"output_size": [2, 3], "data_format": "channels_last"});
    check(ops::adaptive_max_pool(x, (2, 3), "channels_last"), &[x], "nn.AdaptiveMaxPool", size, json!(["T"]));

    let kernel = ops::constant(Tensor::new([1, 1, 4, 1], vec![1f32, 2.0, 3.0, 4.0]).unwrap());
    let conv = json!({"strides": 1, "padding": "valid", "data_format": "channels_last", "dilation_rate": 1});
    let array = json!({"value": [[[[1.0], [2.0], [3.0], [4.0]]]], "dtype": "float32"});
    let args = json!(["T", {"class_name": "__numpy__", "config": array}]);
    check(ops::conv(x, kernel, 1, "valid", "channels_last", 1), &[x], "nn.Conv", conv, args);

    let (m, v) = (&input("m", &[4]), &input("v", &[4]));
    let norm = json!({"axis": -1, "epsilon": 1e-3});
    let y = ops::batch_normalization(x, m, v, -1, None, Some(m), 1e-3);
    check(y, &[x, m, v], "nn.BatchNorm", norm, json!(["T", "T", "T", null, "T"]));
    let norm = json!({"axis": -1, "epsilon": null, "rms_scaling": false});
    let y = ops::layer_normalization(x, Some(m), None, -1, None, false);
    check(y, &[x, m], "nn.LayerNorm", norm, json!(["T", "T", null]));
    let norm = json!({"axis": -1, "epsilon": null});
    check(ops::rms_normalization(x, None, -1, None), &[x], "nn.RMSNorm", norm, json!(["T", null]));

    let (q, mask) = (&input("q", &[2, 5, 4, 8]), &input("mask", &[2, 1, 5, 5]));
    let y = ops::dot_product_attention(q, q, q, None, Some(mask), Some(0.5), true, None, None);
    let config = json!({"is_causal": true, "flash_attention": null, "attn_logits_soft_cap": null});
    check(y, &[q, mask], "nn.DotProductAttention", config, json!(["T", "T", "T", null, "T", 0.5]));

    let fold = json!({"output_size": [4, 4], "kernel_size": 2, "dilation": 1, "padding": 0, "stride": 1});
    let columns = &input("columns", &[2, 8, 9]);
    check(ops::fold(columns, (4, 4), 2, 1, 0, 1), &[columns], "nn.Fold", fold, json!(["T"]));
    check(ops::swish(x), &[x], "nn.Silu", json!({}), json!(["T"]));
    check(ops::hard_swish(x), &[x], "nn.HardSilu", json!({}), json!(["T"]));
    let y = ops::slice(x, [0, 1, 0, 0], [2, 2, 2, 2]);
    check(y, &[x], "core.Slice", json!({"shape": [2, 2, 2, 2]}), json!(["T", [0, 1, 0, 0]]));
    let y = ops::select([&ops::greater(x, 0.5), &ops::less(x, 0.2)], [x, &(x * 2)], 0.5);
    check(y, &[x], "numpy.Select", json!({}), json!([["T", "T"], ["T", "T"], 0.5]));
    let y = ops::quantile(x, [0.3, 0.4], [1, 2], "nearest", true);
    let config = json!({"axis": [1, 2], "method": "nearest", "keepdims": true});
    check(y, &[x], "numpy.Quantile", config, json!(["T", [0.3, 0.4]]));
    let y = ops::trapezoid(x, None, 0.5, -1);
    check(y, &[x], "numpy.Trapezoid", json!({"x": null, "dx": 0.5, "axis": -1}), json!(["T"]));
    let y = ops::concatenate([x, x], -1);
    check(y, &[x], "numpy.Concatenate", json!({"axis": -1}), json!([["T", "T"]]));

    let (class, config, call) = saved(&ops::rearrange(x, "b (h a) w c -> b h (w a) c", [("a", 2)]), &[x]);
    assert_eq!((class.as_str(), config), ("einops.Rearrange", json!({})));
    assert_eq!(call, json!({"args": ["T", "b (h a) w c -> b h (w a) c"], "kwargs": {"a": 2}}));
    let (_, _, call) = saved(&ops::get_item(x, [ops::Index::Ellipsis, ops::Index::At(2)]), &[x]);
    let ellipsis = json!({"class_name": "__ellipsis__", "config": {}});
    assert_eq!(call, json!({"args": ["T", [ellipsis, 2]], "kwargs": {}}));
}

#[test]
fn a_saved_model_computes_the_same() {
    let x = image();
    let kernel =
        ops::constant(Tensor::new([2, 2, 4, 3], (0..48).map(|i| (i % 7) as f32 * 0.25).collect()).unwrap());
    let y = ops::conv(&x, kernel, 1, "same", "channels_last", 1);
    let y = ops::layer_normalization(&y, None, None, -1, None, false);
    let y = ops::rearrange(&y, "b (h a) w c -> b h (w a) c", [("a", 2)]);
    let y = ops::get_item(&y, [ops::Index::Ellipsis, ops::Index::At(1)]);
    let y = ops::add(&y, ops::constant(ops::arange(16, None, None, Some(DType::F32)).unwrap()));
    let mut model = Model::new([x], [y]).unwrap();
    let mut again = cornu::models::model_from_json(&model.to_json().unwrap()).unwrap();
    let data = random::normal([2, 8, 8, 4], 0.0, 1.0, None, 1).unwrap();
    let (a, b) =
        (model.predict(&data, Predict::new().verbose(0)), again.predict(&data, Predict::new().verbose(0)));
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(model.to_json().unwrap(), again.to_json().unwrap());
}

/// A layer of ops: convolution, attention, normalization.
#[layer("test")]
pub struct Mixed {}

impl Layer for Mixed {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add("kernel", [3, 2, 2], &"glorot_uniform".into());
        weights.add("gamma", [2], &"ones".into());
        Ok(())
    }
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let y = ops::conv(x, &cx.weight("kernel")?, 1, "causal", "channels_last", 1);
        let heads = ops::expand_dims(&y, 2);
        let y = ops::dot_product_attention(&heads, &heads, &heads, None, None, None, true, None, None);
        Ok(ops::rms_normalization(ops::squeeze(&y, 2), Some(&cx.weight("gamma")?), -1, None))
    }
}

#[test]
fn gradients_go_through() {
    utils::set_random_seed(2);
    let mut model = Sequential::new().add(Input::new([6, 2])).add(Mixed::new());
    model.compile(Compile::new(Adam::new().learning_rate(0.05), "mse")).unwrap();
    let x = random::normal([16, 6, 2], 0.0, 1.0, None, 3).unwrap();
    let y = ops::multiply(&x, 0.5).unwrap();
    let history = model.fit(&x, &y, Fit::new().epochs(20).verbose(0)).unwrap();
    assert!(history.last("loss").unwrap() < history.get("loss")[0] * 0.8, "{history:?}");
}

#[test]
fn mistakes_are_errors() {
    let x = Tensor::zeros([1, 4, 4, 3], DType::F32);
    let fails = |y: Result<Tensor>, words: &[&str]| {
        let e = y.unwrap_err().to_string();
        assert!(words.iter().all(|w| e.contains(w)), "{e}");
    };
    fails(ops::max_pool(&x, [2, 2, 2], None, "valid", "channels_last"), &["pool_size", "2 axes"]);
    fails(ops::max_pool(&x, 0, None, "valid", "channels_last"), &["pool_size", "positive"]);
    fails(ops::max_pool(&x, 2, None, "sam", "channels_last"), &["sam", "same"]);
    fails(ops::max_pool(&x, 9, None, "valid", "channels_last"), &["does not fit"]);
    let kernel = Tensor::zeros([3, 3, 2, 4], DType::F32);
    fails(ops::conv(&x, &kernel, 1, "valid", "channels_last", 1), &["kernel", "3 channels"]);
    fails(ops::conv_transpose(&x, &kernel, 1, "valid", None, "channels_last", 1), &["4 channels"]);
    let q = Tensor::zeros([1, 4, 3, 2], DType::F32);
    fails(
        ops::dot_product_attention(&q, &q, &q, None, None, None, false, Some(true), None),
        &["flash_attention"],
    );
    fails(ops::dot_product_attention(&q, &q, &q, None, None, None, false, None, Some(1.0)), &["soft_cap"]);
    let one = Tensor::zeros([1, 4, 2, 2], DType::F32);
    fails(ops::dot_product_attention(&q, &one, &one, None, None, None, false, None, None), &["do not suit"]);
    fails(ops::fold(Tensor::zeros([1, 8, 8], DType::F32), 4, 2, 1, 0, 1), &["3 x 3 windows"]);
    fails(ops::rearrange(&x, "b (h k) w c -> b h k", []), &["lengths"]);
    fails(ops::rearrange(&x, "b h w c -> b h w", []), &["once"]);
    fails(ops::rearrange(&x, "b h w c -> b h w c", [("k", 2)]), &["no axis `k`"]);
    fails(ops::rearrange(&x, "b h w c", []), &["->"]);
    fails(
        ops::batch_normalization(
            &x,
            Tensor::zeros([2], DType::F32),
            Tensor::zeros([3], DType::F32),
            -1,
            None,
            None,
            1e-3,
        ),
        &["mean", "length 3"],
    );
    let e = ops::moments(&x, [0], false, true).unwrap_err().to_string();
    assert!(e.contains("synchronized"), "{e}");
    let e =
        ops::ctc_decode(Tensor::zeros([1, 2, 3], DType::F32), Tensor::from([2i32]), "best", 1, 1, true, 0);
    assert!(e.unwrap_err().to_string().contains("best"));
    let logits = Tensor::zeros([1, 2, 3], DType::F32);
    let e = ops::ctc_decode(&logits, Tensor::from([2i32]), "greedy", 1, 1, true, 3).unwrap_err().to_string();
    assert!(e.contains("mask_index") && e.contains("below 3"), "{e}");
}

#[test]
fn nothing_panics_on_what_makes_no_sense() {
    let image = Tensor::zeros([1, 4, 4, 3], DType::F32);
    let huge = 1 << 40;
    let refused: Vec<Result<Tensor>> = vec![
        ops::max_pool(&image, 9, None, "valid", "channels_first"),
        ops::conv(&image, Tensor::zeros([9, 9, 4, 1], DType::F32), 1, "valid", "channels_first", 1),
        ops::max_pool(Tensor::from([1f32]), 2, None, "valid", "channels_first"),
        ops::separable_conv(
            &image,
            Tensor::zeros([1, 1, 3, 1], DType::F32),
            Tensor::zeros([3], DType::F32),
            1,
            "same",
            "channels_last",
            1,
        ),
        ops::unfold(&image, (huge, huge), 1, 0, 1),
        ops::fold(Tensor::zeros([1, 8, 9], DType::F32), 4, huge, 1, 0, 1),
        ops::rearrange(&image, "a (b c d) e f -> a b c d e f", [("b", huge), ("c", huge)]),
        ops::bincount(Tensor::from([i64::MAX]), None, 0, false),
        ops::bincount(Tensor::from([-1i32]), None, 0, false),
        ops::full([huge, huge], 0, None),
        ops::eye(huge, None, 0, None),
        ops::hanning(usize::MAX),
        ops::quantile(Tensor::zeros([0], DType::F32), 0.5, None, "linear", false),
        ops::quantile(&image, 0.5, 7, "linear", false),
        ops::quantile(&image, 0.5, None, "median", false),
        ops::slice(&image, [0, 0], [1, 1]),
        ops::slice(&image, [0, 0, 0, 0], [1, 1, 1, 9]),
        ops::vander(&image, None, false),
        ops::view(Tensor::from([1u8, 2, 3]), Some(DType::I16)),
        ops::view(Tensor::scalar(1u8), Some(DType::I16)),
        ops::select([&image], [&image, &image], 0.0),
        ops::trapezoid(&image, Some(&Tensor::from([1f32])), 1.0, 1),
        ops::arange(0, 5, 0, None),
        ops::arange(0.0, f64::INFINITY, None, None),
    ];
    for (i, result) in refused.into_iter().enumerate() {
        assert!(result.is_err(), "case {i} gives {result:?}");
    }
    let q = Tensor::zeros([1, 4, 3, 2], DType::F32);
    let bias = Tensor::zeros([1, 3, 9, 9], DType::F32);
    assert!(ops::dot_product_attention(&q, &q, &q, Some(&bias), None, None, false, None, None).is_err());
    assert!(ops::dot_product_attention(&q, &q, &q, None, Some(&bias), None, false, None, None).is_err());
    let logits = Tensor::zeros([1, 2, 3], DType::F32);
    assert!(ops::ctc_decode(&logits, Tensor::from([2i32]), "beam_search", huge, 1, true, 0).is_err());
    assert!(ops::histogram(&image, 4, None).is_err());
    assert!(ops::histogram(Tensor::from([1f32]), huge, None).is_err());
    assert!(ops::unravel_index(Tensor::from([1i32]), [1 << 40, 1 << 40]).is_err());
    assert!(
        ops::unique(Tensor::zeros([0], DType::F32), true, false, false, false, None, None, None).is_err()
    );
    assert!(ops::nonzero(Tensor::scalar(1f32)).is_err());
    // In a graph the size must be known.
    let x = Input::new([4]).name("x").tensor();
    for y in [ops::nonzero(&x).remove(0), ops::bincount(ops::cast(&x, DType::I32), None, 0, false)] {
        let e = Model::new([x.clone()], [y]).unwrap_err().to_string();
        assert!(e.contains("depends on the numbers"), "{e}");
    }
    let y = ops::unique(&x, true, false, false, false, None, None, None).remove(0);
    assert!(Model::new([x.clone()], [y]).unwrap_err().to_string().contains("give it a `size`"));
    let y = ops::unique(&x, true, true, false, false, Some(1), Some(3), None);
    assert_eq!((y[0].shape().to_string(), y[1].shape().to_string()), ("(None, 3)".into(), "(3,)".into()));
}

/// Logits of five steps and four classes, the first of which stands between labels.
fn logits() -> Tensor {
    let numbers = vec![
        1.79f32, 0.44, 0.1, -1.86, -0.28, -0.35, -0.08, -0.63, -0.04, -0.48, -1.31, 0.88, 0.88, 1.71, 0.05,
        -0.4, -0.55, -1.55, 0.98, -1.1,
    ];
    Tensor::new([1, 5, 4], numbers).unwrap()
}

#[track_caller]
fn near(y: f64, expected: f64) {
    assert!((y - expected).abs() <= 2e-5 * expected.abs().max(1.0), "{y} is not {expected}");
}

/// The numbers are those of Keras on JAX, which counts no fewer labels and steps than none, and no more than there are.
#[test]
fn ctc_with_any_lengths() {
    let loss = |target: [i32; 3], logits: &Tensor, labels: Tensor, steps: Tensor| {
        let y = ops::ctc_loss(Tensor::from([target]), logits, labels, steps, 0).unwrap();
        assert_eq!(y.shape(), [1]);
        y.to_f64()[0]
    };
    for (labels, steps, expected) in [
        (3, 5, 3.5967932),
        (2, 5, 4.665001),
        (1, 2, 1.3753545),
        (0, 5, 6.494298),
        (0, 0, 0.0),
        (-1, 5, 6.494298),
        (i32::MIN, 5, 6.494298),
        (4, 5, 3.5967932),
        (1000, 5, 3.5967932),
        (3, 0, 99999.305),
        (3, -3, 99999.305),
        (3, 1, 99999.445),
        (3, 99, 3.5967932),
        (3, i32::MAX, 3.5967932),
    ] {
        let y = loss([1, 1, 2], &logits(), Tensor::from([labels]), Tensor::from([steps]));
        assert!(
            (y - expected).abs() <= 2e-5 * expected.abs().max(1.0),
            "{labels} {steps}: {y} is not {expected}"
        );
    }
    // Lengths that are no whole numbers: cut off, and none where there is no number.
    let floats =
        |labels: f32, steps: f32| loss([1, 1, 2], &logits(), Tensor::from([labels]), Tensor::from([steps]));
    near(floats(2.7, 4.9), 3.2681646);
    near(floats(f32::NAN, 5.0), 6.494298);
    near(floats(3.0, f32::NAN), 99999.305);
    near(floats(f32::INFINITY, f32::INFINITY), 3.5967932);
    // Labels that are no class, and the blank among them.
    let whole = |target| loss(target, &logits(), Tensor::from([3]), Tensor::from([5]));
    for (target, expected) in [
        ([1, 0, 2], 2.940404),
        ([-1, 1, 2], -0.14252932),
        ([1, 4, 2], 0.6758199),
        ([1, 2, i32::MAX], 2.0722392),
    ] {
        near(whole(target), expected);
    }
    // What is no number spoils the steps that count alone: where Keras multiplies by nothing, these are left out.
    let mut numbers = logits().to_vec::<f32>().unwrap();
    numbers[13] = f32::NAN;
    let spoilt = Tensor::new([1, 5, 4], numbers).unwrap();
    let of = |steps: i32, logits: &Tensor| loss([1, 1, 2], logits, Tensor::from([3]), Tensor::from([steps]));
    assert!(of(5, &spoilt).is_nan() && of(4, &spoilt).is_nan());
    assert_eq!(of(3, &spoilt), of(3, &logits()));
}

/// As the loss of a model, with targets that are no labels: a number, and a step whose weights stay numbers.
#[test]
fn ctc_of_any_labels() {
    for (target, expected) in [
        ([1, 1, 2], 3.5967932),
        ([1, 2, 0], 2.634411),
        ([0, 0, 0], 6.494298),
        ([0, 1, 2], 2.9705753),
        ([-1, 1, 2], -0.14252932),
        ([7, 1, 2], -0.14252932),
    ] {
        let mut model =
            Sequential::new().add(Input::new([5, 4])).add(Dense::new(4).kernel_initializer("identity"));
        model.compile(Compile::new("sgd", "ctc")).unwrap();
        let y = Tensor::from([target]);
        let history = model.fit(logits(), &y, Fit::new().epochs(2).verbose(0)).unwrap();
        near(history.get("loss")[0], expected);
        assert!(model.get_weights().unwrap().iter().all(|w| w.to_f64().iter().all(|x| x.is_finite())));
        assert!(history.get("loss")[1] < expected, "{target:?}: {history:?}");
    }
}

#[test]
fn ctc_of_wrong_shapes_is_refused() {
    let (target, one) = (|| Tensor::from([[1, 1, 2]]), || Tensor::from([3]));
    let loss = |target: Tensor, logits: &Tensor, labels: Tensor, steps: Tensor, blank| {
        ops::ctc_loss(target, logits, labels, steps, blank).map(|y| y.shape().to_vec())
    };
    let all = [
        loss(target(), &logits(), Tensor::from([3, 3]), one(), 0),
        loss(target(), &logits(), Tensor::scalar(3), one(), 0),
        loss(target(), &logits(), one(), Tensor::from([[5]]), 0),
        loss(target(), &logits(), one(), Tensor::zeros([0], DType::I32), 0),
        loss(Tensor::from([1, 1, 2]), &logits(), one(), one(), 0),
        loss(Tensor::from([[1, 1], [2, 2]]), &logits(), one(), one(), 0),
        loss(target(), &Tensor::zeros([5, 4], DType::F32), one(), one(), 0),
        loss(target(), &Tensor::zeros([1, 0, 4], DType::F32), one(), one(), 0),
        loss(target(), &logits(), one(), one(), 4),
        loss(target(), &logits(), one(), one(), usize::MAX),
    ];
    for (i, result) in all.into_iter().enumerate() {
        assert!(result.is_err(), "case {i} gives {result:?}");
    }
    // No labels, and no samples, are sizes like others.
    assert_eq!(loss(Tensor::zeros([1, 0], DType::I32), &logits(), one(), one(), 0).unwrap(), [1]);
    let none = Tensor::zeros([0], DType::I32);
    let empty = Tensor::zeros([0, 5, 4], DType::F32);
    assert_eq!(loss(Tensor::zeros([0, 3], DType::I32), &empty, none.clone(), none, 0).unwrap(), [0]);
}
