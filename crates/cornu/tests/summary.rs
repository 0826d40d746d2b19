//! The arguments of `summary` against Keras's texts, which `tools/oracle/summaries.py` writes; layers of models by name, number
//! and what came out of them.
#![allow(clippy::unwrap_used)]
use cornu::models::Summary;
use cornu::prelude::*;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/training").join(name)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|l| l.trim_end().to_string()).filter(|l| !l.is_empty()).collect()
}

#[test]
fn arguments_as_in_keras() {
    let text = std::fs::read_to_string(file("summaries.json")).unwrap();
    let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let (name, arguments) = (case["model"].as_str().unwrap(), &case["arguments"]);
        let load = saving::LoadModel::new().compile(false);
        let model = load.load(file(&format!("{name}.keras"))).unwrap();
        let flag = |key: &str| arguments[key].as_bool().unwrap_or(false);
        let mut summary =
            Summary::new().expand_nested(flag("expand_nested")).show_trainable(flag("show_trainable"));
        if let Some(length) = arguments["line_length"].as_u64() {
            summary = summary.line_length(length as usize);
        }
        if let Some(positions) = arguments["positions"].as_array() {
            summary = summary.positions(positions.iter().map(|p| p.as_f64().unwrap()).collect::<Vec<f64>>());
        }
        if let Some([from, to]) = arguments["layer_range"].as_array().map(Vec::as_slice) {
            summary = summary.layer_range(from.as_str().unwrap(), to.as_str().unwrap());
        }
        let (ours, keras) = (summary.of(&model).unwrap(), case["summary"].as_str().unwrap());
        assert_eq!(lines(&ours), lines(keras), "{name} {arguments}:\n{ours}\n{keras}");
    }
}

#[test]
fn what_makes_no_sense() {
    let model = Sequential::new().add(Input::new([4])).add(Dense::new(3).name("a"));
    let refused = |summary: Summary, words: &str| {
        let message = summary.of(&model).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    };
    refused(Summary::new().layer_range("a", "b"), "\"b\"");
    refused(Summary::new().layer_range("(", "a"), "layer_range");
    refused(Summary::new().line_length(10), "line_length");
    refused(Summary::new().positions([0.5, 1.0]), "3 are needed, got 2");
}

#[test]
fn layers_and_what_came_out_of_them() {
    let mut model = Sequential::new()
        .add(Input::new([3]))
        .add(Dense::new(4).activation("tanh").name("first"))
        .add(Dense::new(2).name("second"));
    assert_eq!(model.get_layer(1).unwrap().name(), "second");
    assert_eq!(model.get_layer(&String::from("first")).unwrap().name(), "first");
    let message = model.get_layer(2).unwrap_err().to_string();
    assert!(message.contains("layer 2, the model has 2"), "{message}");

    let (first, second) = (model.get_layer("first").unwrap(), model.get_layer("second").unwrap());
    let x = Tensor::ones([2, 3], DType::F32);
    let whole = model.predict_on_batch(&x).unwrap();
    let mut head = Model::new(second.input().unwrap(), second.output().unwrap()).unwrap_err();
    assert!(head.to_string().contains("inputs come from `Input`"), "{head}");
    let mut features = Model::new(first.input().unwrap(), first.output().unwrap()).unwrap();
    let hidden = features.predict_on_batch(&x).unwrap();
    assert_eq!(hidden.shape(), [2, 4]);
    let y = second.apply(first.output().unwrap());
    let mut again = Model::new(model.inputs().unwrap(), y).unwrap();
    assert_eq!(again.predict_on_batch(&x).unwrap(), whole);
    // The first call counts.
    assert_eq!(second.output().unwrap().shape().to_string(), "(None, 2)");

    let alone = Dense::new(2);
    head = LayerRef::from(alone.share()).output().unwrap_err();
    assert!(head.to_string().contains("connected to no symbolic tensors"), "{head}");
    let x = Input::new([3, 4]).tensor();
    let states = LSTM::new(2).return_state(true).name("states");
    states.apply_many(&x);
    // Nothing holds that call.
    assert!(states.share().outputs().is_err());
    let kept = states.apply_many(&x);
    assert_eq!(states.share().outputs().unwrap().len(), kept.len());
    let message = states.share().output().unwrap_err().to_string();
    assert!(message.contains("has 3 outputs"), "{message}");
}

/// Rows of a table without its borders, and the lines around it: each cell trimmed.
fn cells(text: &str) -> Vec<String> {
    let is_rule = |l: &&str| !l.starts_with(['┏', '┡', '├', '└', '┃']);
    let row =
        |l: &str| l.split('│').map(str::trim).collect::<Vec<_>>().join("|").trim_matches('|').to_string();
    text.lines().filter(is_rule).map(row).collect()
}

/// Columns that end before the line does, and one of no width.
#[test]
fn widths_as_in_keras() {
    let model = Sequential::new().add(Input::new([4])).add(Dense::new(3).name("a"));
    let top = |summary: Summary| summary.of(&model).unwrap().lines().nth(1).unwrap().to_string();
    let columns = |widths: [usize; 3]| format!("┏{}┓", widths.map(|w| "━".repeat(w)).join("┳"));
    assert_eq!(top(Summary::new().positions([0.5, 0.7, 0.8]).line_length(70)), columns([40, 17, 9]));
    let x = Input::new([4]).name("x").tensor();
    let sum = Add::new().name("s").apply([&x, &x]);
    let narrow = Summary::new().line_length(25).of(&Model::new(&x, sum).unwrap()).unwrap();
    assert!(
        narrow.contains("┃ Lay… ┃ Out… ┃  ┃ Con… ┃\n") && narrow.contains("│ s    │ (No… │  │ x[0… │\n"),
        "{narrow}"
    );
}

/// Text is shown without its axis of code points.
#[test]
fn text_that_comes_out() {
    let x = Input::new([4]).dtype("int64").name("x").tensor();
    let inverse = StringLookup::new().vocabulary(["a"].map(String::from)).invert(true).name("inv");
    let model = Model::new(&x, inverse.apply(&x)).unwrap();
    assert!(
        Summary::new()
            .line_length(88)
            .of(&model)
            .unwrap()
            .contains("│ inv (StringLookup)                   │ (None, 4) ")
    );
}

/// What Keras shows of models that no file has, or whose names are no plain words.
#[test]
fn rows_as_in_keras() {
    let wide = "密な層です長い名前の層がここにあります密な層です長い名前の層";
    let pipeline = [Rescaling::new(2.0).name("p1").into(), CenterCrop::new(4, 4).name("p2").into()];
    let x = Input::new([4]).name("入力").tensor();
    let y = Dense::new(3).name("cafe\u{301}").apply(&x);
    let functional = Model::new(&x, Concatenate::new().name("c").apply([&y, &y])).unwrap();
    let half = Dense::new(2).name("c").dtype("float16");
    let cases: [(Model, Summary, &[&str]); 5] = [
        (
            into(Sequential::new().with_name("unbuilt").add(Dense::new(3).name("a"))),
            Summary::new().show_trainable(true).line_length(80),
            &[
                "Model: \"unbuilt\"",
                "a (Dense)|?|0 (unbuilt)|-",
                " Total params: 0 (0.00 B)",
                " Trainable params: 0 (0.00 B)",
                " Non-trainable params: 0 (0.00 B)",
            ],
        ),
        (
            into(
                Sequential::new()
                    .with_name("a".repeat(81))
                    .add(Input::new([4]))
                    .add(Dense::new(3).name(wide))
                    .add(Dense::new(3).name("a\nb"))
                    .add(Dense::new(3).name("a\tb").trainable(false))
                    .add(half),
            ),
            Summary::new(),
            &[
                "Model:",
                &format!("\"{}", "a".repeat(79)),
                "aa\"",
                "密な層です長い名前の層がここに…|(None, 3)|15",
                "(Dense)",
                "a|(None, 3)|12",
                "b (Dense)",
                "a       b (Dense)|(None, 3)|12",
                "c (Dense)|(None, 2)|8",
                " Total params: 47 (172.00 B)",
                " Trainable params: 35 (124.00 B)",
                " Non-trainable params: 12 (48.00 B)",
            ],
        ),
        (
            functional.with_name("模型"),
            Summary::new().line_length(45),
            &[
                "Model: \"模型\"",
                "入力|(None, 4)|0|-",
                "(InputLay…",
                "cafe\u{301}|(None, 3)|15|入力[0][…",
                "(Dense)",
                "c|(None, 6)|0|cafe\u{301}[0][…",
                "(Concaten…|||cafe\u{301}[0][…",
                " Total params: 15 (60.00 B)",
                " Trainable params: 15 (60.00 B)",
                " Non-trainable params: 0 (0.00 B)",
            ],
        ),
        (
            into(
                Sequential::new()
                    .with_name("within")
                    .add(Input::new([8, 8, 3]))
                    .add(Pipeline::new(pipeline).name("pipe"))
                    .add(GlobalMaxPooling2D::new().name("g")),
            ),
            Summary::new().expand_nested(true),
            &[
                "Model: \"within\"",
                "pipe (Pipeline)|(None, 4, 4, 3)|0",
                "└ p1 (Rescaling)|(None, 8, 8, 3)|0",
                "└ p2 (CenterCrop)|(None, 4, 4, 3)|0",
                "g (GlobalMaxPooling2D)|(None, 3)|0",
                " Total params: 0 (0.00 B)",
                " Trainable params: 0 (0.00 B)",
                " Non-trainable params: 0 (0.00 B)",
            ],
        ),
        (
            into(Sequential::new().with_name("empty")),
            Summary::new(),
            &[
                "Model: \"empty\"",
                " Total params: 0 (0.00 B)",
                " Trainable params: 0 (0.00 B)",
                " Non-trainable params: 0 (0.00 B)",
            ],
        ),
    ];
    for (model, summary, want) in cases {
        let text = summary.of(&model).unwrap();
        let want: Vec<&str> = want.iter().map(|l| l.trim()).collect();
        assert_eq!(cells(&text), want, "{text}");
        // Every line of a table takes as many cells of a terminal, which this font shows: those of other alphabets take two.
        let cell = |c: char| if c >= '\u{2e80}' { 2 } else { usize::from(c != '\u{301}') };
        let widths: Vec<usize> = text
            .lines()
            .filter(|l| l.ends_with(['│', '┃', '┓', '┩', '┤', '┘']))
            .map(|l| l.chars().map(cell).sum())
            .collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{text}");
    }
}

fn into(model: Sequential) -> Model {
    let path =
        std::env::temp_dir().join(format!("cornu-summary-{}-{}.keras", std::process::id(), model.name()));
    model.save(&path).unwrap();
    let model = saving::load_model(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    model
}

/// An optimizer that comes from a file has its variables at once, one that was just given has none before the first step.
#[test]
fn the_optimizer_of_a_file_counts() {
    let mut model = Sequential::new().add(Input::new([4])).add(Dense::new(3)).with_name("fresh");
    model.compile(Compile::new("adam", "mse")).unwrap();
    assert!(!model.summary().contains("Optimizer params"));
    let text = into(model).summary();
    assert!(text.contains(" Total params: 47 (") && text.contains(" Optimizer params: 32 ("), "{text}");
    // As Keras shows it where it wrote the file: with counters of 4 bytes.
    let text = saving::load_model(file("../files/cnn.keras")).unwrap().summary();
    assert!(text.contains(" Total params: 194 (776.00 B)"), "{text}");
    assert!(text.contains(" Optimizer params: 126 (504.00 B)"), "{text}");

    // A stack whose shapes are not known yet is saved with what it is compiled with.
    let mut model = Sequential::new().add(Dense::new(3).name("a")).with_name("lazy");
    model.compile(Compile::new("adam", "mse")).unwrap();
    let mut model = into(model);
    assert!(!model.summary().contains("Optimizer params"));
    let (x, y) = (Tensor::ones([2, 4], DType::F32), Tensor::ones([2, 3], DType::F32));
    model.fit(&x, &y, Fit::new().verbose(0)).unwrap();
    assert!(model.summary().contains(" Optimizer params: 32 ("));
}

#[test]
fn names_are_parts_of_paths() {
    let x = Input::new([4]).tensor();
    let slashed = Model::new(&x, Dense::new(3).name("a/b").apply(&x)).unwrap_err().to_string();
    assert!(slashed.contains("name: cannot contain the character `/`, got `a/b`"), "{slashed}");
    let x = Input::new([4]).name("a/b").tensor();
    let input = Model::new(&x, Dense::new(3).apply(&x)).unwrap_err().to_string();
    assert!(input.contains("got `a/b`"), "{input}");
    let mut stack = Sequential::new().with_name("s/t").add(Input::new([4])).add(Dense::new(2));
    let stack = stack.compile(Compile::new("sgd", "mse")).unwrap_err().to_string();
    assert!(stack.contains("got `s/t`"), "{stack}");
}
