//! When callbacks are called, and what they end, in odd configurations: as in Keras 3.15.1.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::callbacks::{Callback, Context};
use cornu::prelude::*;
use cornu::training::{Dataset, Source};

/// Notes each call, and ends something at one.
#[derive(Default)]
struct Notes {
    calls: Vec<String>,
    at: &'static str,
    ends: Option<fn(&mut Context)>,
}

impl Notes {
    fn note(&mut self, cx: &mut Context, call: String, logs: Option<&Logs>) -> Result<()> {
        let names = |logs: &Logs| logs.iter().map(|(name, _)| name).collect::<Vec<_>>().join("/");
        if call == self.at {
            self.ends.unwrap()(cx);
        }
        self.calls.push(format!("{call} {}", logs.map(names).unwrap_or_default()).trim_end().into());
        Ok(())
    }
}

impl Callback for Notes {
    fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.note(cx, "train<".into(), None)
    }
    fn on_train_end(&mut self, cx: &mut Context, logs: &Logs) -> Result<()> {
        self.note(cx, "train>".into(), Some(logs))
    }
    fn on_epoch_begin(&mut self, cx: &mut Context, epoch: usize) -> Result<()> {
        self.note(cx, format!("epoch< {epoch}"), None)
    }
    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.note(cx, format!("epoch> {epoch}"), Some(logs))
    }
    fn on_train_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        self.note(cx, format!("< {batch}"), None)
    }
    fn on_train_batch_end(&mut self, cx: &mut Context, batch: usize, _: &Logs) -> Result<()> {
        self.note(cx, format!("> {batch}"), None)
    }
    fn on_test_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.note(cx, "test<".into(), None)
    }
    fn on_test_end(&mut self, cx: &mut Context, logs: &Logs) -> Result<()> {
        self.note(cx, "test>".into(), Some(logs))
    }
    fn on_test_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        self.note(cx, format!("t< {batch}"), None)
    }
    fn on_test_batch_end(&mut self, cx: &mut Context, batch: usize, _: &Logs) -> Result<()> {
        self.note(cx, format!("t> {batch}"), None)
    }
    fn on_predict_begin(&mut self, cx: &mut Context) -> Result<()> {
        self.note(cx, "predict<".into(), None)
    }
    fn on_predict_end(&mut self, cx: &mut Context) -> Result<()> {
        self.note(cx, "predict>".into(), None)
    }
    fn on_predict_batch_begin(&mut self, cx: &mut Context, batch: usize) -> Result<()> {
        self.note(cx, format!("p< {batch}"), None)
    }
    fn on_predict_batch_end(&mut self, cx: &mut Context, batch: usize, _: &[Tensor]) -> Result<()> {
        self.note(cx, format!("p> {batch}"), None)
    }
}

fn model(steps_per_execution: usize) -> Sequential {
    utils::clear_session();
    let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1).kernel_initializer("zeros"));
    model.compile(Compile::new("sgd", "mse").steps_per_execution(steps_per_execution)).unwrap();
    model
}

fn zeros(rows: usize) -> Tensor {
    Tensor::zeros([rows, 1], DType::F32)
}

/// Samples as arrays, or one batch of two after another.
fn source(streamed: bool, rows: usize) -> (Source<'static>, Vec<Tensor>) {
    if streamed {
        let batches = move || (0..rows / 2).map(|_| Ok((zeros(2), zeros(2)).into()));
        (Dataset::from_generator(batches).into(), vec![])
    } else {
        (zeros(rows).into(), vec![zeros(rows)])
    }
}

#[test]
fn training_ends_after_the_batch_or_the_epoch_in_which_it_is_told_to() {
    let validated = "loss/val_loss";
    let whole = "> 0; > 1; > 2; > 3";
    for (at, epochs, want) in [
        ("train<", 1, "> 0; epoch> 0".to_string()),
        ("epoch< 0", 1, "> 0; epoch> 0".into()),
        ("epoch< 1", 2, format!("{whole}; epoch> 0 {validated}; > 0; epoch> 1")),
        ("< 0", 1, "> 0; epoch> 0".into()),
        ("< 1", 1, "> 0; > 1; epoch> 0".into()),
        ("> 1", 1, "> 0; > 1; epoch> 0".into()),
        ("test<", 1, format!("{whole}; epoch> 0")),
        ("t> 0", 1, format!("{whole}; epoch> 0")),
        ("test>", 1, format!("{whole}; epoch> 0")),
        ("epoch> 0", 1, format!("{whole}; epoch> 0")),
    ] {
        for streamed in [false, true] {
            let mut notes = Notes { at, ends: Some(|cx| cx.stop_training()), ..Notes::default() };
            let (x, y) = source(streamed, 8);
            let fit = Fit::new().epochs(2).verbose(0).validation_data((zeros(2), zeros(2)));
            let fit = if streamed { fit } else { fit.batch_size(2) };
            let history = model(1).fit(x, y, fit.callback(&mut notes)).unwrap();
            let calls: Vec<&str> = notes
                .calls
                .iter()
                .map(String::as_str)
                .filter(|c| c.starts_with("> ") || c.contains('>') && c.contains("epoch"))
                .collect();
            assert_eq!(calls.join("; "), format!("{want} {validated}"), "{at} {streamed}");
            assert_eq!(history.epoch.len(), epochs, "{at}");
            assert_eq!(notes.calls.last().unwrap(), "train> loss/val_loss");
        }
    }
}

#[test]
fn where_no_batch_is_watched_one_runs_nevertheless() {
    for (together, steps) in [(1, 1), (3, 3)] {
        let mut model = model(together);
        let stop = LambdaCallback::new().on_epoch_begin(|cx, _| {
            cx.stop_training();
            Ok(())
        });
        let fit = Fit::new().epochs(3).batch_size(2).verbose(0).callback(stop);
        assert_eq!(model.fit(zeros(8), zeros(8), fit).unwrap().epoch, [0]);
        assert_eq!(model.iterations().unwrap(), Some(steps));
    }
}

#[test]
fn stations_with_validation_now_and_then() {
    let epoch = |n: usize, batches: &str, test: &str| {
        let logs = if test.is_empty() { "loss" } else { "loss/val_loss" };
        format!("epoch< {n}; {batches}; {test}epoch> {n} {logs}; ")
    };
    let two = "< 0; > 0; < 1; > 1";
    let test = "test<; t< 0; t> 0; t< 1; t> 1; t< 2; t> 2; test> loss; ";
    let one_by_one =
        ["train<; ".into(), epoch(0, two, ""), epoch(1, two, test), epoch(2, two, ""), "train> loss".into()];
    let six = "< 0; > 2; < 3; > 5";
    let test = "test<; t< 0; t> 2; test> loss; ";
    let together =
        ["train<; ".into(), epoch(0, six, ""), epoch(1, six, test), epoch(2, six, ""), "train> loss".into()];
    for (steps_per_execution, want) in [(1, one_by_one.concat()), (3, together.concat())] {
        let mut notes = Notes::default();
        let fit = Fit::new()
            .batch_size(2)
            .epochs(3)
            .verbose(0)
            .validation_data((zeros(6), zeros(6)))
            .validation_freq(2);
        let fit = if steps_per_execution == 1 { fit.steps_per_epoch(2) } else { fit };
        model(steps_per_execution).fit(zeros(8), zeros(8), fit.callback(&mut notes)).unwrap();
        assert_eq!(notes.calls.join("; "), want);
    }
    for first in [0, 2] {
        let mut notes = Notes::default();
        let fit = Fit::new().initial_epoch(first).epochs(first).verbose(0).callback(&mut notes);
        model(1).fit(zeros(8), zeros(8), fit).unwrap();
        assert_eq!(notes.calls, ["train<", "train>"]);
    }
}

#[test]
fn evaluation_and_prediction_end_when_told_to() {
    let evaluating: fn(&mut Context) = |cx| cx.stop_evaluating();
    let predicting: fn(&mut Context) = |cx| cx.stop_predicting();
    for streamed in [false, true] {
        for at in ["t> 0", "t< 0", "test<"] {
            let mut notes = Notes { at, ends: Some(evaluating), ..Notes::default() };
            let (x, y) = source(streamed, 6);
            let evaluate = Evaluate::new().verbose(0).callback(&mut notes);
            let evaluate = if streamed { evaluate } else { evaluate.batch_size(2) };
            model(1).evaluate(x, y, evaluate).unwrap();
            assert_eq!(notes.calls.join("; "), "test<; t< 0; t> 0; test> loss", "{at}");
        }
        for (at, batches) in [("p> 1", 2), ("p< 0", 1), ("predict<", 1)] {
            let mut notes = Notes { at, ends: Some(predicting), ..Notes::default() };
            let predict = Predict::new().verbose(0).callback(&mut notes);
            let predict = if streamed { predict } else { predict.batch_size(2) };
            let y = model(1).predict(source(streamed, 6).0, predict).unwrap();
            assert_eq!(y.shape(), [2 * batches, 1], "{at}");
            assert_eq!(notes.calls.len(), 2 + 2 * batches, "{:?}", notes.calls);
        }
    }
    // A validation is ended each time anew.
    let mut notes = Notes { at: "t> 0", ends: Some(evaluating), ..Notes::default() };
    let fit = Fit::new()
        .epochs(2)
        .batch_size(2)
        .verbose(0)
        .validation_data((zeros(6), zeros(6)))
        .callback(&mut notes);
    model(1).fit(zeros(2), zeros(2), fit).unwrap();
    assert_eq!(notes.calls.iter().filter(|call| call.starts_with("t> ")).count(), 2);
    // Where no batch is watched, one is evaluated.
    let stop = LambdaCallback::new().on_predict_begin(|cx| {
        cx.stop_predicting();
        Ok(())
    });
    let y = model(1).predict(zeros(6), Predict::new().batch_size(2).verbose(0).callback(stop)).unwrap();
    assert_eq!(y.shape(), [2, 1]);
}

#[test]
fn the_number_of_batches() {
    let mut seen = vec![];
    let mut note = |what: &'static str, cx: &mut Context| seen.push((what, cx.steps(), cx.epochs()));
    struct Steps<'a>(&'a mut dyn FnMut(&'static str, &mut Context));
    impl Callback for Steps<'_> {
        fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
            (self.0)("fit", cx);
            Ok(())
        }
        fn on_test_begin(&mut self, cx: &mut Context) -> Result<()> {
            (self.0)("test", cx);
            Ok(())
        }
        fn on_predict_begin(&mut self, cx: &mut Context) -> Result<()> {
            (self.0)("predict", cx);
            Ok(())
        }
    }
    let mut model = model(1);
    let fit = Fit::new().epochs(3).batch_size(4).verbose(0).validation_data((zeros(2), zeros(2)));
    model.fit(zeros(6), zeros(6), fit.callback(Steps(&mut note))).unwrap();
    let fit = Fit::new().epochs(3).verbose(0).callback(Steps(&mut note));
    model.fit(source(true, 4).0, (), fit).unwrap();
    let fit = Fit::new().epochs(3).steps_per_epoch(2).verbose(0).callback(Steps(&mut note));
    model.fit(zeros(6), zeros(6), fit).unwrap();
    let evaluate = Evaluate::new().batch_size(2).verbose(0).callback(Steps(&mut note));
    model.evaluate(zeros(6), zeros(6), evaluate).unwrap();
    model.predict(zeros(6), Predict::new().steps(1).verbose(0).callback(Steps(&mut note))).unwrap();
    let test = ("test", Some(2), 3);
    let fits = [("fit", Some(2), 3), test, test, test, ("fit", None, 3), ("fit", Some(2), 3)];
    assert_eq!(seen, [&fits[..], &[("test", Some(3), 3), ("predict", Some(1), 3)]].concat());
}

#[test]
fn logs_at_the_end() {
    // What callbacks add to the logs of an epoch is not there at the end of training; the next `fit` has a history of its own.
    let mut notes = Notes::default();
    let mut model = model(1);
    let fit = Fit::new()
        .epochs(2)
        .verbose(0)
        .callback(LearningRateScheduler::new(|_, rate| rate))
        .callback(&mut notes);
    let history = model.fit(zeros(2), zeros(2), fit).unwrap();
    assert_eq!(notes.calls[notes.calls.len() - 2..], ["epoch> 1 loss/learning_rate", "train> loss"]);
    assert_eq!((history.epoch.len(), history.get("learning_rate").len()), (2, 2));
    let history = model.fit(zeros(2), zeros(2), Fit::new().verbose(0)).unwrap();
    assert_eq!((history.epoch, history.history.len()), (vec![0], 1));

    // In the order of names, of validation as well.
    utils::clear_session();
    let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1).kernel_initializer("zeros"));
    let metrics = ["wer", "Zed"].map(|name| cornu::metrics::MeanAbsoluteError::new().name(name).into());
    model.compile(Compile::new("sgd", "mse").metrics(Vec::<cornu::metrics::Metric>::from(metrics))).unwrap();
    let mut notes = Notes::default();
    let fit = Fit::new().verbose(0).validation_data((zeros(2), zeros(2))).callback(&mut notes);
    model.fit(zeros(2), zeros(2), fit).unwrap();
    assert_eq!(notes.calls[notes.calls.len() - 2], "epoch> 0 Zed/loss/val_Zed/val_loss/val_wer/wer");
}

/// After an epoch with an error the means are in the place of the weights, as after one without.
#[test]
fn means_of_weights_after_an_error() {
    for fails in [false, true] {
        utils::clear_session();
        let mut model = Sequential::new()
            .add(Input::new([1]))
            .add(Dense::new(1).use_bias(false).kernel_initializer("ones"));
        let sgd = SGD::new().learning_rate(0.25).use_ema(true).ema_momentum(0.5);
        model.compile(Compile::new(sgd, "mse")).unwrap();
        let fit = Fit::new().batch_size(2).verbose(0).callback(LambdaCallback::new().on_epoch_end(
            move |_, _, _| {
                if fails { Err(Error::State("stop".into())) } else { Ok(()) }
            },
        ));
        assert_eq!(model.fit(Tensor::ones([4, 1], DType::F32), zeros(4), fit).is_err(), fails);
        assert_eq!(model.get_weights().unwrap()[0].to_f64(), [0.375]);
    }
}

#[test]
fn means_of_weights() {
    let mut calls: Vec<(String, f64)> = vec![];
    struct Weights<'a>(&'a mut Vec<(String, f64)>);
    impl Weights<'_> {
        fn note(&mut self, cx: &mut Context, call: &str) -> Result<()> {
            self.0.push((call.into(), cx.model().get_weights()?[0].to_f64()[0]));
            Ok(())
        }
    }
    impl Callback for Weights<'_> {
        fn on_epoch_begin(&mut self, cx: &mut Context, _: usize) -> Result<()> {
            self.note(cx, "epoch<")
        }
        fn on_test_begin(&mut self, cx: &mut Context) -> Result<()> {
            self.note(cx, "test<")
        }
        fn on_test_end(&mut self, cx: &mut Context, _: &Logs) -> Result<()> {
            self.note(cx, "test>")
        }
        fn on_epoch_end(&mut self, cx: &mut Context, _: usize, _: &mut Logs) -> Result<()> {
            self.note(cx, "epoch>")
        }
        fn on_train_end(&mut self, cx: &mut Context, _: &Logs) -> Result<()> {
            self.note(cx, "train>")
        }
    }
    for (on_epoch, ends) in [(false, [0.25, 0.0625, 0.015625]), (true, [0.375, 0.15625, 0.0546875])] {
        calls.clear();
        utils::clear_session();
        let mut model = Sequential::new()
            .add(Input::new([1]))
            .add(Dense::new(1).use_bias(false).kernel_initializer("ones"));
        let sgd = SGD::new().learning_rate(0.25).use_ema(true).ema_momentum(0.5);
        model.compile(Compile::new(sgd, "mse")).unwrap();
        let (x, y) = (Tensor::ones([4, 1], DType::F32), zeros(4));
        let fit = Fit::new().batch_size(2).epochs(3).verbose(0).validation_data((&x, &y));
        let swap = SwapEMAWeights::new().swap_on_epoch(on_epoch);
        model.fit(&x, &y, fit.callback(swap).callback(Weights(&mut calls))).unwrap();
        let mut want = vec![];
        for (i, (before, (mean, after))) in [1.0, 0.25, 0.0625]
            .into_iter()
            .zip([(0.375, 0.25), (0.15625, 0.0625), (0.0546875, 0.015625)])
            .enumerate()
        {
            want.extend([("epoch<", before), ("test<", mean), ("test>", after), ("epoch>", ends[i])]);
        }
        want.push(("train>", 0.0546875));
        let got: Vec<(&str, f64)> = calls.iter().map(|(call, value)| (call.as_str(), *value)).collect();
        assert_eq!(got, want, "{on_epoch}");
    }
}
