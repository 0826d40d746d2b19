//! Several steps in one execution: the same numbers as one by one, and callbacks as Keras calls them.
#![allow(clippy::unwrap_used, missing_docs)]
use cornu::callbacks::{Callback, Context};
use cornu::prelude::*;
use cornu::training::Logs;

/// Features of every kind that has state: dropout's seed, moving means, a recurrent layer, a metric, Adam's slots.
fn model(steps: usize) -> Model {
    cornu::utils::set_random_seed(7);
    let x = Input::new([6, 4]).tensor();
    let h = Dense::new(8).activation("relu").apply(&x);
    let h = BatchNormalization::new().apply(&h);
    let h = Dropout::new(0.3).apply(&h);
    let h = LSTM::new(5).apply(&h);
    let y = Dense::new(3).activation("softmax").apply(&h);
    let mut model = Model::new([x], [y]).unwrap();
    let compile = Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"]);
    model.compile(compile.steps_per_execution(steps)).unwrap();
    model
}

/// 37 samples: with batches of 4, nine whole ones and one of a single sample.
fn data() -> (Tensor, Tensor) {
    let x: Vec<f32> = (0..37 * 24).map(|i| ((i * 37 % 101) as f32 - 50.0) / 40.0).collect();
    let y: Vec<i32> = (0..37).map(|i| i * 7 % 3).collect();
    (Tensor::new([37, 6, 4], x).unwrap(), Tensor::from(y))
}

#[derive(Default)]
struct Calls(Vec<String>);

impl Callback for Calls {
    fn on_train_batch_begin(&mut self, _: &mut Context, batch: usize) -> Result<()> {
        self.0.push(format!("train {batch}"));
        Ok(())
    }

    fn on_train_batch_end(&mut self, _: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        assert!(logs.get("loss").is_some());
        self.0.push(format!("to {batch}"));
        Ok(())
    }

    fn on_test_batch_begin(&mut self, _: &mut Context, batch: usize) -> Result<()> {
        self.0.push(format!("test {batch}"));
        Ok(())
    }

    fn on_test_batch_end(&mut self, _: &mut Context, batch: usize, _: &Logs) -> Result<()> {
        self.0.push(format!("to {batch}"));
        Ok(())
    }

    fn on_predict_batch_begin(&mut self, _: &mut Context, batch: usize) -> Result<()> {
        self.0.push(format!("predict {batch}"));
        Ok(())
    }

    fn on_predict_batch_end(&mut self, _: &mut Context, batch: usize, _: &[Tensor]) -> Result<()> {
        self.0.push(format!("to {batch}"));
        Ok(())
    }
}

impl Calls {
    fn take(&mut self) -> String {
        std::mem::take(&mut self.0).join(" ")
    }
}

/// Everything that training leaves, to the last bit.
fn trained(steps: usize, watched: bool) -> (History, Vec<Tensor>, Logs, Tensor) {
    let mut model = model(steps);
    let (x, y) = data();
    let mut calls = Calls::default();
    let mut fit = Fit::new().batch_size(4).epochs(3).verbose(0).validation_data((&x, &y));
    if watched {
        fit = fit.callback(&mut calls);
    }
    let history = model.fit(&x, &y, fit).unwrap();
    let weights = model.get_weights().unwrap();
    let logs = model.evaluate(&x, &y, Evaluate::new().batch_size(4).verbose(0)).unwrap();
    let y_pred = model.predict(&x, Predict::new().batch_size(4).verbose(0)).unwrap();
    (history, weights, logs, y_pred)
}

#[test]
fn same_bits() {
    let one = trained(1, false);
    for (steps, watched) in [(1, true), (3, false), (4, true), (9, false), (64, true)] {
        let several = trained(steps, watched);
        assert_eq!(several.0, one.0, "history with {steps}");
        assert_eq!(several.1.len(), one.1.len());
        for (a, b) in several.1.iter().zip(&one.1) {
            assert_eq!(a.bytes(), b.bytes(), "a weight with {steps}");
        }
        assert_eq!(several.2, one.2, "evaluation with {steps}");
        assert_eq!(several.3.shape(), [37, 3]);
        assert_eq!(several.3.bytes(), one.3.bytes(), "predictions with {steps}");
    }
}

/// As Keras 3.15.1 does, with `steps_per_execution=4` and the same data.
#[test]
fn callbacks_see_executions() {
    let (x, y) = data();
    let mut model = model(4);
    let mut calls = Calls::default();
    let all = "0 to 3 X 4 to 7 X 8 to 11";
    model.fit(&x, &y, Fit::new().batch_size(4).epochs(2).verbose(0).callback(&mut calls)).unwrap();
    let train = all.replace('X', "train");
    assert_eq!(calls.take(), format!("train {train} train {train}"));
    // An execution is never cut short by the number of steps, only by the end of the data.
    let fit = Fit::new().batch_size(4).epochs(2).steps_per_epoch(6).verbose(0).callback(&mut calls);
    model.fit(&x, &y, fit).unwrap();
    assert_eq!(calls.take(), "train 0 to 3 train 4 to 7 train 0 to 3");
    model.evaluate(&x, &y, Evaluate::new().batch_size(4).verbose(0).callback(&mut calls)).unwrap();
    assert_eq!(calls.take(), format!("test {}", all.replace('X', "test")));
    model.evaluate(&x, &y, Evaluate::new().batch_size(4).steps(3).verbose(0).callback(&mut calls)).unwrap();
    assert_eq!(calls.take(), "test 0 to 3");
    model.predict(&x, Predict::new().batch_size(4).verbose(0).callback(&mut calls)).unwrap();
    assert_eq!(calls.take(), format!("predict {}", all.replace('X', "predict")));
    let some = model.predict(&x, Predict::new().batch_size(4).steps(3).verbose(0)).unwrap();
    assert_eq!(some.shape(), [16, 3]);
}

#[test]
fn the_number_is_checked_saved_and_changed() {
    let model = model(4);
    let dir = std::env::temp_dir().join(format!("cornu-steps-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("model.keras");
    model.save(&path).unwrap();
    let mut loaded = saving::load_model(&path).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let (x, y) = data();
    let mut calls = Calls::default();
    fn evaluate(calls: &mut Calls) -> Evaluate<'_> {
        Evaluate::new().batch_size(4).verbose(0).callback(calls)
    }
    loaded.evaluate(&x, &y, evaluate(&mut calls)).unwrap();
    assert_eq!(calls.take(), "test 0 to 3 test 4 to 7 test 8 to 11");
    loaded.set_steps_per_execution(20).unwrap();
    loaded.evaluate(&x, &y, evaluate(&mut calls)).unwrap();
    assert_eq!(calls.take(), "test 0 to 19");

    let zero = "Compile.steps_per_execution: must be at least 1, got 0";
    assert_eq!(loaded.set_steps_per_execution(0).unwrap_err().to_string(), zero);
    let e = loaded.compile(Compile::new("sgd", "mse").steps_per_execution(0)).unwrap_err();
    assert_eq!(e.to_string(), zero);
}
