//! What training, evaluation, prediction and callbacks print, beside what Keras 3.15.1 prints for the same; times aside.
#![allow(clippy::unwrap_used)]
mod still;

use cornu::callbacks::{Callback, Context};
use cornu::optimizers::OptimizerMap;
use cornu::prelude::*;
use cornu::training::Dataset;
use std::process::Command;
use still::{compiled, sgd};

const SPEAKS: &str = "CORNU_TEST_SPEAKS";

/// Puts values into the logs of each epoch.
struct Script(&'static str, &'static [f64]);

impl Callback for Script {
    fn on_epoch_end(&mut self, _: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        logs.set(self.0, f64::from(self.1[epoch] as f32));
        Ok(())
    }
}

const V: &[f64] = &[0.6, 0.5, 0.4, 0.5];
const SAME: &[f64] = &[0.5; 4];

fn zeros(rows: usize) -> Tensor {
    Tensor::zeros([rows, 1], DType::F32)
}

/// Three batches an epoch.
fn fit(model: &mut Model, fit: Fit) {
    model.fit(zeros(6), zeros(6), fit.batch_size(2).shuffle(false)).unwrap();
}

fn quiet<'a>(epochs: usize) -> Fit<'a> {
    Fit::new().epochs(epochs).verbose(0)
}

fn plateau(factor: f64, min_lr: f64) -> ReduceLROnPlateau {
    ReduceLROnPlateau::new().patience(1).factor(factor).min_lr(min_lr).verbose(1)
}

fn odd_numbers() -> impl Callback {
    LambdaCallback::new().on_epoch_end(|_, _, logs| {
        let values = [
            ("neg", -0.5),
            ("small", 1e-3),
            ("nan", f64::NAN),
            ("ninf", f64::NEG_INFINITY),
            ("big", 123456.789),
        ];
        values.iter().for_each(|(name, value)| logs.set(name, *value));
        logs.set_list("list", vec![0.25, 0.75]);
        Ok(())
    })
}

fn stops_after_two() -> impl Callback {
    LambdaCallback::new().on_train_batch_end(|cx, batch, _| {
        if batch == 1 {
            cx.stop_training();
        }
        Ok(())
    })
}

fn multi() -> Sequential {
    let map = OptimizerMap::new(SGD::new().learning_rate(0.1))
        .optimizer("none/.*", Adam::new().learning_rate(0.01));
    compiled(MultiOptimizer::new(map))
}

const NO: &str = "loss: 0.0000e+00 - mae: 0.0000e+00";
const VAL: &str = "loss: 0.0000e+00 - mae: 0.0000e+00 - val_loss: 0.0000e+00 - val_mae: 0.0000e+00";
const BAR: &str = "━━━━━━━━━━━━━━━━━━━━";

/// What speaks, and what it says.
type Case = (fn(), String);

fn cases() -> Vec<Case> {
    vec![
        (|| fit(&mut sgd(0.1), Fit::new().verbose(2).validation_data((zeros(6), zeros(6)))), format!("3/3 - T - T/step - {VAL}\n")),
        (|| fit(&mut sgd(0.1), Fit::new().verbose(1).validation_data((zeros(6), zeros(6)))), format!("3/3 {BAR} T T/step - {VAL}\n")),
        (
            || fit(&mut sgd(0.1), Fit::new().verbose(2).epochs(2)),
            format!("Epoch 1/2\n3/3 - T - T/step - {NO}\nEpoch 2/2\n3/3 - T - T/step - {NO}\n"),
        ),
        (
            || fit(&mut sgd(0.1), Fit::new().verbose(1).epochs(2)),
            format!("Epoch 1/2\n3/3 {BAR} T T/step - {NO}\nEpoch 2/2\n3/3 {BAR} T T/step - {NO}\n"),
        ),
        // Callbacks come before the progress of an epoch.
        (
            || {
                let rate = LearningRateScheduler::new(|_, _| 0.1).verbose(1);
                let stop = EarlyStopping::new().monitor("loss").mode("max").verbose(1);
                fit(&mut sgd(0.1), Fit::new().verbose(2).epochs(3).callback(rate).callback(stop));
            },
            format!(
                "\nEpoch 1: LearningRateScheduler setting learning rate to 0.1.\nEpoch 1/3\n3/3 - T - T/step - {NO} - \
                 learning_rate: 0.1000\n\nEpoch 2: LearningRateScheduler setting learning rate to 0.1.\nEpoch 2/3\n3/3 - T - \
                 T/step - {NO} - learning_rate: 0.1000\nEpoch 2: early stopping\n"
            ),
        ),
        (
            || fit(&mut sgd(0.1), Fit::new().verbose(2).callback(odd_numbers())),
            format!(
                "3/3 - T - T/step - {NO} - neg: -5.0000e-01 - small: 1.0000e-03 - nan: nan - ninf: -inf - \
                 big: 123456.7890 - list: 0.5000\n"
            ),
        ),
        (
            || fit(&mut sgd(0.1), Fit::new().verbose(1).callback(odd_numbers())),
            format!(
                "3/3 {BAR} T T/step - {NO} - neg: -0.5000 - small: 1.0000e-03 - nan: nan - ninf: -inf - \
                 big: 123456.7890 - list: 0.5000\n"
            ),
        ),
        // An epoch that was ended shows all of its steps.
        (
            || fit(&mut sgd(0.1), Fit::new().verbose(2).epochs(2).callback(stops_after_two())),
            format!("Epoch 1/2\n3/3 - T - T/step - {NO}\n"),
        ),
        (
            || drop(sgd(0.1).evaluate(zeros(6), zeros(6), Evaluate::new().batch_size(4).verbose(2))),
            format!("2/2 - T - T/step - {NO}\n"),
        ),
        (
            || drop(sgd(0.1).evaluate(zeros(6), zeros(6), Evaluate::new().batch_size(2).steps(2).verbose(1))),
            format!("2/2 {BAR} T T/step - {NO}\n"),
        ),
        (|| drop(sgd(0.1).predict(zeros(6), Predict::new().batch_size(4).verbose(2))), "2/2 - T - T/step\n".into()),
        (|| drop(sgd(0.1).predict(zeros(6), Predict::new().batch_size(4))), format!("2/2 {BAR} T T/step\n")),
        // The steps that were asked for, though the data ends before them.
        (
            || fit(&mut sgd(0.1), Fit::new().verbose(2).steps_per_epoch(5)),
            format!("5/5 - T - T/step - {NO}\n"),
        ),
        (
            || drop(sgd(0.1).evaluate(zeros(6), zeros(6), Evaluate::new().batch_size(2).steps(5).verbose(2))),
            format!("5/5 - T - T/step - {NO}\n"),
        ),
        (
            || {
                let three = Dataset::from_generator(|| (0..3).map(|_| Ok((zeros(2), zeros(2)).into())));
                sgd(0.1).fit(three, (), Fit::new().verbose(2)).unwrap();
            },
            format!("3/3 - T - T/step - {NO}\n"),
        ),
        (
            || fit(&mut sgd(0.1), Fit::new().verbose(2).epochs(3).initial_epoch(2)),
            format!("Epoch 3/3\n3/3 - T - T/step - {NO}\n"),
        ),
        (
            || {
                let endless = Dataset::generator((0..).map(|_| Ok((zeros(2), zeros(2)).into())));
                let fit = Fit::new().verbose(2).epochs(2).steps_per_epoch(2);
                sgd(0.1).fit(endless, (), fit).unwrap();
            },
            format!("Epoch 1/2\n2/2 - T - T/step - {NO}\nEpoch 2/2\n2/2 - T - T/step - {NO}\n"),
        ),
        (
            || {
                let stop = EarlyStopping::new().patience(1).restore_best_weights(true).verbose(1);
                fit(&mut sgd(0.1), quiet(4).callback(Script("val_loss", V)).callback(stop));
            },
            "Epoch 4: early stopping\nRestoring model weights from the end of the best epoch: 3.\n".into(),
        ),
        (
            || {
                let stop = EarlyStopping::new().patience(9).restore_best_weights(true).verbose(1);
                fit(&mut sgd(0.1), quiet(4).callback(Script("val_loss", V)).callback(stop));
            },
            "Restoring model weights from the end of the best epoch: 3.\n".into(),
        ),
        (
            || fit(&mut sgd(1e-3), quiet(4).callback(Script("val_loss", SAME)).callback(plateau(0.1, 1e-5))),
            "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.00010000000474974513.\n\nEpoch 3: ReduceLROnPlateau \
             reducing learning rate to 1.0000000474974514e-05.\n\nEpoch 4: ReduceLROnPlateau reducing learning rate to 1e-05.\n"
                .into(),
        ),
        (
            || fit(&mut sgd(1e17), quiet(2).callback(Script("val_loss", SAME)).callback(plateau(0.5, 0.0))),
            "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 4.999999921533747e+16.\n".into(),
        ),
        (
            || fit(&mut sgd(0.1), quiet(2).callback(LearningRateScheduler::new(|epoch, _| [1e16, 123456.0][epoch]).verbose(1))),
            "\nEpoch 1: LearningRateScheduler setting learning rate to 1e+16.\n\nEpoch 2: LearningRateScheduler setting \
             learning rate to 123456.0.\n"
                .into(),
        ),
        (
            || {
                let rate = LearningRateScheduler::new(|_, rate| rate * 0.5).verbose(1);
                let least = ReduceLROnPlateau::new().patience(1).min_lr(0.004).verbose(1);
                fit(&mut multi(), quiet(2).callback(Script("val_loss", SAME)).callback(rate).callback(least));
            },
            "\nEpoch 1: LearningRateScheduler setting adam learning rate to 0.004999999888241291.\n\nEpoch 1: \
             LearningRateScheduler setting sgd learning rate to 0.05000000074505806.\n\nEpoch 2: LearningRateScheduler \
             setting adam learning rate to 0.0024999999441206455.\n\nEpoch 2: LearningRateScheduler setting sgd learning rate \
             to 0.02500000037252903.\n\nEpoch 2: ReduceLROnPlateau reducing sgd learning rate to 0.004.\n"
                .into(),
        ),
        (
            || {
                let nan = Tensor::full([6, 1], DType::F32, f64::INFINITY);
                let fit = quiet(3).batch_size(2).callback(TerminateOnNaN::new());
                sgd(0.1).fit(nan, zeros(6), fit).unwrap();
            },
            "Batch 0: Invalid loss, terminating training\n".into(),
        ),
        (
            || checkpoint(|c| c),
            "\nEpoch 1: saving model to m1.keras\n\nEpoch 1: finished saving model to m1.keras\n\nEpoch 2: saving model to \
             m2.keras\n\nEpoch 2: finished saving model to m2.keras\n"
                .into(),
        ),
        (
            || checkpoint(|c| c.save_best_only(true).mode("max")),
            "\nEpoch 1: val_loss improved from None to 0.60000, saving model to m1.keras\n\nEpoch 1: finished saving model to \
             m1.keras\n\nEpoch 2: val_loss did not improve from 0.60000\n"
                .into(),
        ),
        (
            || checkpoint(|c| c.save_best_only(true).initial_value_threshold(0.55)),
            "\nEpoch 1: val_loss did not improve from 0.55000\n\nEpoch 2: val_loss improved from 0.55000 to 0.50000, saving \
             model to m2.keras\n\nEpoch 2: finished saving model to m2.keras\n"
                .into(),
        ),
        (
            || checkpoint(|c| c.save_best_only(true).monitor("val_mae")),
            "\nEpoch 1: finished saving model to m1.keras\n\nEpoch 2: finished saving model to m2.keras\n".into(),
        ),
    ]
}

/// Two epochs with a checkpoint each, in the folder that the program runs in.
fn checkpoint(change: fn(ModelCheckpoint) -> ModelCheckpoint) {
    let checkpoint = change(ModelCheckpoint::new("m{epoch}.keras").verbose(1));
    fit(&mut sgd(0.1), quiet(2).callback(Script("val_loss", V)).callback(checkpoint));
}

/// Speaks, in a process of its own that [`as_keras_says_it`] starts.
#[test]
fn speaks() {
    if std::env::var_os(SPEAKS).is_some() {
        for (i, (speak, _)) in cases().into_iter().enumerate() {
            println!("\n[{i}]");
            speak();
            print!("[end]");
        }
    }
}

/// Numbers before a unit of time are T.
fn timeless(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let digits = word.chars().take_while(char::is_ascii_digit).count();
        let unit = ["us", "ms", "s"].into_iter().find_map(|unit| word[digits..].strip_prefix(unit));
        match unit.filter(|rest| digits > 0 && (rest.trim().is_empty() || rest.starts_with('/'))) {
            Some(rest) => format!("T{rest}"),
            None => word.into(),
        }
    });
    words.collect()
}

#[test]
fn as_keras_says_it() {
    let folder = std::env::temp_dir().join(format!("cornu-text-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let spoken = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "speaks", "--nocapture"])
        .env(SPEAKS, "1")
        .current_dir(&folder)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let text = String::from_utf8(spoken.stdout).unwrap();
    assert!(spoken.status.success(), "{text}");
    // What is not there is told of once in each call of `fit`, not in every epoch.
    let warnings = String::from_utf8(spoken.stderr).unwrap();
    assert_eq!(
        warnings.matches("warning: ModelCheckpoint watches `val_mae`, which is not there").count(),
        1,
        "{warnings}"
    );
    for (i, (_, want)) in cases().into_iter().enumerate() {
        let (_, said) = text.split_once(&format!("\n[{i}]\n")).unwrap();
        let (said, _) = said.split_once("[end]").unwrap();
        assert_eq!(timeless(said), want, "case {i}");
    }
}
