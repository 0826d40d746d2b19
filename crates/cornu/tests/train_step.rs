//! Training steps written by hand.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::optimizers::Optimizer;
use cornu::prelude::*;

fn samples() -> (Tensor, Tensor) {
    let wave = |n: usize, f: f32| (0..n).map(|i| (i as f32 * f).sin()).collect();
    (Tensor::new([8, 3], wave(24, 0.7)).unwrap(), Tensor::new([8, 2], wave(16, 1.3)).unwrap())
}

fn stack() -> Sequential {
    Sequential::new()
        .add(Input::new([3]))
        .add(Dense::new(5).activation("tanh").kernel_regularizer("l2"))
        .add(BatchNormalization::new())
        .add(Dense::new(2))
}

fn weights(model: &Model) -> Vec<Vec<f64>> {
    model.get_weights().unwrap().iter().map(Tensor::to_f64).collect()
}

/// The same steps as `fit` with this optimizer give the same weights.
#[track_caller]
fn check_like_fit(optimizer: impl Into<Optimizer>) {
    let optimizer = optimizer.into();
    let (x, y) = samples();
    let (mut by_fit, mut by_hand) = (stack(), stack());
    by_hand.set_weights(&by_fit.get_weights().unwrap()).unwrap();

    by_fit.compile(Compile::new(optimizer.clone(), "mse")).unwrap();
    by_fit.fit(&x, &y, Fit::new().batch_size(8).epochs(4).shuffle(false).verbose(0)).unwrap();

    let layer = by_hand.as_layer().unwrap();
    let mut step = TrainStep::new(|cx, batch| {
        let y = cx.call(&layer, &batch[0], true)?;
        let loss = ops::mean(ops::square(&y - &batch[1]), None, false) + cx.penalties(&layer)?;
        cx.minimize(&loss, &layer, &optimizer)?;
        Ok(vec![("loss", loss)])
    });
    for _ in 0..4 {
        step.run([&x, &y]).unwrap();
    }
    for (a, b) in weights(&by_fit).iter().flatten().zip(weights(&by_hand).iter().flatten()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn like_fit() {
    check_like_fit(SGD::new().learning_rate(0.1).momentum(0.9));
    check_like_fit(Adam::new().learning_rate(0.01));
}

#[test]
fn each_update_has_its_weights_and_its_state() {
    let (a, b) = (stack(), stack());
    let (x, _) = samples();
    let (before_a, before_b) = (weights(&a), weights(&b));
    let (layer_a, layer_b) = (a.as_layer().unwrap(), b.as_layer().unwrap());
    let mut step = TrainStep::new(|cx, batch| {
        let loss = ops::mean(ops::square(&cx.call(&layer_a, &batch[0], false)?), None, false);
        cx.minimize(&loss, &layer_a, &"sgd".into())?;
        // The second model stays as it is: only one of its losses is computed, none minimized.
        let other = ops::mean(&cx.call(&layer_b, &batch[0], false)?, None, false);
        Ok(vec![("loss", loss), ("other", other)])
    });
    let logs = step.run([&x]).unwrap();
    // Another shape is another program with the same optimizer.
    step.run([&x.rows(0, 3).unwrap()]).unwrap();
    assert!(logs.get("other").is_some());
    assert_ne!(weights(&a)[0], before_a[0]);
    assert_eq!(weights(&b), before_b);
}

#[test]
fn random_numbers_differ_from_step_to_step() {
    utils::set_random_seed(3);
    let draw = || {
        let mut step = TrainStep::new(|cx, _| {
            let noise = cx.random(|seed| seed.random_normal(&[4]));
            Ok(vec![("mean", ops::mean(&noise, None, false))])
        });
        let x = Tensor::zeros([1], DType::F32);
        [0, 1].map(|_| step.run([&x]).unwrap().get("mean").unwrap())
    };
    let first = draw();
    assert_ne!(first[0], first[1]);
    utils::set_random_seed(3);
    assert_eq!(draw(), first);
}

#[test]
fn mistakes_are_errors() {
    let (x, y) = samples();
    let model = stack();
    let layer = model.as_layer().unwrap();
    let message = |step: &mut TrainStep, batch: &[Tensor]| step.run(batch).unwrap_err().to_string();
    let mut step = TrainStep::new(|cx, batch| Ok(vec![("y", cx.call(&layer, &batch[0], true)?)]));
    assert!(
        message(&mut step, std::slice::from_ref(&x)).contains("`y` is reported as float32[8,2]"),
        "{:?}",
        step.run([&x])
    );
    assert!(message(&mut step, std::slice::from_ref(&y)).contains("Dense"));
    let mut step = TrainStep::new(|cx, batch| {
        let loss = ops::mean(&cx.call(&layer, &batch[0], true)?, None, false);
        cx.minimize(&loss, &layer, &"adamm".into())?;
        Ok(vec![])
    });
    assert!(message(&mut step, &[x]).contains("did you mean `adam`?"));
    let lazy = Sequential::new().add(Dense::new(2));
    assert!(lazy.as_layer().unwrap_err().to_string().contains("not built"));
}
