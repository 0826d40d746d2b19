//! `fit`, `evaluate` and `predict` with numbers of steps do what the same arguments do in code.
#![allow(clippy::unwrap_used)]
use cornu::data::npz;
use cornu::prelude::*;
use std::path::{Path, PathBuf};
use std::process::Command;

fn numbers(count: usize, width: usize) -> Tensor {
    let values = (0..count * width).map(|i| (i * 7 % 11) as f32 / 11.0 - 0.5).collect();
    Tensor::new([count, width], values).unwrap()
}

/// What the command says on standard error.
fn cornu(at: &Path, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(env!("CARGO_BIN_EXE_cornu")).current_dir(at).args(arguments).output().unwrap();
    let text = String::from_utf8(done.stderr).unwrap();
    if done.status.success() { Ok(text) } else { Err(text) }
}

/// A folder with a compiled model and data, and the model.
fn place(name: &str) -> (PathBuf, Model) {
    let at = std::env::temp_dir().join(format!("cornu-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&at).unwrap();
    let x = Input::new([3]).tensor();
    let y = Dense::new(1).apply(&x);
    let mut model = Model::new([x], [y]).unwrap();
    model.compile(Compile::new(SGD::new().learning_rate(0.1), "mse")).unwrap();
    model.save(at.join("model.keras")).unwrap();
    npz::save(at.join("data.npz"), &[("x", &numbers(20, 3)), ("y", &numbers(20, 1))]).unwrap();
    npz::save(at.join("val.npz"), &[("x", &numbers(11, 3)), ("y", &numbers(11, 1))]).unwrap();
    (at, model)
}

#[test]
fn of_fit() {
    let (at, mut model) = place("steps-fit");
    let fit = "fit model.keras --data data.npz --no-shuffle --epochs 5 --initial-epoch 1 --steps-per-epoch 3 \
               --validation-data val.npz --validation-steps 2 --validation-batch-size 4 --validation-freq 2,5 --history h.json";
    let said = cornu(&at, &fit.split_whitespace().collect::<Vec<_>>()).unwrap();
    assert_eq!(said, "");
    let text = std::fs::read_to_string(at.join("h.json")).unwrap();
    let got: serde_json::Value = serde_json::from_str(&text).unwrap();

    let (x, y) = (numbers(11, 3), numbers(11, 1));
    let validation = Fit::new().validation_data((&x, &y)).validation_steps(2).validation_batch_size(4);
    let options = validation.validation_freq([2, 5]).batch_size(7).epochs(5).initial_epoch(1).shuffle(false);
    let want = model.fit(numbers(20, 3), numbers(20, 1), options.verbose(0)).unwrap();
    for (name, count) in [("loss", 4), ("val_loss", 2)] {
        assert_eq!(want.get(name).len(), count);
        assert_eq!(got[name], serde_json::json!(want.get(name)), "{name}");
    }
    let error =
        cornu(&at, &["fit", "model.keras", "--data", "data.npz", "--validation-freq", "2,x"]).unwrap_err();
    assert!(error.contains("expected `2` or `1,5,10`, got `2,x`"), "{error}");
    std::fs::remove_dir_all(at).unwrap();
}

#[test]
fn of_evaluate_and_predict() {
    let (at, mut model) = place("steps-evaluate");
    let short = "warning: the data ran out after 3 of 4 steps\n";
    for (options, rows, said) in [
        (vec!["--steps", "3"], 20, ""),
        (vec!["--steps", "2", "--batch-size", "4"], 8, ""),
        (vec!["--steps", "4", "--batch-size", "8"], 20, short),
    ] {
        let run = |command: &[&str]| cornu(&at, &[command, &options].concat()).unwrap();
        assert_eq!(run(&["evaluate", "model.keras", "--data", "data.npz", "--output", "m.json"]), said);
        assert_eq!(run(&["predict", "model.keras", "--input", "data.npz", "--output", "y.npz"]), said);
        let y = npz::load(at.join("y.npz")).unwrap().remove("y").unwrap();
        assert_eq!(y.shape(), [rows, 1]);
        let text = std::fs::read_to_string(at.join("m.json")).unwrap();
        let got: serde_json::Value = serde_json::from_str(&text).unwrap();
        let part = |t: Tensor| {
            let width = t.shape()[1];
            Tensor::new([rows, width], t.to_f64()[..rows * width].iter().map(|&v| v as f32).collect())
                .unwrap()
        };
        let want =
            model.evaluate(part(numbers(20, 3)), part(numbers(20, 1)), Evaluate::new().verbose(0)).unwrap();
        let (got, want) = (got["loss"].as_f64().unwrap(), want.get("loss").unwrap());
        assert!((got - want).abs() < 1e-6, "{got}, want {want}");
    }
    std::fs::remove_dir_all(at).unwrap();
}

/// What a stack's file says of its policy is forgotten as it is loaded, as in Keras; the command can be told.
#[test]
fn under_a_dtype_policy() {
    let (at, _) = place("policy");
    cornu::mixed_precision::set_dtype_policy("mixed_float16").unwrap();
    let mut model = Sequential::new().add(Input::new([3])).add(Dense::new(1));
    model.compile(Compile::new("adam", "mse")).unwrap();
    model.fit(numbers(20, 3), numbers(20, 1), Fit::new().verbose(0)).unwrap();
    model.save(at.join("mixed.keras")).unwrap();
    cornu::mixed_precision::set_dtype_policy("float32").unwrap();

    let fit = ["fit", "mixed.keras", "--data", "data.npz"];
    let said = cornu(&at, &fit).unwrap();
    assert!(said.contains("optimizer"), "{said}");
    assert_eq!(cornu(&at, &[&fit[..], &["--dtype-policy", "mixed_float16"]].concat()).unwrap(), "");
    let refused = cornu(&at, &[&fit[..], &["--dtype-policy", "mixed_float17"]].concat()).unwrap_err();
    assert!(refused.contains("did you mean `mixed_float16`?"), "{refused}");
    std::fs::remove_dir_all(at).unwrap();
}
