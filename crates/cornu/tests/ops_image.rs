//! Transforms of images of `cornu::ops` that no file of numbers from Keras holds: configs, gradients, random ones.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use cornu::{Value, ops};
use serde_json::{Value as Json, json};

const LAST: &str = "channels_last";

fn input(shape: &[usize]) -> KerasTensor {
    Input::new(shape).tensor()
}

/// The op that made `y`, as Keras saves it: class, config without the name, shape of the result, and what it was called on,
/// with `T` for tensors.
fn saved(y: &KerasTensor, inputs: &[&KerasTensor]) -> String {
    let model = Model::new(inputs.iter().map(|&x| x.clone()).collect::<Vec<_>>(), [y.clone()]).unwrap();
    let text = model.to_json().unwrap();
    let again = cornu::models::model_from_json(&text).unwrap();
    let config: Json = serde_json::from_str(&text).unwrap();
    let known: Json = serde_json::from_str(&again.to_json().unwrap()).unwrap();
    assert_eq!(known, config);
    let layer = config["config"]["layers"].as_array().unwrap().last().unwrap();
    let mut settings = layer["config"].clone();
    settings.as_object_mut().unwrap().shift_remove("name");
    assert_eq!(layer["module"], "keras.src.ops.image");
    let args = layer["inbound_nodes"][0]["args"].as_array().unwrap().iter().map(|a| match a {
        Json::Object(map) if map["class_name"] == "__keras_tensor__" => json!("T"),
        other => other.clone(),
    });
    format!("{} {settings} {} {}", layer["class_name"].as_str().unwrap(), y.shape(), Json::from_iter(args))
}

#[test]
fn configs_are_keras_s() {
    let (x, v, p) = (&input(&[6, 5, 3]), &input(&[4, 4, 4, 2]), &input(&[4, 2]));
    let places = &Input::new([5]).batch_size(2).tensor();
    let grid = &Input::new([4]).batch_size(3).tensor();
    let check = |y: KerasTensor, inputs: &[&KerasTensor], want: &str| assert_eq!(saved(&y, inputs), want);
    check(
        ops::elastic_transform(x, 20.0, 5.0, "bilinear", "reflect", 0.0, None, LAST),
        &[x],
        r#"ElasticTransform {"alpha":20.0,"sigma":5.0,"interpolation":"bilinear","fill_mode":"reflect","fill_value":0.0,"seed":null,"data_format":"channels_last"} (None, 6, 5, 3) ["T"]"#,
    );
    check(
        ops::extract_patches_3d(v, 2, [2, 2, 2], [1, 1, 2], "valid", LAST),
        &[v],
        r#"ExtractPatches {"size":[2,2,2],"strides":[2,2,2],"dilation_rate":[1,1,2],"padding":"valid","data_format":"channels_last"} (None, 2, 2, 1, 16) ["T"]"#,
    );
    check(
        ops::map_coordinates(grid, places, 0, "reflect", 0.5),
        &[grid, places],
        r#"MapCoordinates {"order":0,"fill_mode":"reflect","fill_value":0.5} (5,) ["T","T"]"#,
    );
    check(
        ops::perspective_transform(x, p, p, "bilinear", 0, LAST),
        &[x, p],
        r#"PerspectiveTransform {"interpolation":"bilinear","fill_value":0,"data_format":"channels_last"} (None, 6, 5, 3) ["T","T","T"]"#,
    );
    check(
        ops::scale_and_translate(x, [-1, 4, 4, 3], [1.0, 2.0], [0.5, 0.5], [1, 2], "linear", true),
        &[x],
        r#"ScaleAndTranslate {"spatial_dims":[1,2],"method":"linear","antialias":true} (None, 4, 4, 3) ["T",[null,4,4,3],[1.0,2.0],[0.5,0.5]]"#,
    );
    check(
        ops::sobel_edges(x, LAST),
        &[x],
        r#"SobelEdges {"data_format":"channels_last"} (None, 6, 5, 3, 2) ["T"]"#,
    );
    check(
        ops::ssim(x, x, 1.0, 5, 1.5, 0.01, 0.03, LAST),
        &[x],
        r#"SSIM {"max_val":1.0,"filter_size":5,"filter_sigma":1.5,"k1":0.01,"k2":0.03,"data_format":"channels_last"} (None,) ["T","T"]"#,
    );
}

/// The derivative of `f` along random directions is that of finite differences.
fn differentiable(f: impl Fn(&[Value]) -> Value, x: &[Tensor]) {
    let tangents: Vec<Tensor> = (0..x.len())
        .map(|i| cornu::random::normal(x[i].shape().to_vec(), 0.0, 1.0, None, 7 + i as u64).unwrap())
        .collect();
    let weighed = |v: &[Value]| {
        let y = f(v);
        let weights = y.builder().iota(DType::F32, [y.spec().len()], 0).sin();
        vec![(y.reshape(&[y.spec().len()]) * weights).sum([0])]
    };
    let got = ops::jvp(weighed, x, &tangents, false).unwrap()[1].item().unwrap();
    let at = |step: f64| {
        let moved: Vec<Tensor> = x
            .iter()
            .zip(&tangents)
            .map(|(x, t)| ops::add(x, ops::multiply(t, step).unwrap()).unwrap())
            .collect();
        ops::jvp(weighed, &moved, &tangents, false).unwrap()[0].item().unwrap()
    };
    let step = 1e-3;
    let want = (at(step) - at(-step)) / (2.0 * step);
    assert!((got - want).abs() < 2e-2 * (1.0 + want.abs()), "{got}, by differences {want}");
    assert!(got.abs() > 1e-3);
}

#[test]
fn gradients_reach_images_and_places() {
    let image = cornu::random::uniform([2, 6, 5, 2], 0.0, 1.0, None, 1).unwrap();
    let grid = cornu::random::normal([4, 5], 0.0, 1.0, None, 2).unwrap();
    // Away from the elements, where the lines have corners.
    let places = Tensor::new([2, 4], vec![0.3f32, 1.6, 2.4, -0.7, 1.3, 3.4, 0.6, 5.3]).unwrap();
    for mode in ["constant", "reflect", "wrap"] {
        differentiable(|v| ops::map_coordinates(&v[0], &v[1], 1, mode, 1), &[grid.clone(), places.clone()]);
    }
    let start = Tensor::from([[0.13f32, 0.21], [3.9, 0.3], [0.2, 5.1], [4.1, 4.8]]);
    let end = Tensor::from([[0.4f32, 0.1], [3.1, 0.7], [0.3, 4.3], [3.6, 5.2]]);
    let aside = |v: &[Value]| ops::perspective_transform(&v[0], &v[1], &v[2], "bilinear", 0, LAST);
    differentiable(aside, &[image.clone(), start, end]);
    let (scale, translation) = (Tensor::from([0.57f32, 1.9]), Tensor::from([0.33f32, -0.81]));
    for method in ["linear", "cubic", "lanczos3"] {
        let moved =
            |v: &[Value]| ops::scale_and_translate(&v[0], [2, 4, 7, 2], &v[1], &v[2], [1, 2], method, true);
        differentiable(moved, &[image.clone(), scale.clone(), translation.clone()]);
    }
    // At the identity distances are 0, where quotients of sines must not be NaN.
    let still =
        |v: &[Value]| ops::scale_and_translate(&v[0], [2, 6, 5, 2], &v[1], &v[2], [1, 2], "lanczos3", true);
    let along = [image.clone(), Tensor::from([1f32, 1.0]), Tensor::from([0f32, 0.0])];
    let d = ops::jvp(|v: &[Value]| vec![still(v)], &along, &along, false).unwrap();
    assert!(d[1].to_f64().iter().all(|d| d.is_finite()));
    let other = cornu::random::uniform([2, 6, 5, 2], 0.0, 1.0, None, 3).unwrap();
    differentiable(|v| ops::ssim(&v[0], &v[1], 1.0, 3, 1.5, 0.01, 0.03, LAST), &[image.clone(), other]);
    differentiable(|v| ops::sobel_edges(&v[0], LAST), &[image]);
}

#[test]
fn whole_numbers_stay_whole() {
    // Of Keras on NumPy; on JAX integers become floats, against the dtype of the symbolic result.
    let x = Tensor::from([[0u8, 10, 255], [3, 4, 5]]);
    let y = ops::scale_and_translate(&x, [3, 5], [1.5, 1.6], [0.0, -0.4], [0, 1], "cubic", true).unwrap();
    assert_eq!(y.to_vec::<u8>().unwrap(), [0, 0, 88, 255, 0, 1, 0, 44, 126, 0, 3, 5, 0, 0, 0]);
    // Wrapped around exactly, where reciprocals are inexact.
    let line = Tensor::from((0..49).collect::<Vec<i32>>());
    let places = Tensor::from([[0i32, 49, -49, 98, 490_049, -1]]);
    let y = ops::map_coordinates(&line, &places, 0, "wrap", 0).unwrap();
    assert_eq!(y.to_vec::<i32>().unwrap(), [0, 0, 0, 0, 0, 48]);
    // Nothing is mixed, so that integers beyond those of float32 are exact.
    let large = Tensor::from([16_777_217i32, 5]);
    let y = ops::map_coordinates(&large, Tensor::from([[0.2f32, 0.9]]), 0, "nearest", 0).unwrap();
    assert_eq!(y.to_vec::<i32>().unwrap(), [16_777_217, 5]);
}

#[test]
fn mistakes_are_errors() {
    let x = &Tensor::zeros([4, 4, 1], DType::F32);
    let fails = |y: Result<Tensor>, words: &str| {
        let e = y.unwrap_err().to_string();
        assert!(e.contains(words), "{e}");
    };
    let places = Tensor::zeros([3, 5], DType::F32);
    fails(ops::map_coordinates(x, &places, 2, "constant", 0), "order: must be 0 or 1, got 2");
    fails(ops::map_coordinates(x, &places, 1, "mirrored", 0), "did you mean `mirror`");
    let flat = Tensor::zeros([2, 5], DType::F32);
    fails(ops::map_coordinates(x, &flat, 1, "wrap", 0), "must be (3, ..)");
    fails(ops::perspective_transform(x, &flat, &flat, "bilinear", 0, LAST), "start_points: must be (4, 2)");
    fails(ops::scale_and_translate(x, [4, 4], [1.0], [1.0], [0], "linear", true), "output_shape");
    fails(ops::scale_and_translate(x, [-1, 4, 1], [1.0], [1.0], [0], "linear", true), "output_shape");
    let batch = ops::scale_and_translate(x, [2, 9, 1], [1.0], [1.0], [0], "linear", true).unwrap();
    assert_eq!(batch.shape(), [2, 4, 1]);
    fails(
        ops::scale_and_translate(x, [4, 4, 1], [1.0], [1.0, 2.0], [0], "linear", true),
        "scale and translation",
    );
    fails(ops::scale_and_translate(x, [4, 4, 1], [1.0], [1.0], [0], "nearest", true), "method");
    fails(ops::sobel_edges(x, LAST), "expected a batch");
    fails(
        ops::elastic_transform(x, 1.0, 0.0, "bilinear", "wrap", 0.0, None, LAST),
        "sigma: must be positive",
    );
    fails(ops::ssim(x, &places, 1.0, 3, 1.5, 0.01, 0.03, LAST), "of one shape");
    fails(ops::extract_patches_3d(x, [2, 2], None, 1, "valid", LAST), "size: must be positive");
    let within = ops::jvp(
        |v: &[Value]| vec![ops::elastic_transform(&v[0], 1.0, 1.0, "bilinear", "wrap", 0.0, None, LAST)],
        std::slice::from_ref(x),
        std::slice::from_ref(x),
        false,
    );
    assert!(within.unwrap_err().to_string().contains("seed: is needed"));
}

/// An image that shows its rows and columns, so that what was moved says how far.
fn ramp(size: usize) -> Tensor {
    let at = |i: usize| [(i / size) as f32, (i % size) as f32];
    Tensor::new([1, size, size, 2], (0..size * size).flat_map(at).collect()).unwrap()
}

/// Mean and deviation of both moves away from the borders, and how they go together.
fn moves(x: &Tensor, y: &Tensor, border: usize) -> [f64; 4] {
    let size = x.shape()[1];
    let apart = ops::subtract(y, x).unwrap().to_f64();
    let inner = border..size - border;
    let at = |r: usize, c: usize| [0, 1].map(|k| apart[(r * size + c) * 2 + k]);
    let moved: Vec<[f64; 2]> =
        inner.clone().flat_map(|r| inner.clone().map(move |c| (r, c))).map(|(r, c)| at(r, c)).collect();
    let n = moved.len() as f64;
    let mean = |f: &dyn Fn(&[f64; 2]) -> f64| moved.iter().map(f).sum::<f64>() / n;
    let (a, b, ab) = (mean(&|m| m[0] * m[0]), mean(&|m| m[1] * m[1]), mean(&|m| m[0] * m[1]));
    [mean(&|m| m[0] + m[1]) / 2.0, a.sqrt(), b.sqrt(), ab / (a * b).sqrt()]
}

#[test]
fn rubber_is_pulled_as_in_keras() {
    let x = ramp(40);
    let pull = |seed| ops::elastic_transform(&x, 0.5, 2.0, "bilinear", "reflect", 0.0, seed, LAST).unwrap();
    assert_eq!(pull(Some(4)), pull(Some(4)));
    // The mean of 30 fields; Keras has deviations of 0.147 (JAX), 0.150 (TensorFlow), 0.142 and 0.150 (NumPy).
    let all: Vec<[f64; 4]> = (0..30).map(|seed| moves(&x, &pull(Some(seed)), 12)).collect();
    let mean = |k: usize| all.iter().map(|m| m[k]).sum::<f64>() / 30.0;
    assert!(mean(0).abs() < 0.02 && mean(3).abs() < 0.2, "{all:?}");
    assert!((mean(1) - 0.145).abs() < 0.02 && (mean(2) - 0.145).abs() < 0.02, "{all:?}");
    let first = ops::transpose(&x, Some(vec![0, 3, 1, 2])).unwrap();
    let y = ops::elastic_transform(&first, 0.5, 2.0, "bilinear", "reflect", 0.0, Some(4), "channels_first")
        .unwrap();
    assert_eq!(ops::transpose(&y, Some(vec![0, 2, 3, 1])).unwrap(), pull(Some(4)));
}

#[test]
fn each_batch_is_pulled_otherwise_without_a_seed() {
    let x = ramp(8);
    let input = input(&[8, 8, 2]);
    let model = |seed| {
        let y = ops::elastic_transform(&input, 2.0, 2.0, "bilinear", "reflect", 0.0, seed, LAST);
        Model::new([input.clone()], [y]).unwrap()
    };
    let (mut free, mut fixed) = (model(None), model(Some(3)));
    let predict = |m: &mut Model| m.predict(&x, Predict::new().verbose(0)).unwrap();
    assert_ne!(predict(&mut free), predict(&mut free));
    assert_eq!(predict(&mut fixed), predict(&mut fixed));
    // The state of the generator is in no file, as in Keras.
    let path = std::env::temp_dir().join(format!("cornu_elastic_{}.keras", std::process::id()));
    free.save(&path).unwrap();
    let mut again: Model = saving::load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_ne!(predict(&mut again), predict(&mut free));
    assert_eq!(free.get_weights().unwrap().len(), 0);
}

#[test]
fn the_layer_pulls_while_training() {
    let x = ramp(40);
    let layer = RandomElasticTransform::new()
        .factor((1.0, 1.0))
        .scale((1.0, 1.0))
        .value_range((-100.0, 100.0))
        .seed(1);
    let builder = cornu_graph::Builder::new();
    let trace = cornu::layers::Trace::new(builder.clone(), true);
    let given = cornu::layers::Given::in_order();
    let (y, _) = trace.apply(&*layer.share(), &given, &[builder.constant(x.clone())], &[None]).unwrap();
    let values: Vec<Tensor> = trace.variables().iter().map(|(v, _, _)| v.value().unwrap()).collect();
    let y = cornu_graph::interpret(&builder.finish(&y).unwrap(), &values).unwrap().remove(0);
    // alpha 4 and sigma 2, as Keras makes them of an image of 40 pixels: eight times the moves of the function above.
    let [_, down, right, _] = moves(&x, &y, 12);
    assert!((0.6..2.0).contains(&down) && (0.6..2.0).contains(&right), "{down} {right}");
}
