//! Callbacks that watch a value, in odd configurations: what they do is what Keras 3.15.1 does with the same values.
#![allow(clippy::unwrap_used)]
mod still;

use cornu::callbacks::{Callback, Context};
use cornu::metrics::{self, Direction, Metric, MetricRule};
use cornu::object::Saved;
use cornu::optimizers::OptimizerMap;
use cornu::optimizers::schedules::ExponentialDecay;
use cornu::prelude::*;
use still::{compiled, sgd};

/// Stands for a value that is not in the logs.
const GONE: f64 = f64::MAX;
const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;
const V: [f64; 9] = [0.6, 0.5, 0.4, 0.5, 0.45, 0.3, 0.31, 0.32, 0.33];

/// Puts values into the logs of each epoch, and the number of the epoch in place of the only weight.
struct Script<'a>(&'a str, &'a [f64]);

impl Callback for Script<'_> {
    fn on_epoch_begin(&mut self, cx: &mut Context, epoch: usize) -> Result<()> {
        cx.model().set_weights(&[Tensor::full([1, 1], DType::F32, epoch as f64)])
    }

    fn on_epoch_end(&mut self, _: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        if self.1[epoch] != GONE {
            logs.set(self.0, f64::from(self.1[epoch] as f32));
        }
        Ok(())
    }
}

/// Nothing is learned from zeros.
fn zeros() -> (Tensor, Tensor) {
    (Tensor::zeros([4, 1], DType::F32), Tensor::zeros([4, 1], DType::F32))
}

fn watched<'a>(
    model: &mut Model,
    name: &str,
    values: &[f64],
    callback: impl Callback + 'a,
) -> Result<History> {
    let (x, y) = zeros();
    let fit = Fit::new().epochs(values.len()).verbose(0);
    model.fit(&x, &y, fit.callback(Script(name, values)).callback(callback))
}

fn weight(model: &Model) -> f64 {
    model.get_weights().unwrap()[0].to_f64()[0]
}

/// What an epoch is stopped at, which was the best, and its value.
type Outcome = (Option<usize>, usize, Option<f64>);

#[test]
fn early_stopping() {
    let new = EarlyStopping::new;
    let best = || new().restore_best_weights(true);
    // Epochs, the epoch whose weights the model ends with, and what the callback says.
    let cases: &[(EarlyStopping, &[f64], usize, f64, Outcome)] = &[
        (new(), &V, 4, 3.0, (Some(3), 2, Some(0.4))),
        (new().patience(2), &V, 5, 4.0, (Some(4), 2, Some(0.4))),
        (new().patience(3), &V, 9, 8.0, (Some(8), 5, Some(0.3))),
        // Values are float32: from 0.6 to 0.5 is not more than 0.1.
        (new().min_delta(0.1), &V, 2, 1.0, (Some(1), 0, Some(0.6))),
        (new().min_delta(-0.1), &V, 2, 1.0, (Some(1), 0, Some(0.6))),
        (new().min_delta(0.1).patience(2), &V, 5, 4.0, (Some(4), 2, Some(0.4))),
        (new().min_delta(0.09), &V, 4, 3.0, (Some(3), 2, Some(0.4))),
        (new().mode("max"), &V, 2, 1.0, (Some(1), 0, Some(0.6))),
        (best().mode("max").patience(3), &V, 4, 0.0, (Some(3), 0, Some(0.6))),
        (new().baseline(0.5).patience(2), &V, 5, 4.0, (Some(4), 2, Some(0.4))),
        (new().baseline(0.6), &V, 4, 3.0, (Some(3), 2, Some(0.4))),
        (new().baseline(0.1), &V, 4, 3.0, (Some(3), 2, Some(0.4))),
        (best().baseline(0.1).patience(3), &V, 4, 2.0, (Some(3), 2, Some(0.4))),
        (best().baseline(0.4).patience(3), &V, 4, 2.0, (Some(3), 2, Some(0.4))),
        (best().baseline(0.6).mode("max").patience(2), &V, 2, 0.0, (Some(1), 0, Some(0.6))),
        (new().baseline(0.1).mode("max").patience(2), &[0.1; 4], 2, 1.0, (Some(1), 0, Some(0.1))),
        (new().start_from_epoch(3), &V, 7, 6.0, (Some(6), 5, Some(0.3))),
        (best().start_from_epoch(3), &V, 7, 5.0, (Some(6), 5, Some(0.3))),
        (best().start_from_epoch(20), &V, 9, 8.0, (None, 0, None)),
        (best().patience(20), &V, 9, 5.0, (None, 5, Some(0.3))),
        (best().patience(1), &V, 4, 2.0, (Some(3), 2, Some(0.4))),
        (best().patience(1), &[0.1, 0.2], 2, 0.0, (Some(1), 0, Some(0.1))),
        (best(), &[NAN; 3], 2, 0.0, (Some(1), 0, Some(NAN))),
        (best(), &[NAN, 0.5, 0.4], 2, 0.0, (Some(1), 0, Some(NAN))),
        (best().patience(2), &[0.5, NAN, 0.4, NAN, 0.3], 5, 4.0, (None, 4, Some(0.3))),
        (new(), &[INF, INF, 1.0], 2, 1.0, (Some(1), 0, Some(INF))),
        (new(), &[INF, 1.0, 0.5], 3, 2.0, (None, 2, Some(0.5))),
        (best().patience(1), &[0.5, GONE, 0.6, GONE, 0.7, 0.4], 3, 0.0, (Some(2), 0, Some(0.5))),
        (new().start_from_epoch(2), &[GONE, GONE, GONE, 0.5], 4, 3.0, (None, 3, Some(0.5))),
        (new().monitor("none").mode("min"), &[0.5, 0.6], 2, 1.0, (None, 0, None)),
        (new(), &[0.5; 3], 2, 1.0, (Some(1), 0, Some(0.5))),
    ];
    for (i, (stopping, values, epochs, end, outcome)) in cases.iter().enumerate() {
        let (mut stopping, mut model) = (stopping.clone(), sgd(0.1));
        let history = watched(&mut model, "val_loss", values, &mut stopping).unwrap();
        let got = (stopping.stopped_epoch(), stopping.best_epoch(), stopping.best().map(|b| b as f32));
        let want = (outcome.0, outcome.1, outcome.2.map(|b| b as f32));
        assert_eq!((history.epoch.len(), weight(&model)), (*epochs, *end), "case {i}");
        assert_eq!(format!("{got:?}"), format!("{want:?}"), "case {i}");
    }
}

#[test]
fn early_stopping_again_and_from_a_later_epoch() {
    let mut stopping = EarlyStopping::new().patience(1).restore_best_weights(true);
    let mut twice = sgd(0.1);
    for _ in 0..2 {
        let history = watched(&mut twice, "val_loss", &[0.3, 0.4, 0.2, 0.1], &mut stopping).unwrap();
        assert_eq!((history.epoch.len(), weight(&twice), stopping.best_epoch()), (2, 0.0, 0));
    }
    for (patience, epochs, end, stopped) in [(2, 3, 4.0, None), (0, 2, 2.0, Some(3))] {
        let mut stopping = EarlyStopping::new().patience(patience).restore_best_weights(true);
        let (mut model, (x, y)) = (sgd(0.1), zeros());
        let fit = Fit::new().initial_epoch(2).epochs(5).verbose(0);
        let fit = fit.callback(Script("val_loss", &[0.3, 0.2, 0.25, 0.27, 0.1])).callback(&mut stopping);
        let history = model.fit(&x, &y, fit).unwrap();
        assert_eq!((history.epoch.len(), weight(&model), stopping.stopped_epoch()), (epochs, end, stopped));
    }
}

#[test]
fn reduce_lr_on_plateau() {
    let new = || ReduceLROnPlateau::new().patience(1);
    const SAME: [f64; 6] = [0.5; 6];
    const SINKS: [f64; 4] = [0.6, 0.5, 0.4, 0.3];
    let small = [0.1, 0.1, 0.009999999776482582, 0.0009999999310821295, 9.99999901978299e-05];
    // The rate of each epoch, and the one after them.
    let cases: &[(ReduceLROnPlateau, f64, &[f64], &[f64])] = &[
        (new(), 0.1, &SAME[..4], &small),
        (new().patience(0), 0.1, &SAME[..4], &small),
        (new().cooldown(1), 0.1, &SAME[..4], &small),
        (
            new().patience(2).cooldown(2),
            0.1,
            &[0.5; 7],
            &[0.1, 0.1, 0.1, 0.01, 0.01, 0.01, small[3], small[3]],
        ),
        (
            new().cooldown(3),
            0.1,
            &[0.5, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4],
            &[0.1, 0.1, 0.01, 0.01, 0.01, small[3], small[3], small[3], small[4], small[4]],
        ),
        (new().factor(0.5).min_lr(0.03), 0.1, &SAME, &[0.1, 0.1, 0.05, 0.03, 0.03, 0.03, 0.03]),
        (new().min_lr(0.1), 0.1, &SAME[..3], &[0.1; 4]),
        (new().min_lr(0.001), 0.01, &SAME[..4], &[0.01, 0.01, 0.001, 0.001, 0.001]),
        (new().factor(0.5).min_lr(-1.0), 0.1, &SAME[..3], &[0.1, 0.1, 0.05, 0.025]),
        (new().factor(-0.5), 0.1, &SAME[..3], &[0.1, 0.1, 0.0, 0.0]),
        (new().mode("max"), 0.1, &[0.5, 0.6, 0.7, 0.7], &[0.1, 0.1, 0.1, 0.1, 0.01]),
        (new().min_delta(0.1), 0.1, &SINKS, &[0.1, 0.1, 0.01, 0.01, small[3]]),
        (new().min_delta(-0.1), 0.1, &SINKS, &[0.1, 0.1, 0.01, 0.01, small[3]]),
        (new().min_delta(0.05), 0.1, &SINKS, &[0.1; 5]),
        (new(), 0.1, &[0.5, 0.4999, 0.4998], &[0.1, 0.1, 0.01, 0.01]),
        (new(), 0.1, &[0.5, 0.4998, 0.4996], &[0.1; 4]),
        (new(), 0.1, &[0.5, GONE, 0.5, GONE, 0.5], &[0.1, 0.1, 0.1, 0.01, 0.01, small[3]]),
        (new().monitor("none").mode("min"), 0.1, &[0.5, 0.5], &[0.1; 3]),
        (new(), 0.1, &[NAN, NAN, 0.5, 0.5], &small),
    ];
    for (i, (plateau, rate, values, want)) in cases.iter().enumerate() {
        let mut model = sgd(*rate);
        let history = watched(&mut model, "val_loss", values, plateau.clone()).unwrap();
        let mut got: Vec<f32> = history.get("learning_rate").iter().map(|v| *v as f32).collect();
        got.push(model.learning_rate().unwrap() as f32);
        assert_eq!(got, want.iter().map(|v| *v as f32).collect::<Vec<_>>(), "case {i}");
    }
    for factor in [1.0, 2.0, NAN] {
        let e = watched(&mut sgd(0.1), "val_loss", &SAME, new().factor(factor)).unwrap_err().to_string();
        assert!(e.contains("ReduceLROnPlateau.factor: must be less than 1, got"), "{e}");
    }
    // Used again, it begins anew, but for the rate.
    let (mut model, mut plateau) = (sgd(0.1), new().cooldown(2));
    for want in [[0.1f32, 0.1, 0.01], [0.01, 0.01, 0.001]] {
        let history = watched(&mut model, "val_loss", &SAME[..3], &mut plateau).unwrap();
        assert_eq!(
            history.get("learning_rate").iter().map(|v| *v as f32).collect::<Vec<_>>()[..2],
            want[..2]
        );
        assert!((history.get("learning_rate")[2] as f32 / want[2] - 1.0).abs() < 1e-6);
    }
}

#[test]
fn a_schedule_is_not_settable() {
    let model = || compiled(SGD::new().learning_rate(ExponentialDecay::new(0.1, 1, 0.5)));
    let plateau = |patience| ReduceLROnPlateau::new().patience(patience);
    let errors = [
        watched(&mut model(), "val_loss", &[0.5; 3], plateau(1)).map(drop),
        watched(&mut model(), "val_loss", &[0.5; 3], LearningRateScheduler::new(|_, rate| rate)).map(drop),
    ];
    for error in errors {
        let e = error.unwrap_err().to_string();
        assert!(e.contains("learning rate schedule, hence its learning rate is not settable"), "{e}");
    }
    // Looking at it is no error.
    let history = watched(&mut model(), "val_loss", &[0.5; 3], plateau(5)).unwrap();
    let rates: Vec<f32> = history.get("learning_rate").iter().map(|v| *v as f32).collect();
    assert_eq!(rates, [0.05, 0.025, 0.0125]);
}

#[test]
fn each_optimizer_within_has_a_rate() {
    let map = OptimizerMap::new(SGD::new().learning_rate(0.1));
    let map = map.optimizer("b/.*", Adam::new().learning_rate(0.01));
    utils::clear_session();
    let mut model = Sequential::new()
        .add(Input::new([1]))
        .add(Dense::new(1).name("a").use_bias(false))
        .add(Dense::new(1).name("b").use_bias(false));
    model.compile(Compile::new(MultiOptimizer::new(map), "mse")).unwrap();
    let values = |epoch: usize, logs: &mut Logs| logs.set("val_loss", [0.5; 3][epoch]);
    let (x, y) = zeros();
    let fit = Fit::new()
        .epochs(3)
        .verbose(0)
        .callback(LambdaCallback::new().on_epoch_end(move |_, epoch, logs| {
            values(epoch, logs);
            Ok(())
        }))
        .callback(LearningRateScheduler::new(|_, rate| rate * 0.5))
        .callback(ReduceLROnPlateau::new().patience(1).min_lr(0.004));
    let history = model.fit(&x, &y, fit).unwrap();
    assert_eq!(
        history.get("learning_rate_adam"),
        [0.004999999888241291, 0.0024999999441206455, 0.0012499999720603228]
    );
    assert_eq!(
        history.get("learning_rate_sgd"),
        [0.05000000074505806, 0.02500000037252903, 0.0020000000949949026]
    );
    assert!(history.get("learning_rate").is_empty());

    // One within another is the only one.
    let mut scaled = compiled(LossScaleOptimizer::new(SGD::new().learning_rate(0.1)));
    let plateau = ReduceLROnPlateau::new().patience(1);
    let history = watched(&mut scaled, "val_loss", &[0.5; 3], plateau).unwrap();
    assert_eq!(history.get("learning_rate").iter().map(|v| *v as f32).collect::<Vec<_>>(), [0.1, 0.1, 0.01]);
}

/// Which direction is better, found by how long training goes on while the value grows.
fn direction(metrics: Vec<Metric>, monitor: &str) -> Result<&'static str> {
    utils::clear_session();
    let mut model = Sequential::new()
        .add(Input::new([3]))
        .add(Dense::new(2).activation("softmax").kernel_initializer("ones"));
    model.compile(Compile::new("sgd", "mse").metrics(metrics))?;
    let y = Tensor::from([[1f32, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
    let name = monitor.to_string();
    let grows = LambdaCallback::new().on_epoch_end(move |_, epoch, logs| {
        logs.set(&name, epoch as f64);
        Ok(())
    });
    let fit = Fit::new().epochs(3).verbose(0).callback(grows).callback(EarlyStopping::new().monitor(monitor));
    let history = model.fit(Tensor::ones([4, 3], DType::F32), &y, fit)?;
    Ok(if history.epoch.len() == 3 { "max" } else { "min" })
}

#[test]
fn metrics_say_which_direction_is_better() {
    let up = "accuracy acc binary_accuracy categorical_accuracy top_k_categorical_accuracy auc AUC r2_score \
              precision Precision recall f1_score cosine_similarity pearson_correlation concordance_correlation \
              binary_io_u BinaryIoU";
    let down = "mse MSE mae mape msle bce kl_divergence poisson hinge squared_hinge categorical_hinge \
                root_mean_squared_error log_cosh_error categorical_crossentropy binary_crossentropy crossentropy huber";
    for (names, want) in [(up, "max"), (down, "min")] {
        for name in names.split_whitespace() {
            assert_eq!(direction(vec![name.into()], &format!("val_{name}")).unwrap(), want, "{name}");
        }
    }
    let objects: [(Metric, &str, &str); 12] = [
        (metrics::PrecisionAtRecall::new(0.5).into(), "precision_at_recall", "max"),
        (metrics::RecallAtPrecision::new(0.5).into(), "recall_at_precision", "max"),
        (metrics::SensitivityAtSpecificity::new(0.5).into(), "sensitivity_at_specificity", "max"),
        (metrics::SpecificityAtSensitivity::new(0.5).into(), "specificity_at_sensitivity", "max"),
        (metrics::FBetaScore::new().into(), "fbeta_score", "max"),
        (metrics::MeanIoU::new(2).into(), "mean_io_u", "max"),
        (metrics::IoU::new(2, [0]).into(), "io_u", "max"),
        (metrics::OneHotIoU::new(2, [0]).into(), "one_hot_io_u", "max"),
        (metrics::OneHotMeanIoU::new(2).into(), "one_hot_mean_io_u", "max"),
        (metrics::MeanSquaredError::new().name("accuracy_of_sorts").into(), "accuracy_of_sorts", "min"),
        (metrics::Recall::new().name("error").into(), "val_error", "max"),
        ("mae".into(), "val_loss", "min"),
    ];
    for (metric, monitor, want) in objects {
        assert_eq!(direction(vec![metric], monitor).unwrap(), want, "{monitor}");
    }
    let own = || Metric::function("own", |y_true, y_pred| y_true - y_pred);
    for (metric, monitor) in [
        ("true_positives".into(), "true_positives"),
        ("true_negatives".into(), "val_true_negatives"),
        ("FalsePositives".into(), "FalsePositives"),
        (own(), "own"),
        ("mae".into(), "val_val_loss"),
        ("accuracy".into(), "Accuracy"),
        ("mae".into(), "learning_rate"),
        ("mae".into(), ""),
    ] {
        let e = direction(vec![metric], monitor).unwrap_err().to_string();
        let want = format!("EarlyStopping.mode: cannot tell whether more or less of `{monitor}` is better");
        assert!(e.starts_with(&want), "{e}");
    }
    let e = watched(&mut sgd(0.1), "x", &[1.0], ReduceLROnPlateau::new().monitor("x")).unwrap_err();
    assert!(e.to_string().starts_with("ReduceLROnPlateau.mode: "), "{e}");
    let e = watched(&mut sgd(0.1), "x", &[1.0], ModelCheckpoint::new("a.keras").monitor("x")).unwrap_err();
    assert!(e.to_string().starts_with("ModelCheckpoint.mode: "), "{e}");
}

/// A metric of one's own, which says where it goes.
#[derive(Debug)]
struct Own(Option<Direction>);

impl Saved for Own {
    fn saved(&self) -> Result<serde_json::Value> {
        Ok("own".into())
    }
}

impl MetricRule for Own {
    fn name(&self) -> String {
        "own".into()
    }

    fn update_state(&self, state: &[Value], _: &Value, y: &Value, _: Option<&Value>) -> Result<Vec<Value>> {
        Ok(vec![&state[0] + y.sum(y.all_axes()), &state[1] + 1.0])
    }

    fn direction(&self) -> Option<Direction> {
        self.0
    }
}

#[test]
fn metrics_of_ones_own_say_it_too() {
    for (own, want) in [(Some(Direction::Up), "max"), (Some(Direction::Down), "min")] {
        assert_eq!(direction(vec![Metric::custom(Own(own))], "val_own").unwrap(), want);
    }
    assert!(direction(vec![Metric::custom(Own(None))], "own").is_err());
}

/// Keras knows a metric of one of several outputs by its own name only, which is not the one in the logs.
#[test]
fn values_of_one_output_have_a_direction_too() {
    for (monitor, epochs) in [("first_accuracy", 3), ("val_second_mae", 2), ("second_loss", 2), ("loss", 2)] {
        utils::clear_session();
        let x = Input::new([1]).tensor();
        let outputs = ["first", "second"].map(|name| Dense::new(1).name(name).apply(&x));
        let mut model = Model::new([x], outputs).unwrap();
        let metrics = [("first", vec!["accuracy"]), ("second", vec!["mae"])];
        model.compile(Compile::new("sgd", "mse").metrics(metrics)).unwrap();
        let grows = LambdaCallback::new().on_epoch_end(move |_, epoch, logs| {
            logs.set(monitor, epoch as f64);
            Ok(())
        });
        let fit =
            Fit::new().epochs(3).verbose(0).callback(grows).callback(EarlyStopping::new().monitor(monitor));
        let (x, y) = zeros();
        assert_eq!(model.fit(&x, [&y, &y], fit).unwrap().epoch.len(), epochs, "{monitor}");
    }
}
