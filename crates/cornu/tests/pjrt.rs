//! Whole models on a PJRT plugin: the mock, which interprets, or the one of `CORNU_PJRT_PLUGIN`, which only comes near.
#![allow(clippy::unwrap_used, missing_docs)]
use cornu::backend;
use cornu::prelude::*;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};

/// What has state: dropout, moving means, a loop over time, an optimizer with slots.
fn trained(engine: &str, steps: usize) -> (History, Vec<Tensor>, Logs, Tensor) {
    backend::set(engine).unwrap();
    utils::clear_session();
    utils::set_random_seed(7);
    let mut model = Sequential::new()
        .add(Input::new([4, 3]))
        .add(Dense::new(4).activation("relu"))
        .add(BatchNormalization::new())
        .add(Dropout::new(0.3))
        .add(GRU::new(3))
        .add(Dense::new(3).activation("softmax"));
    let compile = Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"]);
    model.compile(compile.steps_per_execution(steps)).unwrap();
    // Five batches, the last of which is smaller.
    let x: Vec<f32> = (0..17 * 12).map(|i| ((i * 37 % 101) as f32 - 50.0) / 40.0).collect();
    let y: Vec<i32> = (0..17).map(|i| i * 7 % 3).collect();
    let (x, y) = (Tensor::new([17, 4, 3], x).unwrap(), Tensor::from(y));
    let fit = Fit::new().batch_size(4).epochs(2).verbose(0).validation_data((&x, &y));
    let history = model.fit(&x, &y, fit).unwrap();
    let logs = model.evaluate(&x, &y, Evaluate::new().batch_size(4).verbose(0)).unwrap();
    let y_pred = model.predict(&x, Predict::new().batch_size(4).verbose(0)).unwrap();
    (history, model.get_weights().unwrap(), logs, y_pred)
}

/// The largest difference; 0 for the same bits only.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let most = a.to_f64().iter().zip(&b.to_f64()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    if a.bytes() == b.bytes() { 0.0 } else { most.max(f64::MIN_POSITIVE) }
}

#[test]
fn training() {
    let real = std::env::var_os("CORNU_PJRT_PLUGIN").is_some_and(|v| !v.is_empty());
    if !real {
        let exe = std::env::current_exe().unwrap();
        let mock = exe.parent().unwrap().join(format!("{DLL_PREFIX}cornu_xla_mock{DLL_SUFFIX}"));
        // SAFETY: the only test of this process has not started anything yet.
        unsafe {
            std::env::set_var("CORNU_PJRT_PLUGIN", mock);
            std::env::set_var("CORNU_CACHE_DIR", "");
        }
    }
    let expected = trained("reference", 1);
    // The interpreter rounds to float32 between executions only.
    for (steps, tolerance) in [(1, 0.0), (2, 1e-5), (3, 1e-5)] {
        let tolerance = if real { 1e-4 } else { tolerance };
        let got = trained("pjrt", steps);
        for name in ["loss", "accuracy", "val_loss", "val_accuracy"] {
            let (a, b) = (got.0.get(name).to_vec(), expected.0.get(name).to_vec());
            assert!(
                apart(&Tensor::from(a), &Tensor::from(b)) <= tolerance,
                "{name}: {:?}, {:?}",
                got.0,
                expected.0
            );
        }
        for (a, b) in got.1.iter().zip(&expected.1) {
            assert!(apart(a, b) <= tolerance, "weights differ by {}", apart(a, b));
        }
        assert!((got.2.get("loss").unwrap() - expected.2.get("loss").unwrap()).abs() <= tolerance);
        assert!(
            apart(&got.3, &expected.3) <= tolerance,
            "predictions differ by {}",
            apart(&got.3, &expected.3)
        );
    }
}
