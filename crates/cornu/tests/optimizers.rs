//! Optimizers within `fit`, and their arguments.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::optimizers::LearningRate;
use cornu::optimizers::schedules::{ExponentialDecay, PiecewiseConstantDecay, Schedule};
use cornu::prelude::*;
use cornu_graph::{Builder, Spec};

#[derive(Debug)]
/// A line fitted to points one at a time, and the learning rate in the end.
struct Fitted {
    weights: Vec<Tensor>,
    learning_rate: f64,
}

fn fitted(optimizer: impl Into<Optimizer>, points: usize) -> Result<Fitted> {
    utils::set_random_seed(1);
    let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1));
    model.compile(Compile::new(optimizer, "mse"))?;
    let x: Vec<f32> = (0..points).map(|i| i as f32).collect();
    let y: Vec<f32> = x.iter().map(|x| 2.0 * x + 1.0).collect();
    let (x, y) = (Tensor::new([points, 1], x)?, Tensor::new([points, 1], y)?);
    model.fit(&x, &y, Fit::new().batch_size(1).shuffle(false).verbose(0))?;
    Ok(Fitted { weights: model.get_weights()?, learning_rate: model.learning_rate()? })
}

#[test]
fn means_of_weights_replace_them_at_the_end_of_fit() {
    // A mean that never moves after the first step.
    let averaged = SGD::new().use_ema(true).ema_momentum(1.0);
    assert_eq!(fitted(averaged, 4).unwrap().weights, fitted(SGD::new(), 1).unwrap().weights);
}

#[test]
fn gradients_of_batches_add_up_to_a_step() {
    let start = fitted(SGD::new().learning_rate(0.0), 3).unwrap().weights;
    let waiting = SGD::new().gradient_accumulation_steps(4);
    assert_eq!(fitted(waiting.clone(), 3).unwrap().weights, start);
    assert_ne!(fitted(waiting, 4).unwrap().weights, start);
}

#[test]
fn a_scaled_loss_gives_the_same_step() {
    let plain = fitted(Adam::new(), 2).unwrap().weights;
    let scaled = fitted(Adam::new().loss_scale_factor(1024.0), 2).unwrap().weights;
    for (a, b) in plain.iter().zip(&scaled) {
        assert!((a.to_f64()[0] - b.to_f64()[0]).abs() < 1e-6, "{a:?} {b:?}");
    }
}

#[test]
fn the_learning_rate_is_that_of_the_next_step() {
    let rate = |optimizer: Optimizer| fitted(optimizer, 3).unwrap().learning_rate as f32;
    assert_eq!(rate(SGD::new().learning_rate(0.5).into()), 0.5);
    assert_eq!(rate(SGD::new().learning_rate(ExponentialDecay::new(0.8, 1, 0.5)).into()), 0.1);
    let step = Schedule::function("step", |step| step * 0.25);
    assert_eq!(rate(Adam::new().learning_rate(step).into()), 0.75);
}

#[test]
fn callbacks_set_numbers_but_not_schedules() {
    let fit = |optimizer: SGD| {
        let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1));
        model.compile(Compile::new(optimizer, "mse"))?;
        let x = Tensor::new([2, 1], vec![0f32, 1.0])?;
        let mut seen = vec![];
        let callback = LearningRateScheduler::new(|_, rate| {
            seen.push(rate as f32);
            rate / 2.0
        });
        model.fit(&x, &x, Fit::new().epochs(3).verbose(0).callback(callback))?;
        Ok::<_, Error>(seen)
    };
    assert_eq!(fit(SGD::new().learning_rate(0.5)).unwrap(), [0.5, 0.25, 0.125]);
    let error = fit(SGD::new().learning_rate(ExponentialDecay::new(0.5, 10, 0.5))).unwrap_err().to_string();
    assert!(
        error.contains("created with a learning rate schedule, hence its learning rate is not settable"),
        "{error}"
    );
}

#[test]
fn names_may_be_in_capitals() {
    assert_eq!(Optimizer::from("ADAM"), Adam::new().into());
    assert_eq!(Optimizer::from("RMSprop"), RMSprop::new().into());
}

#[test]
fn variables_keep_their_dtypes() {
    for name in Optimizer::NAMES {
        for dtype in [DType::F16, DType::BF16, DType::F64] {
            let optimizer = match *name {
                "LossScaleOptimizer" => LossScaleOptimizer::new(SGD::new()).into(),
                "MultiOptimizer" => MultiOptimizer::new(OptimizerMap::new(Adam::new())).into(),
                name => Optimizer::from(name),
            };
            let spec = Spec::new(dtype, [2, 3]);
            let variables = optimizer.build(&[("kernel", &Tensor::full([2, 3], dtype, 1.0))]).unwrap();
            let b = Builder::new();
            let own: Vec<Value> =
                variables.iter().map(|(_, v)| b.input(Spec::new(v.dtype(), v.shape()))).collect();
            let (weight, gradient) = (b.input(spec.clone()), b.input(Spec::f32([2, 3])));
            let (weights, after) =
                optimizer.stateless_apply(&own, &[gradient], &["kernel"], &[weight]).unwrap();
            assert_eq!(weights[0].spec(), &spec, "{name}");
            for ((before, after), (variable, _)) in own.iter().zip(&after).zip(&variables) {
                assert_eq!(before.spec(), after.spec(), "{name} {variable}");
            }
        }
    }
}

#[test]
fn arguments_that_make_no_sense() {
    let error = |optimizer: Optimizer| optimizer.check().unwrap_err().to_string();
    let cases: [(Optimizer, &str); 13] = [
        (SGD::new().momentum(1.5).into(), "SGD.momentum: must be between 0 and 1, got 1.5"),
        (SGD::new().learning_rate(f64::NAN).into(), "learning_rate: must be finite, got NaN"),
        (
            Adam::new().clipnorm(1.0).clipvalue(1.0).into(),
            "clipnorm, clipvalue, global_clipnorm: only one of them can be set, got clipnorm and clipvalue",
        ),
        (
            Adam::new().gradient_accumulation_steps(1).into(),
            "gradient_accumulation_steps: must be at least 2, got 1",
        ),
        (Adam::new().loss_scale_factor(0.0).into(), "loss_scale_factor: must not be 0"),
        (
            Adam::new().use_ema(true).ema_momentum(1.5).into(),
            "ema_momentum: must be between 0 and 1, got 1.5",
        ),
        (
            Adam::new().use_ema(true).ema_overwrite_frequency(0).into(),
            "ema_overwrite_frequency: must be at least 1, got 0",
        ),
        (Lion::new().beta_1(0.0).into(), "Lion.beta_1: must be more than 0 and at most 1, got 0"),
        (
            Ftrl::new().learning_rate_power(0.5).into(),
            "Ftrl.learning_rate_power: must not be positive, got 0.5",
        ),
        (
            Ftrl::new().l1_regularization_strength(-1.0).into(),
            "Ftrl.l1_regularization_strength: must not be negative, got -1",
        ),
        (
            SGD::new().learning_rate(ExponentialDecay::new(0.1, 0, 0.5)).into(),
            "ExponentialDecay.decay_steps: must be > 0, got 0",
        ),
        (
            SGD::new().learning_rate(PiecewiseConstantDecay::new([1], [0.1])).into(),
            "PiecewiseConstantDecay: needs one value more than boundaries, got 1 and 1 values",
        ),
        ("adamm".into(), "unknown optimizer `adamm`; did you mean `adam`?"),
    ];
    for (optimizer, message) in cases {
        let error = error(optimizer);
        assert!(error.starts_with(message), "{error}\nexpected {message}");
    }
}

#[test]
fn learning_rates_are_numbers_or_schedules() {
    let read = |json: &str| serde_json::from_str::<LearningRate>(json);
    assert_eq!(read("0.5").unwrap(), 0.5.into());
    let saved = serde_json::to_string(&LearningRate::from(ExponentialDecay::new(0.1, 100, 0.5))).unwrap();
    assert_eq!(read(&saved).unwrap(), ExponentialDecay::new(0.1, 100, 0.5).into());
    let unknown = read(r#"{"class_name":"ExponentialDecoy","config":{}}"#).unwrap();
    let error = unknown.check().unwrap_err().to_string();
    assert!(error.contains("did you mean `ExponentialDecay`?"), "{error}");
}

#[test]
fn a_loss_scale_that_is_too_large_is_halved_and_the_step_left_out() {
    let start = fitted(SGD::new().learning_rate(0.0), 3).unwrap().weights;
    // Gradients of float32 overflow, however often 1e38 is halved in three steps.
    let too_large = LossScaleOptimizer::new(SGD::new()).initial_scale(3e38);
    assert_eq!(fitted(too_large, 3).unwrap().weights, start);
    let plain = fitted(Adam::new(), 4).unwrap();
    let scaled = fitted(LossScaleOptimizer::new(Adam::new()).dynamic_growth_steps(2), 4).unwrap();
    assert_eq!(scaled.weights, plain.weights, "powers of two change no digit");
    assert_eq!(scaled.learning_rate, plain.learning_rate);
}

#[test]
fn each_weight_has_its_optimizer() {
    let map = OptimizerMap::new(SGD::new()).optimizer("dense.*/bias", SGD::new().learning_rate(0.0));
    let weights = fitted(MultiOptimizer::new(map), 3).unwrap_err();
    assert!(weights.to_string().contains("no learning rate of its own"), "{weights}");
    let twice =
        OptimizerMap::new(SGD::new()).optimizer(".*/bias", Adam::new()).optimizer("dense.*", Adam::new());
    let e = fitted(MultiOptimizer::new(twice), 1).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(e.contains("several match the weight"), "{e}");
}

/// A callback that interrupts training.
struct Interrupt(usize);

impl Callback for Interrupt {
    fn on_epoch_end(&mut self, _: &mut Context, epoch: usize, _: &mut Logs) -> Result<()> {
        if epoch == self.0 { Err(Error::State("interrupted".into())) } else { Ok(()) }
    }
}

#[test]
fn training_goes_on_after_an_interruption() {
    let folder = std::env::temp_dir().join(format!("cornu_backup_{}", std::process::id()));
    let train = |interrupt: Option<usize>| -> Result<(Vec<Tensor>, usize)> {
        utils::set_random_seed(3);
        let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1));
        model.compile(Compile::new(Adam::new(), "mse"))?;
        let (x, y) = (Tensor::new([2, 1], vec![1f32, 2.0])?, Tensor::new([2, 1], vec![3f32, 5.0])?);
        let mut fit = Fit::new().epochs(5).shuffle(false).verbose(0).callback(BackupAndRestore::new(&folder));
        if let Some(epoch) = interrupt {
            fit = fit.callback(Interrupt(epoch));
        }
        let history = model.fit(&x, &y, fit)?;
        Ok((model.get_weights()?, history.epoch.len()))
    };
    let whole = train(None).unwrap();
    assert_eq!(whole.1, 5);
    assert!(!folder.exists(), "deleted at the end");
    assert!(train(Some(2)).unwrap_err().to_string().contains("interrupted"));
    let rest = train(None).unwrap();
    assert_eq!(rest, (whole.0, 2));
    assert!(!folder.exists());
}

#[test]
fn weights_that_do_not_decay() {
    let decayed = |excluded: &[&str]| {
        let sgd = SGD::new().learning_rate(0.1).weight_decay(0.5);
        let sgd = sgd.exclude_from_weight_decay(excluded.to_vec());
        let mut model = Sequential::new()
            .add(Input::new([2]))
            .add(Dense::new(1).kernel_initializer("ones").bias_initializer("ones"));
        let nothing = Loss::function("nothing", |_, y_pred| (y_pred * 0.0).sum([-1]));
        model.compile(Compile::new(sgd, nothing)).unwrap();
        let x = Tensor::ones([1, 2], DType::F32);
        model.train_on_batch(&x, Tensor::ones([1, 1], DType::F32)).unwrap();
        model.get_weights().unwrap().iter().map(|w| (w.to_f64()[0] * 100.0).round()).collect::<Vec<f64>>()
    };
    assert_eq!(decayed(&[]), [95.0, 95.0]);
    assert_eq!(decayed(&["bias"]), [95.0, 100.0]);
    assert_eq!(decayed(&["^k", "x"]), [100.0, 95.0]);
    // Names, not paths.
    assert_eq!(decayed(&["dense"]), [95.0, 95.0]);

    let adam = Adam::new().exclude_from_weight_decay(["bias"]);
    let saved = serde_json::to_value(Optimizer::from(adam)).unwrap();
    assert!(saved["config"].get("exclude_from_weight_decay").is_none());
    let wrong = Optimizer::from(Adam::new().exclude_from_weight_decay(["("]));
    assert!(wrong.check().unwrap_err().to_string().contains("exclude_from_weight_decay"));
}
