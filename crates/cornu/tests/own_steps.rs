//! Steps of user code within `fit` and `evaluate`. Numbers are those of Keras 3.15.1 with `train_step` overridden.
#![allow(clippy::unwrap_used)]
use cornu::prelude::*;
use cornu::training::StepContext;

fn waves(rows: usize, width: usize, f: f32) -> Tensor {
    Tensor::new([rows, width], (0..rows * width).map(|i| (i as f32 * f).sin()).collect()).unwrap()
}

fn samples() -> (Tensor, Tensor) {
    (waves(10, 3, 0.7), waves(10, 2, 1.3))
}

fn line() -> Sequential {
    Sequential::new().add(Input::new([3])).add(Dense::new(2).kernel_initializer("ones"))
}

fn quiet<'a>() -> Fit<'a> {
    Fit::new().batch_size(4).epochs(3).shuffle(false).verbose(0)
}

fn near(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    got.iter()
        .zip(expected)
        .for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{got:?}, Keras gives {expected:?}"));
}

/// A step on squares, as users write it.
fn squares(cx: &StepContext, batch: &[Value]) -> Result<Vec<(&'static str, Value)>> {
    let y = cx.call(cx.model()?, &batch[0], true)?;
    let loss = ops::mean(ops::square(y - &batch[1]), None, false);
    cx.optimize(&loss)?;
    Ok(vec![("last", loss.clone()), ("mean_loss", cx.mean("mean_loss", &loss)?)])
}

#[test]
fn as_keras_with_train_step_overridden() {
    let (x, y) = samples();
    let mut model = line();
    model.set_train_step(squares);
    model.compile(Compile::new(SGD::new().learning_rate(0.05), ())).unwrap();
    let history = model.fit(&x, &y, quiet()).unwrap();
    near(history.get("last"), &[6.269480228424072, 4.636625289916992, 3.467183828353882]);
    near(history.get("mean_loss"), &[4.269301891326904, 3.113661050796509, 2.3083689212799072]);
    let weights = model.get_weights().unwrap();
    near(&weights[0].to_f64(), &[0.59195465, 0.6124517, 0.4417226, 0.46904182, 0.5540571, 0.57534975]);
    near(&weights[1].to_f64(), &[-0.03595053, -0.03667172]);
}

#[test]
fn like_the_step_of_fit() {
    let (x, y) = samples();
    let run = |own: bool, together: usize| {
        let mut model = line();
        if own {
            model.set_train_step(squares);
        }
        let adam = Adam::new().learning_rate(0.1).clipnorm(0.5);
        model.compile(Compile::new(adam, "mse").steps_per_execution(together)).unwrap();
        model.fit(&x, &y, quiet().batch_size(5)).unwrap();
        let state: Vec<Tensor> =
            model.optimizer_variables().unwrap().iter().map(|v| v.value().unwrap()).collect();
        [model.get_weights().unwrap(), state].concat()
    };
    let own = run(true, 1);
    for (a, b) in own.iter().zip(&run(false, 1)) {
        near(&a.to_f64(), &b.to_f64());
    }
    assert_eq!(own, run(true, 2));
}

#[test]
fn epochs_callbacks_and_files_are_those_of_fit() {
    let (x, y) = samples();
    let mut model = line();
    model.set_train_step(squares);
    model.compile(Compile::new(SGD::new().learning_rate(0.05), "mse").metrics(["mae"])).unwrap();
    let mut stop = EarlyStopping::new().monitor("mean_loss").mode("min").min_delta(1.5).patience(1);
    let options = quiet().epochs(9).validation_data((&x, &y)).callback(&mut stop);
    let history = model.fit(&x, &y, options).unwrap();
    let names: Vec<&str> = history.history.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["last", "mean_loss", "val_loss", "val_mae"]);
    assert!(history.epoch.len() < 9);
    assert_eq!(model.iterations().unwrap(), Some(3 * history.epoch.len() as i64));
    model.set_learning_rate(0.0).unwrap();
    let before = model.get_weights().unwrap();
    let logs = model.train_on_batch(&x, &y).unwrap();
    assert_eq!((logs.get("last").is_some(), model.get_weights().unwrap()), (true, before));

    // Files know nothing of it.
    let path = std::env::temp_dir().join(format!("cornu-own-{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let mut loaded = saving::load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let history = loaded.fit(&x, &y, quiet()).unwrap();
    assert!(history.get("loss").len() == 3 && history.history.iter().all(|(name, _)| name != "last"));
}

#[test]
fn evaluation_of_ones_own() {
    let (x, y) = samples();
    let mut model = line();
    model.set_test_step(|cx, batch| {
        let off = ops::mean(ops::absolute(cx.call(cx.model()?, &batch[0], false)? - &batch[1]), None, false);
        Ok(vec![("off", cx.mean("off", &off)?)])
    });
    model.compile(Compile::new("sgd", ())).unwrap();
    let options = || Evaluate::new().batch_size(5).verbose(0);
    let first = model.evaluate(&x, &y, options()).unwrap();
    // The means start anew.
    assert_eq!(model.evaluate(&x, &y, options()).unwrap().get("off"), first.get("off"));
    let predicted = model.predict(&x, Predict::new().verbose(0)).unwrap().to_f64();
    let mean = predicted.iter().zip(y.to_f64()).map(|(a, b)| (a - b).abs()).sum::<f64>() / 20.0;
    near(&[first.get("off").unwrap()], &[mean]);
    model.set_train_step(squares);
    let history = model.fit(&x, &y, quiet().validation_data((&x, &y))).unwrap();
    assert_eq!(history.get("val_off").len(), 3);
}

/// Two networks with an optimizer each: the one that learns from what comes in, and another that has no part in `fit`.
#[test]
fn with_another_model() {
    utils::set_random_seed(1);
    let (x, _) = samples();
    let mut judge =
        Sequential::new().add(Input::new([3])).add(Dense::new(4).activation("tanh")).add(Dense::new(1));
    let maker = Sequential::new().add(Input::new([2])).add(Dense::new(3));
    let m = maker.as_layer().unwrap();
    judge.set_train_step(move |cx, batch| {
        let rows = batch[0].dim(0);
        let made = cx.call(&m, &cx.random(|seed| seed.random_normal(&[rows, 2])), true)?;
        let score = |cx: &StepContext, x: &Value| {
            Ok::<_, Error>(ops::mean(&cx.call(cx.model()?, x, true)?, None, false))
        };
        let judged = score(cx, &made.stop_gradient())? - score(cx, &batch[0])?;
        cx.optimize(&judged)?;
        let fooled = -score(cx, &made)?;
        cx.minimize(&fooled, &m, &Adam::new().into())?;
        Ok(vec![("judge", cx.mean("judge", &judged)?), ("maker", cx.mean("maker", &fooled)?)])
    });
    judge.compile(Compile::new("rmsprop", ())).unwrap();
    let before = (judge.get_weights().unwrap(), maker.get_weights().unwrap());
    let history = judge.fit(&x, (), quiet()).unwrap();
    assert_eq!((history.get("judge").len(), history.get("maker").len()), (3, 3));
    let all_moved = |a: &[Tensor], b: &[Tensor]| a.iter().zip(b).all(|(a, b)| a != b);
    assert!(all_moved(&before.0[..3], &judge.get_weights().unwrap()[..3]));
    assert!(all_moved(&before.1, &maker.get_weights().unwrap()));
}

#[test]
fn mistakes_are_errors() {
    let (x, y) = samples();
    let mut model = line();
    model.compile(Compile::new("sgd", "mse")).unwrap();
    let mut said = |step: fn(&StepContext, &Value) -> Result<()>| {
        let body = move |cx: &StepContext, batch: &[Value]| {
            step(cx, &cx.call(cx.model()?, &batch[0], true)?)?;
            Ok(vec![])
        };
        model.set_train_step(body);
        model.set_test_step(body);
        let train = model.fit(&x, &y, quiet()).map(drop).err().map(|e| e.to_string()).unwrap_or_default();
        let test = model.evaluate(&x, &y, Evaluate::new().verbose(0)).map(drop).err();
        (train, test.map(|e| e.to_string()).unwrap_or_default())
    };
    let (train, test) = said(|cx, y| cx.optimize(&ops::mean(y, None, false)));
    assert!(train.is_empty() && test.contains("`optimize` is for steps of training"), "{train} {test}");
    let (train, test) = said(|cx, y| cx.mean("y", y).map(drop));
    assert!(train.contains("`y` is float32[4,2]") && test.contains("give a scalar"), "{train} {test}");
    let (train, _) = said(|cx, y| cx.optimize(y));
    assert!(train.contains("sum or average the loss"), "{train}");

    let mut step =
        TrainStep::new(|cx, batch| Ok(vec![("x", cx.mean("x", &ops::mean(&batch[0], None, false))?)]));
    let message = step.run([&x]).unwrap_err().to_string();
    assert!(message.contains("`mean` is for steps of a model"), "{message}");
    let message = PredictStep::new(|cx, _| cx.model().map(|_| vec![])).run([&x]).unwrap_err().to_string();
    assert!(message.contains("`Model::as_layer`"), "{message}");
}
