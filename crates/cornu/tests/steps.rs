//! How many samples a batch takes where the number of steps is given, as Keras 3.15.1 finds it.
#![allow(clippy::unwrap_used)]
use cornu::prelude::*;

fn numbers(count: usize) -> (Tensor, Tensor) {
    let column = |step: usize| {
        let values = (0..count).map(|i| (i * step % 11) as f32 / 11.0 - 0.5).collect();
        Tensor::new([count, 1], values).unwrap()
    };
    (column(7), column(3))
}

fn history(fit: Fit) -> History {
    let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1).kernel_initializer("ones"));
    model.compile(Compile::new(SGD::new().learning_rate(0.5), "mse")).unwrap();
    let (x, y) = numbers(20);
    model.fit(x, y, fit.epochs(2).shuffle(false).verbose(0)).unwrap()
}

#[test]
fn samples_last_for_the_steps() {
    let by_steps = history(Fit::new().steps_per_epoch(3));
    assert_eq!(by_steps.get("loss"), history(Fit::new().batch_size(7)).get("loss"));
    assert_ne!(by_steps.get("loss"), history(Fit::new()).get("loss"));
    // A size that is given stays.
    let given = history(Fit::new().steps_per_epoch(3).batch_size(4));
    assert_ne!(by_steps.get("loss"), given.get("loss"));
}

#[test]
fn validation_has_steps_of_its_own() {
    // 6 of 20 samples are kept: two batches of 3, not of the 5 that a batch of training has.
    let split = history(Fit::new().validation_split(0.3).steps_per_epoch(3).validation_steps(2));
    let want = history(Fit::new().validation_split(0.3).batch_size(5).validation_batch_size(3));
    assert_eq!(split.get("loss"), want.get("loss"));
    assert_eq!(split.get("val_loss"), want.get("val_loss"));
    // As many as a batch of training has, where that was given: half of the samples are seen.
    let (x, y) = numbers(8);
    let first = history(Fit::new().batch_size(4).validation_data((&x, &y)).validation_steps(1));
    let all = history(Fit::new().batch_size(4).validation_data((&x, &y)));
    assert_ne!(first.get("val_loss"), all.get("val_loss"));
}

#[test]
fn none_is_refused() {
    let (x, y) = numbers(4);
    let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1));
    model.compile(Compile::new("sgd", "mse")).unwrap();
    let error = model.evaluate(&x, &y, Evaluate::new().steps(0)).unwrap_err().to_string();
    assert!(error.contains("Evaluate.steps: must be at least 1, got 0"), "{error}");
    let error = model.predict(&x, Predict::new().steps(0)).unwrap_err().to_string();
    assert!(error.contains("Predict.steps: must be at least 1, got 0"), "{error}");
}
