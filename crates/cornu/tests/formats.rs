//! Older `.h5` files, `.safetensors`, the arguments of loading weights, and the editor of files.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::data::npz;
use cornu::prelude::*;
use cornu::saving::{KerasFileEditor, LoadWeights, SaveModel, load_model, model_from_json};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/files").join(name)
}

/// A path for a file of this test that is removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("cornu-formats-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn text(file: &hdf5_pure::File, name: &str) -> String {
    match file.root().attrs().unwrap().remove(name) {
        Some(hdf5_pure::AttrValue::String(text) | hdf5_pure::AttrValue::VarLenString(text)) => text,
        other => panic!("{name}: {other:?}"),
    }
}

fn predict(model: &mut Model, name: &str) -> Vec<Tensor> {
    let arrays = npz::load(file(&format!("{name}.npz"))).unwrap();
    let x: Vec<Tensor> = (0..).map_while(|i| arrays.get(&format!("x_{i}")).cloned()).collect();
    model.predict_many(x, Predict::new().verbose(0)).unwrap()
}

/// An error that says all of these words, and leaves the weights as they are.
#[track_caller]
fn refused(model: &mut Model, load: impl FnOnce(&mut Model) -> Result<Vec<String>>, words: &[&str]) {
    let before = model.get_weights().unwrap();
    let message = load(model).err().map_or("there was no error".into(), |e| e.to_string());
    let missing: Vec<&&str> = words.iter().filter(|w| !message.contains(**w)).collect();
    assert!(missing.is_empty(), "{missing:?} not in:\n{message}");
    assert_eq!(model.get_weights().unwrap(), before);
}

fn mlp(head: usize) -> Sequential {
    Sequential::new()
        .add(Input::new([4]))
        .add(Dense::new(3).name("body"))
        .add(Dense::new(head).name("head"))
        .with_name("stack")
}

#[test]
fn whole_models_as_h5() {
    for name in ["cnn", "functional", "lstm", "cells", "half", "shared_objects"] {
        utils::clear_session();
        let mut model = load_model(file(&format!("{name}.keras"))).unwrap();
        let older = Scratch::new(&format!("{name}.h5"));
        model.save(&older.0).unwrap();
        // Cells are numbered through the session.
        utils::clear_session();
        let mut again = load_model(&older.0).unwrap();
        assert_eq!(model.to_json().unwrap(), again.to_json().unwrap(), "{name}");
        assert_eq!(model.get_weights().unwrap(), again.get_weights().unwrap(), "{name}");
        assert_eq!(predict(&mut model, name), predict(&mut again, name), "{name}");
        // Optimizer, losses and metrics too: the same file comes of it.
        let (one, two) = (Scratch::new(&format!("{name}-1.h5")), Scratch::new(&format!("{name}-2.h5")));
        model.save(&one.0).unwrap();
        again.save(&two.0).unwrap();
        let same = std::fs::read(&one.0).unwrap() == std::fs::read(&two.0).unwrap();
        assert!(same, "{name}");
        let read = hdf5_pure::File::from_bytes(std::fs::read(&one.0).unwrap()).unwrap();
        assert_eq!(text(&read, "keras_version"), "3.15.1");
        let config: Json = serde_json::from_str(&text(&read, "model_config")).unwrap();
        let layers = config["config"]["layers"].as_array().unwrap();
        assert!(
            layers.iter().all(|l| l["registered_name"].is_null() && l["build_config"].is_null()),
            "{name}"
        );
        let config = model.get_config().unwrap();
        assert_eq!(Model::from_config(&config).unwrap().get_config().unwrap(), config, "{name}");
        let bare = SaveModel::new().include_optimizer(false);
        bare.save(&model, &one.0).unwrap();
        let read = hdf5_pure::File::from_bytes(std::fs::read(&one.0).unwrap()).unwrap();
        assert!(!read.root().attrs().unwrap().contains_key("training_config"));
    }
}

#[test]
fn training_goes_on_from_h5() {
    let (x, y) = (Tensor::ones([6, 4], DType::F32), Tensor::ones([6, 2], DType::F32));
    let fit = |model: &mut Model| {
        model.fit(&x, &y, Fit::new().epochs(2).batch_size(4).shuffle(false).verbose(0)).unwrap();
    };
    let mut direct = mlp(2);
    direct.compile(Compile::new("adam", "mse")).unwrap();
    fit(&mut direct);
    let older = Scratch::new("train.h5");
    direct.save(&older.0).unwrap();
    let mut through = load_model(&older.0).unwrap();
    fit(&mut direct);
    fit(&mut through);
    assert_eq!(direct.get_weights().unwrap(), through.get_weights().unwrap());
}

#[test]
fn long_lists_of_names_and_long_configs() {
    let mut model = Sequential::new().add(Input::new([2]));
    for i in 0..150 {
        model.push(Activation::new("linear").name(format!("{}{i}", "long".repeat(80))));
    }
    model.push(Dense::new(2).name("é"));
    let path = Scratch::new("long.h5");
    model.save(&path.0).unwrap();
    let again = load_model(&path.0).unwrap();
    assert_eq!(model.to_json().unwrap(), again.to_json().unwrap());
    assert_eq!(model.get_weights().unwrap(), again.get_weights().unwrap());
}

#[test]
fn names_of_files_and_overwriting() {
    let model = mlp(2);
    for (name, words) in [("a.txt", "`.keras` or `.h5`"), ("a.weights.h5", "save_weights"), ("a", "`.keras`")]
    {
        let message = model.save(std::env::temp_dir().join(name)).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
    let message = model.save_weights("a.txt").unwrap_err().to_string();
    assert!(message.contains("`.safetensors`"), "{message}");
    let path = Scratch::new("there.keras");
    model.save(&path.0).unwrap();
    let message = SaveModel::new().overwrite(false).save(&model, &path.0).unwrap_err().to_string();
    assert!(message.contains("`overwrite` is false"), "{message}");
    let message = SaveModel::new().include_optimizer(false).save(&model, &path.0).unwrap_err().to_string();
    assert!(message.contains("include_optimizer"), "{message}");
}

#[test]
fn weights_as_safetensors() {
    let (model, mut other) = (mlp(2), mlp(2));
    let path = Scratch::new("weights.safetensors");
    model.save_weights(&path.0).unwrap();
    let bytes = std::fs::read(&path.0).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Json = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert_eq!(header["__metadata__"]["format"], "keras");
    assert_eq!(header["body/kernel"]["shape"], serde_json::json!([4, 3]));
    assert_eq!(length % 8, 0);
    other.load_weights(&path.0).unwrap();
    assert_eq!(model.get_weights().unwrap(), other.get_weights().unwrap());

    let words = ["`head/kernel` has shape [3, 2], the model's has [3, 5]"];
    refused(&mut mlp(5), |m| LoadWeights::new().load(m, &path.0), &words);
    let mut part = mlp(5);
    let skipped = LoadWeights::new().skip_mismatch(true).load(&mut part, &path.0).unwrap();
    assert_eq!(skipped.len(), 2, "{skipped:?}");
    assert_eq!(part.get_weights().unwrap()[0], model.get_weights().unwrap()[0]);
    refused(&mut mlp(2), |m| LoadWeights::new().by_name(true).load(m, &path.0), &["by_name", "older `.h5`"]);
}

#[test]
fn cells_are_found_whatever_their_numbers() {
    let model = load_model(file("lstm.keras")).unwrap();
    let path = Scratch::new("cells.safetensors");
    model.save_weights(&path.0).unwrap();
    let mut other = load_model(file("lstm.keras")).unwrap();
    let zeros: Vec<Tensor> =
        other.get_weights().unwrap().iter().map(|w| Tensor::zeros(w.shape(), w.dtype())).collect();
    other.set_weights(&zeros).unwrap();
    other.load_weights(&path.0).unwrap();
    assert_eq!(other.get_weights().unwrap(), model.get_weights().unwrap());
}

#[test]
fn weights_of_a_part() {
    let source = mlp(2);
    let path = Scratch::new("part.weights.h5");
    source.save_weights(&path.0).unwrap();
    let words = ["layers/dense_1/vars/0", "`head`", "[3, 2]", "[3, 5]"];
    refused(&mut mlp(5), |m| LoadWeights::new().load(m, &path.0), &words);
    let mut part = mlp(5);
    let head = part.get_weights().unwrap()[2..].to_vec();
    let skipped = LoadWeights::new().skip_mismatch(true).load(&mut part, &path.0).unwrap();
    assert!(skipped.len() == 1 && skipped[0].contains("`head`"), "{skipped:?}");
    assert_eq!(part.get_weights().unwrap()[..2], source.get_weights().unwrap()[..2]);
    assert_eq!(part.get_weights().unwrap()[2..], head);

    let mut rest = mlp(2);
    let before = rest.get_weights().unwrap();
    let layer = rest.get_layer("body").unwrap();
    LoadWeights::new().objects_to_skip([layer.clone()]).load(&mut rest, &path.0).unwrap();
    assert_eq!(rest.get_weights().unwrap()[..2], before[..2]);
    assert_eq!(rest.get_weights().unwrap()[2..], source.get_weights().unwrap()[2..]);
    let keras = Scratch::new("part.keras");
    source.save(&keras.0).unwrap();
    refused(
        &mut rest,
        |m| LoadWeights::new().objects_to_skip([layer]).load(m, &keras.0),
        &["objects_to_skip", "`.weights.h5`"],
    );
    rest.load_weights(&keras.0).unwrap();
    assert_eq!(rest.get_weights().unwrap(), source.get_weights().unwrap());
}

#[test]
fn weights_of_older_files_by_order_and_by_name() {
    let source = mlp(2);
    let path = Scratch::new("older.h5");
    source.save(&path.0).unwrap();
    let mut same = mlp(2);
    same.load_weights(&path.0).unwrap();
    assert_eq!(same.get_weights().unwrap(), source.get_weights().unwrap());

    // Another order, and a layer more.
    let other = || {
        Sequential::new()
            .add(Input::new([3]))
            .add(Dense::new(2).name("head"))
            .add(Dense::new(4).name("new"))
            .add(Dense::new(3).name("body"))
    };
    refused(
        &mut other(),
        |m| LoadWeights::new().load(m, &path.0),
        &["has 2 layers with weights, the model 3", "by_name"],
    );
    let mut found = other();
    let skipped = LoadWeights::new().by_name(true).load(&mut found, &path.0).unwrap();
    assert!(skipped.is_empty(), "{skipped:?}");
    assert_eq!(found.get_weights().unwrap()[..2], source.get_weights().unwrap()[2..]);
    assert_eq!(found.get_weights().unwrap()[4..], source.get_weights().unwrap()[..2]);

    refused(
        &mut mlp(5),
        |m| LoadWeights::new().load(m, &path.0),
        &["has shape [3, 2] for `head/kernel`", "[3, 5]", "skip_mismatch"],
    );
    let skipped = LoadWeights::new().skip_mismatch(true).load(&mut mlp(5), &path.0).unwrap();
    assert_eq!(skipped.len(), 2);
    let fewer = || Sequential::new().add(Input::new([4])).add(Dense::new(3).use_bias(false).name("body"));
    let by_name = LoadWeights::new().by_name(true);
    refused(
        &mut fewer(),
        |m| by_name.load(m, &path.0),
        &["has 2 weights of `body` for layer `body`, which has 1"],
    );
    assert_eq!(by_name.clone().skip_mismatch(true).load(&mut fewer(), &path.0).unwrap().len(), 1);
}

#[test]
fn files_of_weights_are_edited() {
    let model = mlp(2);
    for name in ["edit.weights.h5", "edit.keras"] {
        let path = Scratch::new(name);
        if name.ends_with("keras") { model.save(&path.0) } else { model.save_weights(&path.0) }.unwrap();
        let mut editor = KerasFileEditor::new(&path.0).unwrap();
        assert_eq!(editor.config().is_some(), name.ends_with("keras"));
        assert_eq!(editor.metadata().is_some(), name.ends_with("keras"));
        let summary = "Weights structure\nlayers\n    dense\n        0: shape=[4, 3], dtype=float32\n        1: shape=[3], \
                       dtype=float32\n    dense_1\n        0: shape=[3, 2], dtype=float32\n        1: shape=[2], dtype=float32\n";
        assert_eq!(editor.summary(), summary);
        let found = editor.compare(&model).unwrap();
        assert!(found.is_success() && found.match_count == 4, "{found:?}");
        let found = editor.compare(&mlp(5)).unwrap();
        assert_eq!((found.match_count, found.errors.len()), (2, 2));
        assert!(found.errors[0].contains("`layers/dense_1/0`"), "{found:?}");

        // The head becomes another, and what was it goes.
        editor.rename_object("dense_1", "old").unwrap();
        let full = |shape: &[usize]| Tensor::full(shape, DType::F32, 0.5);
        editor.add_object("layers/dense_1", [("0", full(&[3, 5]))]).unwrap();
        editor.add_weights("layers/dense_1", [("1", full(&[5])), ("2", full(&[1]))]).unwrap();
        editor.delete_weight("dense_1", "2").unwrap();
        assert_eq!(editor.compare(&mlp(5)).unwrap().errors.len(), 2);
        editor.delete_object("layers/old").unwrap();
        assert!(editor.compare(&mlp(5)).unwrap().is_success());
        let out = Scratch::new("edited.weights.h5");
        editor.resave_weights(&out.0).unwrap();
        let mut new = mlp(5);
        new.load_weights(&out.0).unwrap();
        assert_eq!(new.get_weights().unwrap()[2], full(&[3, 5]));
        assert_eq!(new.get_weights().unwrap()[0], model.get_weights().unwrap()[0]);

        for (mistake, words) in [
            (editor.rename_object("dense", "a/b"), "`a/b`"),
            (editor.rename_object("dense", "dense_1"), "is there already"),
            (editor.rename_object("dens", "x"), "the nearest is"),
            (editor.delete_object("layers/none"), "there is no `layers/none`"),
            (editor.add_object("lairs/dense", []), "unknown object `lairs`"),
            (editor.delete_weight("dense", "7"), "has no weight `7`"),
            (editor.save(Path::new("a.keras")), "`.weights.h5`"),
        ] {
            let message = mistake.unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
    let message = KerasFileEditor::new("a.h5").unwrap_err().to_string();
    assert!(message.contains("`.weights.h5`"), "{message}");
}

#[test]
fn json_has_what_the_model_was_compiled_with() {
    let mut model = mlp(2);
    let text = model.to_json().unwrap();
    assert!(text.ends_with(r#""compile_config": {}}"#), "{text}");
    let optimizer = Adam::new().learning_rate(0.5);
    model.compile(Compile::new(optimizer, losses::Huber::new()).metrics(["mae"])).unwrap();
    let text = model.to_json().unwrap();
    let mut same = model_from_json(&text).unwrap();
    assert_eq!(same.to_json().unwrap(), text);
    let (x, y) = (Tensor::ones([3, 4], DType::F32), Tensor::ones([3, 2], DType::F32));
    same.fit(&x, &y, Fit::new().verbose(0)).unwrap();
    assert_eq!(same.learning_rate().unwrap(), 0.5);
    // Through the older form, whose objects have no module.
    let path = Scratch::new("compiled.h5");
    model.save(&path.0).unwrap();
    assert_eq!(load_model(&path.0).unwrap().to_json().unwrap(), text);
}

/// What reaches outside of a file, or runs code, is named, with what to do.
#[test]
fn what_is_outside_of_a_file_is_refused() {
    let stack = |class: &str, config: &str| {
        format!(
            r#"{{"class_name":"Sequential","config":{{"layers":[{{"class_name":"InputLayer","config":{{"batch_shape":[null,4]}}}},
            {{"class_name":"{class}","config":{config}}}]}}}}"#
        )
    };
    let python = r#"{"name":"f","function":{"class_name":"__lambda__","config":{"code":"4wEAAAA=","defaults":null,"closure":null}}}"#;
    let activation =
        r#"{"name":"d","units":2,"activation":{"class_name":"__lambda__","config":{"value":"4wEAAAA="}}}"#;
    for (text, words) in [
        (
            stack("Lambda", python),
            ["layer Lambda", "Python function, which is not run", "write the layer in Rust"],
        ),
        (stack("Dense", activation), ["Dense", "__lambda__", ""]),
        (
            stack("StringLookup", r#"{"name":"s","vocabulary":"/etc/passwd"}"#),
            ["StringLookup", "`/etc/passwd`", "within"],
        ),
        (
            stack("TextVectorization", r#"{"name":"s","vocabulary":"https://example.com/words.txt"}"#),
            [
                "TextVectorization",
                "`https://example.com/words.txt`; files and addresses",
                "save the model again",
            ],
        ),
        (
            stack("IntegerLookup", r#"{"name":"s","vocabulary":"v.txt"}"#),
            ["IntegerLookup", "`v.txt`", "Python"],
        ),
        (stack("MyLayer", "{}"), ["unknown layer class `MyLayer`", "saving::register", "Rust"]),
        (stack("os.system", r#"{"command":"true"}"#), ["unknown layer class `os.system`", "register", ""]),
        (stack("TFSMLayer", r#"{"filepath":"x"}"#), ["layer TFSMLayer", "Python", "replace it"]),
        (stack("TorchModuleWrapper", "{}"), ["layer TorchModuleWrapper", "Python", "replace it"]),
        (
            r#"{"module":"mine","class_name":"MyModel","config":{},"registered_name":"mine>MyModel"}"#.into(),
            ["Sequential", "MyModel", "write it in Rust"],
        ),
    ] {
        let message = model_from_json(&text).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{word:?} not in:\n{message}");
        }
    }
    let message = load_model(std::env::temp_dir()).unwrap_err().to_string();
    assert!(message.contains("SavedModel") && message.contains("save the model in Python"), "{message}");
}

/// Old files call a class as Keras's own code does, not as Keras exports it.
#[test]
fn class_with_two_names() {
    let x = Input::new([4, 8]).tensor();
    let y = cornu::layers::GroupQueryAttention::new(4, 4, 2).apply([&x, &x]);
    let mut model = Model::new([x], [y]).unwrap();
    let path = std::env::temp_dir().join(format!("cornu_two_names_{}.h5", std::process::id()));
    model.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.windows(21).any(|w| w == b"GroupedQueryAttention"));
    let mut again = saving::load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let x = Tensor::ones([2, 4, 8], DType::F32);
    let predicted = model.predict(&x, Predict::new().verbose(0)).unwrap();
    assert_eq!(again.predict(&x, Predict::new().verbose(0)).unwrap(), predicted);
}
