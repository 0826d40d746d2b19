//! Names of losses and metrics, what they refuse, and how `fit` uses them.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::losses::{self, Loss};
use cornu::metrics::{self, Metric};
use cornu::prelude::*;
use cornu_graph::{Builder, Spec, interpret};

/// The loss of targets and predictions of these shapes, all 1/2.
fn loss_of(loss: impl Into<Loss>, y_true: &[usize], y_pred: &[usize]) -> Result<Tensor> {
    let b = Builder::new();
    let (y_true, y_pred) = (b.full(Spec::f32(y_true), 0.5), b.full(Spec::f32(y_pred), 0.5));
    let value = loss.into().compute(&y_true, &y_pred, None, None)?;
    Ok(interpret(&b.finish(&[value])?, &[])?.remove(0))
}

/// Keras does not remove the axis of size 1: each label meets each prediction.
#[test]
fn generalized_cross_entropy_of_a_column() {
    let b = Builder::new();
    let y_true = b.constant(Tensor::from([[0i32], [1]]));
    let y_pred = b.constant(Tensor::from([[0.25f32, 0.75], [1.0, 0.0]]));
    let loss = Loss::from(losses::CategoricalGeneralizedCrossEntropy::new());
    let value = loss.compute(&y_true, &y_pred, None, None).unwrap();
    let got = interpret(&b.finish(&[value]).unwrap(), &[]).unwrap().remove(0).to_f64();
    let want = (1.0 + 0.0 + 2.0 * (1.0 - 0.75f64.sqrt()) + 2.0) / 4.0;
    assert!((got[0] - want).abs() < 1e-6, "{got:?}, want {want}");
}

#[test]
fn names_stand_for_classes() {
    let named = [
        ("MSE", losses::MeanSquaredError::new().into()),
        ("mean_absolute_error", losses::MeanAbsoluteError::new().into()),
        ("KLD", losses::KLDivergence::new().into()),
        ("Huber", Loss::from(losses::Huber::new())),
        ("bce", losses::BinaryCrossentropy::new().into()),
    ];
    for (name, loss) in named {
        assert_eq!(Loss::from(name), loss, "{name}");
    }
    // Logs show the name that was given.
    let named = [
        ("mse", metrics::MeanSquaredError::new().name("mse").into()),
        ("AUC", Metric::from(metrics::AUC::new().name("AUC"))),
        ("root_mean_squared_error", metrics::RootMeanSquaredError::new().into()),
        ("log_cosh_error", metrics::LogCoshError::new().name("log_cosh_error").into()),
    ];
    for (name, metric) in named {
        assert_eq!(Metric::from(name), metric, "{name}");
        assert_eq!(metric.name(), name);
    }
}

#[test]
fn every_name_is_known() {
    for name in Loss::NAMES {
        Loss::from(*name).check().unwrap();
    }
    let needs_arguments = ["At", "IoU"];
    for name in Metric::NAMES.iter().filter(|n| !needs_arguments.iter().any(|w| n.contains(w))) {
        Metric::from(*name).check().unwrap();
    }
}

#[test]
fn unknown_names_have_a_nearest() {
    let error = Loss::from("mean_square_error").check().unwrap_err().to_string();
    assert_eq!(error, "unknown loss `mean_square_error`; did you mean `mean_squared_error`?");
    let error = Metric::from("acuracy").check().unwrap_err().to_string();
    assert_eq!(error, "unknown metric `acuracy`; did you mean `accuracy`?");
    let error = Metric::from("MeanIoU").check().unwrap_err().to_string();
    assert!(error.starts_with("metric: `MeanIoU` has arguments without a default"), "{error}");
    let error = loss_of(losses::Huber::new().reduction("summ"), &[2, 1], &[2, 1]).unwrap_err().to_string();
    assert!(error.starts_with("unknown reduction `summ`; did you mean `sum`?"), "{error}");
}

#[test]
fn crossentropy_suits_the_shapes() {
    let same = |y_true: &[usize], y_pred: &[usize], loss: Loss| {
        assert_eq!(loss_of("crossentropy", y_true, y_pred).unwrap(), loss_of(loss, y_true, y_pred).unwrap());
    };
    same(&[2, 1], &[2, 1], losses::BinaryCrossentropy::new().into());
    same(&[2], &[2, 3], losses::SparseCategoricalCrossentropy::new().into());
    same(&[2, 3], &[2, 3], losses::CategoricalCrossentropy::new().into());
}

#[test]
fn shapes_that_do_not_fit() {
    let error = |loss: Loss, y_true: &[usize], y_pred: &[usize]| {
        loss_of(loss, y_true, y_pred).unwrap_err().to_string()
    };
    let e = error("mse".into(), &[4, 2], &[4, 3]);
    assert!(e.starts_with("mean_squared_error: y_true has shape [4, 2] and y_pred [4, 3]"), "{e}");
    let e = error("sparse_categorical_crossentropy".into(), &[4, 2], &[4, 3]);
    assert!(e.contains("the labels have shape [4, 2], the predictions [4, 3]"), "{e}");
    let e = error(losses::BinaryCrossentropy::new().label_smoothing(2.0).into(), &[4, 2], &[4, 2]);
    assert!(e.contains("label_smoothing: must be between 0 and 1, got 2"), "{e}");
    let e = error(losses::Huber::new().dtype("float33").into(), &[4, 2], &[4, 2]);
    assert!(e.contains("unknown dtype policy `float33`"), "{e}");
}

#[test]
fn metrics_refuse_what_makes_no_sense() {
    let error = |metric: Metric, y_pred: &[usize]| {
        let spec = Spec::f32(y_pred);
        metric.state(&spec, &spec).unwrap_err().to_string()
    };
    let cases: [(Metric, &[usize], &str); 9] = [
        (
            metrics::Precision::new().thresholds(1.5).into(),
            &[4, 1],
            "thresholds: must be in [0, 1], got [1.5]",
        ),
        (
            metrics::AUC::new().num_thresholds(1).into(),
            &[4, 1],
            "AUC.num_thresholds: must be more than 1, got 1",
        ),
        (metrics::AUC::new().curve("ROCK").into(), &[4, 1], "unknown curve `ROCK`; did you mean `ROC`?"),
        (
            metrics::AUC::new().multi_label(true).num_labels(3).into(),
            &[4, 2],
            "AUC.multi_label: needs predictions of shape (batch, 3), got [4, 2]",
        ),
        (
            metrics::RecallAtPrecision::new(1.5).into(),
            &[4, 1],
            "precision: must be in the range [0, 1], got 1.5",
        ),
        (
            metrics::F1Score::new().average("micron").into(),
            &[4, 2],
            "unknown average `micron`; did you mean `micro`?",
        ),
        (metrics::FBetaScore::new().beta(0.0).into(), &[4, 2], "beta: must be > 0, got 0"),
        (
            metrics::R2Score::new().class_aggregation("uniform").into(),
            &[4, 2],
            "unknown class_aggregation `uniform`",
        ),
        (
            metrics::IoU::new(2, [2]).into(),
            &[4],
            "target_class_ids: class 2 is out of range, which is [0, 2)",
        ),
    ];
    for (metric, y_pred, message) in cases {
        let error = error(metric, y_pred);
        assert!(error.starts_with(message), "{error}\nexpected {message}");
    }
}

#[test]
fn fit_logs_metrics_by_name() {
    utils::set_random_seed(3);
    let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(1).activation("sigmoid"));
    let largest = Metric::function("largest", |y_true, y_pred| (y_true - y_pred).abs().max([-1]));
    let metrics: Vec<Metric> = vec![
        "acc".into(),
        "mse".into(),
        metrics::AUC::new().into(),
        metrics::Precision::new().into(),
        largest,
    ];
    model.compile(Compile::new("adam", "crossentropy").metrics(metrics)).unwrap();
    let x = Tensor::new([4, 2], vec![0f32, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0]).unwrap();
    let y = Tensor::new([4, 1], vec![0f32, 1.0, 1.0, 0.0]).unwrap();
    let history = model.fit(&x, &y, Fit::new().epochs(1).verbose(0)).unwrap();
    let logs = model.evaluate(&x, &y, Evaluate::new().verbose(0)).unwrap();
    let names: Vec<&str> = logs.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["acc", "auc", "largest", "loss", "mse", "precision"]);
    assert_eq!(history.get("auc").len(), 1);
}

#[test]
fn losses_are_metrics_by_name() {
    let names = ["huber", "log_cosh", "binary_focal_crossentropy", "categorical_focal_crossentropy"];
    for name in names {
        let mut model = Sequential::new()
            .add(Input::new([3]))
            .add(Dense::new(3).activation("softmax").kernel_initializer("ones"));
        // The same function as the loss, without weights: the same number.
        model.compile(Compile::new("sgd", name).metrics([name])).unwrap();
        let x = Tensor::from([[0.5f32, 1.0, -2.0], [0.0, 0.3, 1.0]]);
        let y = Tensor::from([[0f32, 1.0, 0.0], [1.0, 0.0, 0.0]]);
        let logs = model.evaluate(&x, &y, Evaluate::new().verbose(0)).unwrap();
        let (loss, metric) = (logs.get("loss").unwrap(), logs.get(name).unwrap());
        assert!(loss > 0.0 && (loss - metric).abs() < 1e-6, "{name}: {loss} and {metric}");
    }
}

/// As metrics, Keras's functions of margins and divergences broadcast what has other ranks; as losses they bring both to one.
/// The numbers are those of Keras 3.15.1.
#[test]
fn targets_without_the_axis_of_size_1() {
    let y_true = Tensor::from([0f32, 1.0, 1.0]);
    let y_pred = Tensor::from([[0.25f32], [0.5], [0.75]]);
    for (name, metric, loss) in [
        ("hinge", 0.833_333_313, 0.666_666_687),
        ("squared_hinge", 0.958_333_313, 0.625),
        ("categorical_hinge", 0.5, 0.666_666_687),
        ("kl_divergence", 1.578_081_012, 0.326_942_593),
        ("poisson", 1.026_027_322, 0.826_942_921),
        ("mean_squared_error", 0.125, 0.125),
    ] {
        let mut meter = metrics::Meter::new(name);
        meter.update_state(&y_true, &y_pred).unwrap();
        let got = meter.result().unwrap().item().unwrap();
        assert!((got - metric).abs() < 1e-6, "metric {name}: {got}, want {metric}");
        let got = Loss::from(name).evaluate(&y_true, &y_pred, None).unwrap().item().unwrap();
        assert!((got - loss).abs() < 1e-6, "loss {name}: {got}, want {loss}");
    }
}

/// Of two outputs one has a loss: it is the loss of the model, and has no other name.
#[test]
fn the_only_loss() {
    let x = Input::new([2]).tensor();
    let outputs = [Dense::new(1).name("a").apply(&x), Dense::new(1).name("b").apply(&x)];
    let mut model = Model::new([x], outputs).unwrap();
    let compile = Compile::new("sgd", [("a", "mse")]).metrics([("b", vec!["mae"])]);
    model.compile(compile).unwrap();
    let (x, y) = (Tensor::ones([4, 2], DType::F32), Tensor::ones([4, 1], DType::F32));
    let logs = model.evaluate(&x, [("a", &y), ("b", &y)], Evaluate::new()).unwrap();
    assert_eq!(logs.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b_mae", "loss"]);
}
