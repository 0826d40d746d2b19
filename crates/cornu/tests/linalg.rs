//! Linear algebra and Fourier transforms of `cornu::ops`: shapes, configs and values as Keras 3.15.1 gives them.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::ops;
use cornu::prelude::*;
use serde_json::{Value as Json, json};

fn input(shape: &[usize]) -> KerasTensor {
    Input::new(shape).tensor()
}

fn specs(ys: &[KerasTensor]) -> Vec<String> {
    ys.iter().map(|y| format!("{} {}", y.shape(), y.dtype())).collect()
}

#[test]
fn specs_of_symbolic_results() {
    let (square, wide, sound) = (&input(&[3, 3]), &input(&[3, 4]), &input(&[50]));
    let of = |y: KerasTensor| specs(&[y]).remove(0);
    assert_eq!(of(ops::cholesky(square, false)), "(None, 3, 3) float32");
    assert_eq!(of(ops::det(square)), "(None,) float32");
    assert_eq!(of(ops::pinv(wide, None)), "(None, 4, 3) float32");
    assert_eq!(of(ops::matrix_rank(wide, None)), "(None,) int32");
    assert_eq!(of(ops::solve(square, wide)), "(None, 3, 4) float32");
    assert_eq!(of(ops::solve_triangular(square, input(&[3]), true)), "(None, 3) float32");
    assert_eq!(of(ops::norm(wide, 2, [1, 2], true)), "(None, 1, 1) float32");
    assert_eq!(of(ops::cdist(wide, input(&[5, 4]))), "(None, 3, 5) float32");
    assert_eq!(specs(&ops::lu_factor(wide)), ["(None, 3, 4) float32", "(None, 3) int32"]);
    assert_eq!(specs(&ops::slogdet(square)), ["(None,) float32", "(None,) float32"]);
    assert_eq!(specs(&ops::eigh(square)), ["(None, 3) float32", "(None, 3, 3) float32"]);
    assert_eq!(specs(&ops::qr(wide, "complete")), ["(None, 3, 3) float32", "(None, 3, 4) float32"]);
    let full = ["(None, 3, 3) float32", "(None, 3) float32", "(None, 4, 4) float32"];
    assert_eq!(specs(&ops::svd(wide, true, true)), full);
    assert_eq!(specs(&ops::svd(wide, false, true))[2], "(None, 3, 4) float32");
    assert_eq!(specs(&ops::svd(wide, true, false)), ["(None, 3) float32"]);
    assert_eq!(specs(&ops::rfft(sound, None)), vec!["(None, 26) float32"; 2]);
    assert_eq!(
        specs(&ops::stft(sound, 8, 3, 12, Some("hann".into()), true)),
        vec!["(None, 17, 7) float32"; 2]
    );
    assert_eq!(of(ops::irfft([sound, sound], Some(9))), "(None, 9) float32");
    assert_eq!(of(ops::extract_sequences(sound, 4, 3)), "(None, 16, 4) float32");
}

/// The layer that made `y`, as Keras would save it: module, class, config without the name.
fn saved(x: &KerasTensor, y: &KerasTensor) -> (String, String) {
    let model = Model::new([x.clone()], [y.clone()]).unwrap();
    let saved = model.operations().pop().unwrap().saved().unwrap();
    let mut config = saved["config"].clone();
    config.as_object_mut().unwrap().shift_remove("name");
    let class = format!("{}.{}", saved["module"].as_str().unwrap(), saved["class_name"].as_str().unwrap());
    (class.replace("keras.src.ops.", ""), config.to_string())
}

#[test]
fn configs_are_keras_s() {
    let (m, x) = (&input(&[3, 3]), &input(&[8]));
    let check = |of: &KerasTensor, y: &KerasTensor, class: &str, config: Json| {
        assert_eq!(saved(of, y), (class.to_string(), config.to_string()));
    };
    let first = |ys: Vec<KerasTensor>| ys[0].clone();
    check(m, &ops::cholesky(m, true), "linalg.Cholesky", json!({"upper": true}));
    check(
        m,
        &ops::norm(m, "fro", [1, 2], false),
        "linalg.Norm",
        json!({"ord": "fro", "axis": [1, 2], "keepdims": false}),
    );
    check(
        m,
        &ops::norm(m, None, -1, false),
        "linalg.Norm",
        json!({"ord": null, "axis": -1, "keepdims": false}),
    );
    check(
        m,
        &ops::norm(m, 2.5, -1, false),
        "linalg.Norm",
        json!({"ord": 2.5, "axis": -1, "keepdims": false}),
    );
    check(m, &ops::pinv(m, None), "linalg.Pinv", json!({"rcond": null}));
    check(m, &ops::logdet(m), "math.Logdet", json!({}));
    check(m, &first(ops::slogdet(m)), "numpy.Slogdet", json!({}));
    check(m, &first(ops::qr(m, "reduced")), "linalg.Qr", json!({"mode": "reduced"}));
    let svd = json!({"full_matrices": true, "compute_uv": true});
    check(m, &first(ops::svd(m, true, true)), "linalg.SVD", svd);
    check(m, &ops::solve_triangular(m, m, false), "linalg.SolveTriangular", json!({"lower": false}));
    check(m, &ops::cdist(m, m), "math.CDist", json!({}));
    check(x, &first(ops::fft([x, x])), "math.FFT", json!({}));
    check(x, &ops::irfft([x, x], Some(9)), "math.IRFFT", json!({"fft_length": 9}));
    check(x, &ops::conj(x), "numpy.Conjugate", json!({}));
    let stft = json!({"sequence_length": 4, "sequence_stride": 2, "fft_length": 6, "window": "hann", "center": true});
    check(x, &first(ops::stft(x, 4, 2, 6, Some("hann".into()), true)), "math.STFT", stft);
}

#[test]
fn infinite_orders_are_saved_as_python_writes_them() {
    let x = input(&[3]);
    let model = Model::new([x.clone()], [ops::norm(&x, f64::NEG_INFINITY, 1, false)]).unwrap();
    let json = model.to_json().unwrap();
    assert!(json.contains("\"ord\": -Infinity"), "{json}");
    let mut same = saving::model_from_json(&json).unwrap();
    let x = Tensor::from([[3f32, -2.0, 5.0]]);
    assert_eq!(same.predict(&x, Predict::new()).unwrap().to_f64(), [2.0]);
}

#[track_caller]
fn close(got: &Tensor, want: &[f64]) {
    let got = got.to_f64();
    let near =
        got.len() == want.len() && got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 1e-5 * (1.0 + w.abs()));
    assert!(near, "{got:?}, want {want:?}");
}

#[test]
fn host_tensors() {
    let m = &Tensor::from([[4f32, 2.0], [2.0, 3.0]]);
    close(&ops::cholesky(m, false).unwrap(), &[2.0, 0.0, 1.0, 2f64.sqrt()]);
    close(&ops::inv(m).unwrap(), &[0.375, -0.25, -0.25, 0.5]);
    close(&ops::det(m).unwrap(), &[8.0]);
    close(&ops::solve(m, Tensor::from([8f32, 8.0])).unwrap(), &[1.0, 2.0]);
    close(&ops::norm(m, "nuc", None::<i64>, false).unwrap(), &[7.0]);
    close(&ops::det(Tensor::from([[1i32, 2], [3, 4]])).unwrap(), &[-2.0]);
    // float64 stays, and float16 comes back.
    let wide = ops::det(m.cast(DType::F64)).unwrap();
    assert_eq!((wide.dtype(), (wide.item().unwrap() - 8.0).abs() < 1e-14), (DType::F64, true));
    assert_eq!(ops::inv(m.cast(DType::F16)).unwrap().dtype(), DType::F16);

    let a = &Tensor::new([3, 2], vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let qr = ops::qr(a, "reduced").unwrap();
    close(&qr[0], &[-0.16903079, 0.897085, -0.5070925, 0.2760267, -0.8451542, -0.34503305]);
    close(&ops::matmul(&qr[0], &qr[1]).unwrap(), &a.to_f64());
    let svd = ops::svd(a, false, true).unwrap();
    close(&svd[1], &[9.525518, 0.5143006]);
    let scaled = ops::multiply(&svd[0], &svd[1]).unwrap();
    close(&ops::matmul(&scaled, &svd[2]).unwrap(), &a.to_f64());
    assert_eq!(ops::svd(a, true, true).unwrap()[0].shape(), [3, 3]);

    let (re, im) = (Tensor::from([1f32, 2.0, 3.0, 4.0]), Tensor::zeros([4], DType::F32));
    let y = ops::fft([&re, &im]).unwrap();
    close(&y[0], &[10.0, -2.0, -2.0, -2.0]);
    close(&y[1], &[0.0, 2.0, 0.0, -2.0]);
    let half = ops::rfft(&re, None).unwrap();
    close(&ops::irfft([&half[0], &half[1]], None).unwrap(), &re.to_f64());
    let sound = Tensor::new([40], (0..40).map(|i| (i as f32 * 0.3).sin()).collect()).unwrap();
    let pieces = ops::stft(&sound, 8, 4, 8, Some("hann".into()), true).unwrap();
    close(&ops::istft(&pieces, 8, 4, 8, None, Some("hann".into()), true).unwrap(), &sound.to_f64());
}

/// What of a matrix is learned through its inverse.
#[test]
fn gradients_reach_the_weights() {
    utils::set_random_seed(1);
    let x = input(&[4]);
    let m = ops::reshape(Dense::new(4).apply(&x), [-1, 2, 2]);
    let unit = ops::constant(ops::identity(2, None).unwrap());
    let steady = ops::add(ops::matmul(&m, ops::swapaxes(&m, 1, 2)), unit);
    let y = ops::add(ops::norm(ops::inv(&steady), 2, [1, 2], false), ops::slogdet(&steady).remove(1));
    let mut model = Model::new([x], [y]).unwrap();
    model.compile(Compile::new(Adam::new().learning_rate(0.05), "mse")).unwrap();
    let data = Tensor::new([8, 4], (0..32).map(|i| (i as f32 * 0.7).sin()).collect()).unwrap();
    let target = Tensor::full([8], DType::F32, 2.0);
    let history = model.fit(&data, &target, Fit::new().epochs(10).verbose(0)).unwrap();
    assert!(history.last("loss").unwrap() < history.get("loss")[0] * 0.8, "{history:?}");
}

#[test]
fn mistakes_are_errors() {
    let (square, wide, vector) = (
        Tensor::zeros([3, 3], DType::F32),
        Tensor::zeros([3, 4], DType::F32),
        Tensor::zeros([3], DType::F32),
    );
    #[track_caller]
    fn fails<T: std::fmt::Debug>(result: cornu::Result<T>, words: &str) {
        let e = result.unwrap_err().to_string();
        assert!(e.contains(words), "{e}");
    }
    fails(ops::det(&wide), "expected a square matrix, got shape [3, 4]");
    fails(ops::inv(&vector), "expected an input of rank >= 2, got shape [3]");
    fails(ops::svd(&vector, true, true), "rank >= 2");
    fails(ops::qr(&square, "raw"), "mode of qr");
    fails(ops::solve(&square, Tensor::zeros([4, 2], DType::F32)), "incompatible shapes");
    fails(ops::solve(Tensor::zeros([2, 3, 3], DType::F32), Tensor::zeros([2, 3], DType::F32)), "expand_dims");
    fails(ops::norm(&vector, "fro", 0, false), "for matrices");
    fails(ops::norm(&square, "l2", None::<i64>, false), "order of norm");
    fails(ops::norm(&square, 3, [0, 1], false), "no matrix norm of order 3");
    fails(ops::lstsq(&square, Tensor::zeros([4], DType::F32), None), "takes a of (m, n)");
    fails(ops::cdist(&square, &wide), "whose batches broadcast");
    fails(ops::fft([&square, &wide]), "one shape");
    fails(ops::fft([&square]), "takes two tensors");
    let i = Tensor::from([1i32, 2]);
    fails(ops::fft([&i, &i]), "takes floats");
    let sound = Tensor::zeros([50], DType::F32);
    fails(ops::stft(&sound, 8, 0, 8, None, true), "sequence_stride");
    fails(ops::stft(&sound, 8, 2, 4, None, true), "fft_length");
    fails(ops::stft(&sound, 8, 2, 8, Some("boxcar".into()), true), "boxcar");
    fails(ops::stft(&vector, 8, 3, 16, None, false), "longer than the signal");
}

#[test]
fn eigenvalues_of_any_matrix() {
    let a = cornu::random::normal([2, 1, 5, 5], 0.0, 1.0, None, 4).unwrap();
    let [re, im, u, v] = ops::eig(&a).unwrap();
    assert_eq!((re.shape(), v.shape()), (&[2, 1, 5][..], &[2, 1, 5, 5][..]));
    // `a (u + iv) = (u + iv) (re + i im)`
    let row = |x: &Tensor| ops::expand_dims(x, -2).unwrap();
    let product = |a: &Tensor, b: &Tensor| ops::multiply(a, row(b)).unwrap();
    let pairs = [
        (ops::matmul(&a, &u), ops::subtract(product(&u, &re), product(&v, &im))),
        (ops::matmul(&a, &v), ops::add(product(&u, &im), product(&v, &re))),
    ];
    for (got, want) in pairs {
        assert!(ops::allclose(got.unwrap(), want.unwrap(), 0.0, 1e-5, false).unwrap().item().unwrap() == 1.0);
    }
    let bad = Tensor::from([[f32::NAN, 1.0], [1.0, 2.0]]);
    assert!(ops::eig(&bad).unwrap()[0].to_f64().iter().all(|x| x.is_nan()));
    assert_eq!(ops::eig(&Tensor::zeros([0, 0], DType::F32)).unwrap()[2].shape(), [0, 0]);
    assert!(ops::eig(&Tensor::zeros([2, 3], DType::F32)).unwrap_err().to_string().contains("square"));
    assert!(ops::eig(&Tensor::zeros([3], DType::F32)).is_err());
}

#[test]
fn complex_numbers_are_pairs() {
    let (abs, angle) = (Tensor::from([2f32, 0.5]), Tensor::from([0.3f32, -2.0]));
    let y = ops::polar(&abs, &angle).unwrap();
    // Of Keras on JAX.
    let close = |got: &Tensor, want: [f32; 2]| {
        let near = ops::allclose(got, Tensor::from(want), 1e-6, 0.0, false).unwrap();
        assert_eq!(near.item().unwrap(), 1.0, "{got:?}, want {want:?}");
    };
    close(&y[0], [1.910_673, -0.208_073_4]);
    close(&y[1], [0.591_040_43, -0.454_648_73]);
    let (r, a) = (input(&[4]), input(&[4]));
    let parts = ops::polar(&r, &a);
    assert_eq!(specs(&parts), ["(None, 4) float32"; 2]);
    // Saved as the ops it is made of, which Keras reads.
    let model = Model::new([r, a], parts).unwrap();
    let classes: Vec<String> = model.operations().iter().map(|l| l.class_name().to_string()).collect();
    assert!(["Cos", "Sin", "Multiply"].iter().all(|c| classes.contains(&c.to_string())), "{classes:?}");
    assert_eq!(specs(&ops::view_as_complex(input(&[5, 2]))), ["(None, 5) float32"; 2]);
    assert!(ops::view_as_complex(Tensor::zeros([2, 3], DType::F32)).is_err());
}
