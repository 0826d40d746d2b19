//! The same training on the CPU engine and on TensorFlow, where that is found (`CORNU_REQUIRE_TENSORFLOW=1`: it must be).
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::backend;
use cornu::prelude::*;
use std::sync::{Mutex, MutexGuard};

/// The engine is one for the process.
static ENGINE: Mutex<()> = Mutex::new(());

/// Keeps other tests from changing the engine; `None` where TensorFlow need not be.
fn tensorflow() -> Option<MutexGuard<'static, ()>> {
    let guard = ENGINE.lock().unwrap_or_else(|e| e.into_inner());
    let required = std::env::var_os("CORNU_REQUIRE_TENSORFLOW").is_some_and(|v| v == "1");
    let found = backend::list_devices().iter().any(|d| d.backend == "tensorflow" && d.is_found());
    if !found && !required {
        println!("skipped: there is no TensorFlow");
        return None;
    }
    Some(guard)
}

/// All that is random and all that has state: dropout, noise, moving means, a loop over time, an optimizer with slots.
fn network(dtype: &str) -> Sequential {
    utils::clear_session();
    utils::set_random_seed(3);
    let mut model = Sequential::new()
        .add(Input::new([8, 8, 1]))
        .add(Conv2D::new(6, 3).activation("relu").dtype(dtype))
        .add(BatchNormalization::new().dtype(dtype))
        .add(MaxPooling2D::new().dtype(dtype))
        .add(GaussianNoise::new(0.1).dtype(dtype))
        .add(Reshape::new([9, 6]))
        .add(LSTM::new(8).dtype(dtype))
        .add(Dropout::new(0.3).dtype(dtype))
        .add(Dense::new(3).activation("softmax"));
    model.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"])).unwrap();
    model
}

fn data() -> (Tensor, Tensor) {
    let x = random::normal([48, 8, 8, 1], 0.0, 1.0, None, Some(5)).unwrap();
    let y: Vec<i32> = (0..48).map(|i| i * i % 3).collect();
    (x, Tensor::from(y))
}

fn options<'a>() -> Fit<'a> {
    Fit::new().batch_size(12).epochs(3).validation_split(0.25).verbose(0)
}

#[track_caller]
fn near(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart <= tolerance, "{what} differ by {apart}: {a:?} and {b:?}");
}

fn fitted(engine: &str, dtype: &str) -> (Sequential, History) {
    backend::set(engine).unwrap();
    let (x, y) = data();
    let mut model = network(dtype);
    let history = model.fit(&x, &y, options()).unwrap();
    (model, history)
}

/// Losses, metrics and weights are the CPU engine's, with the same random numbers; in half precision nearly so.
#[test]
fn training() {
    let Some(_guard) = tensorflow() else { return };
    for (dtype, tolerance) in [("float32", 1e-4), ("mixed_bfloat16", 0.05), ("mixed_float16", 0.02)] {
        let (on_cpu, expected) = fitted("cpu", dtype);
        let (on_tensorflow, history) = fitted("tensorflow", dtype);
        for name in ["loss", "val_loss"] {
            near(&format!("{name} in {dtype}"), history.get(name), expected.get(name), tolerance);
        }
        let weights = on_cpu.get_weights().unwrap().into_iter().zip(on_tensorflow.get_weights().unwrap());
        for (i, (a, b)) in weights.enumerate() {
            near(&format!("weight {i} in {dtype}"), &b.to_f64(), &a.to_f64(), tolerance);
        }
    }
    backend::set("cpu").unwrap();
}

/// A model goes on with another engine where it stopped.
#[test]
fn change_of_engine() {
    let Some(_guard) = tensorflow() else { return };
    let (x, y) = data();
    let losses = |engines: [&str; 4]| -> Vec<f64> {
        let mut model = network("float32");
        let mut loss = |engine: &str| {
            backend::set(engine).unwrap();
            model.fit(&x, &y, options().epochs(1).shuffle(false)).unwrap().last("loss").unwrap()
        };
        engines.into_iter().map(&mut loss).collect()
    };
    let expected = losses(["cpu"; 4]);
    near("losses", &losses(["cpu", "tensorflow", "cpu", "tensorflow"]), &expected, 1e-4);
    backend::set("cpu").unwrap();
}

/// A step of user code follows the engine, too.
#[test]
fn custom_step() {
    let Some(_guard) = tensorflow() else { return };
    let (x, _) = data();
    let run = |engines: [&str; 2]| -> Vec<f64> {
        utils::set_random_seed(1);
        let model = Sequential::new().add(Input::new([8, 8, 1])).add(Flatten::new()).add(Dense::new(1));
        let (model, sgd) = (model.as_layer().unwrap(), SGD::new().learning_rate(0.01).into());
        let mut step = TrainStep::new(|cx, batch| {
            let loss = cx.call(&model, &batch[0], true)?.square().mean([0, 1]);
            cx.minimize(&loss, &model, &sgd)?;
            Ok(vec![("loss", loss)])
        });
        let mut one = |engine: &str| {
            backend::set(engine).unwrap();
            step.run([&x]).unwrap().get("loss").unwrap()
        };
        engines.into_iter().map(&mut one).collect()
    };
    near("losses", &run(["cpu", "tensorflow"]), &run(["cpu", "cpu"]), 1e-5);
    backend::set("cpu").unwrap();
}

/// Engines that are missing say what to do; the one in use stays.
#[test]
fn missing_engines() {
    let _guard = ENGINE.lock().unwrap_or_else(|e| e.into_inner());
    for device in backend::list_devices().iter().filter(|d| !d.is_found()) {
        let e = backend::set(device.backend).unwrap_err().to_string();
        assert!(e.starts_with("backend `") && e.contains("help: pip install"), "{e}");
    }
    assert_eq!(ops::add(Tensor::from([1f32]), Tensor::from([2f32])).unwrap().to_vec::<f32>().unwrap(), [3.0]);
}
