//! What users are told about their mistakes: an error that names what was wrong, what was expected and what was given.
//! Nothing here may panic.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use std::fs;
use std::path::PathBuf;

/// The mistake is told with all of these words.
#[track_caller]
fn check<T>(mistake: Result<T>, words: &[&str]) {
    let message = mistake.err().map_or("there was no error".into(), |e| e.to_string());
    let missing: Vec<&&str> = words.iter().filter(|w| !message.contains(**w)).collect();
    assert!(missing.is_empty(), "{missing:?} not in:\n{message}");
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32)
}

/// A model of these layers, built.
fn built(layers: impl FnOnce(Sequential) -> Sequential, shape: &[usize]) -> Result<Sequential> {
    let model = layers(Sequential::new().add(Input::new(shape.to_vec())));
    model.count_params()?;
    Ok(model)
}

/// A classifier of three classes, compiled.
fn classifier() -> Sequential {
    let mut model =
        Sequential::new().add(Input::new([4])).add(Dense::new(3).activation("softmax").name("last"));
    model.compile(Compile::new("sgd", "sparse_categorical_crossentropy").metrics(["accuracy"])).unwrap();
    model
}

fn quiet<'a>() -> Fit<'a> {
    Fit::new().verbose(0)
}

#[test]
fn arguments_of_layers() {
    check(built(|m| m.add(Dense::new(0)), &[4]), &["Dense", "units", "0"]);
    check(
        built(|m| m.add(Dense::new(2).activation("rleu")), &[4]),
        &["Dense", "unknown activation `rleu`", "did you mean `relu`?"],
    );
    check(
        built(|m| m.add(Dense::new(2).kernel_initializer("glorot")), &[4]),
        &["unknown initializer `glorot`"],
    );
    check(
        built(|m| m.add(Dense::new(2).kernel_regularizer("l3")), &[4]),
        &["unknown regularizer `l3`", "did you mean"],
    );
    check(built(|m| m.add(Dropout::new(1.5)), &[4]), &["Dropout", "rate", "1.5"]);
    check(
        built(|m| m.add(Conv2D::new(2, 3).padding("smae")), &[8, 8, 1]),
        &["Conv2D", "padding", "smae", "same"],
    );
    check(built(|m| m.add(Conv2D::new(2, 0)), &[8, 8, 1]), &["Conv2D", "kernel_size", "0"]);
    check(built(|m| m.add(Conv2D::new(2, 3).strides(0)), &[8, 8, 1]), &["Conv2D", "strides", "0"]);
    check(built(|m| m.add(Conv2D::new(4, 3).groups(3)), &[8, 8, 2]), &["Conv2D", "groups", "3"]);
    check(built(|m| m.add(Reshape::new([3, 5])), &[4]), &["Reshape", "[3, 5]", "4"]);
    check(built(|m| m.add(Embedding::new(0, 4)), &[4]), &["Embedding", "input_dim", "0"]);
    check(built(|m| m.add(LSTM::new(0)), &[4, 2]), &["LSTM", "units", "0"]);
}

#[test]
fn shapes_that_layers_do_not_take() {
    check(built(|m| m.add(Conv2D::new(2, 3)), &[8, 8]), &["Conv2D", "4 axes", "8, 8]"]);
    check(built(|m| m.add(Conv2D::new(2, 9)), &[8, 8, 1]), &["Conv2D", "9", "8"]);
    check(built(|m| m.add(MaxPooling2D::new().pool_size(3)), &[2, 2, 1]), &["MaxPooling2D", "3", "2"]);
    check(built(|m| m.add(LSTM::new(2)), &[4]), &["LSTM", "(None, 4)"]);
    check(built(|m| m.add(Dense::new(2)), &[]), &["Dense", "None"]);
    let dense = Dense::new(2).name("shared");
    let (a, b) = (Input::new([4]).tensor(), Input::new([5]).tensor());
    let (y, z) = (dense.apply(&a), dense.apply(&b));
    check(
        Model::new([a, b], [y, z]),
        &["layer `shared` (Dense)", "4 features, got 5", "tests/messages.rs:", "help:"],
    );
    let (a, b) = (Input::new([4]).tensor(), Input::new([5]).tensor());
    let sum = Add::new().name("sum").apply([&a, &b]);
    check(Model::new([a, b], [sum]), &["layer `sum` (Add)", "4", "5", "tests/messages.rs:"]);
    let (a, b) = (Input::new([4, 2]).tensor(), Input::new([5, 3]).tensor());
    let joined = Concatenate::new().apply([&a, &b]);
    check(Model::new([a, b], [joined]), &["Concatenate", "tests/messages.rs:"]);
    let a = Input::new([4]).tensor();
    let both = Dense::new(2).apply([&a, &a]);
    check(Model::new([a], [both]), &["Dense", "one input, got 2"]);
}

#[test]
fn graphs_of_layers() {
    let (a, b) = (Input::new([4]).name("a").tensor(), Input::new([4]).name("b").tensor());
    let sum = Add::new().name("sum").apply([&a, &b]);
    check(Model::new([a.clone()], [sum.clone()]), &["`sum`", "`b`", "not among the inputs", "help:"]);
    check(Model::new([a.clone(), a.clone()], [sum.clone()]), &["`a` is given twice"]);
    check(Model::new([sum.clone()], [sum.clone()]), &["`sum`", "inputs come from `Input`"]);
    check(Model::new([a.clone(), b.clone()], Vec::<KerasTensor>::new()), &["at least one output"]);
    let twice = Dense::new(2).name("sum").apply(&sum);
    check(Model::new([a.clone(), b.clone()], [twice]), &["`sum` is used by two layers", "help:"]);
    let model = Model::new([a, b], [sum]).unwrap();
    check(model.get_layer("summ"), &["unknown layer `summ`", "did you mean `sum`?"]);
    check(Sequential::new().build([None, Some(4)]), &["no layers"]);
    check(Sequential::new().add(Dense::new(2)).count_params(), &["not built", "help:"]);
    check(Sequential::new().pop(), &["no layers"]);
}

#[test]
fn compile_settings() {
    let compile = |c: Compile| classifier().compile(c);
    check(compile(Compile::new("adm", "mse")), &["unknown optimizer `adm`", "did you mean `adam`?"]);
    check(compile(Compile::new("adam", "cross")), &["unknown loss `cross`"]);
    check(
        compile(Compile::new("adam", "mse").metrics(["acuracy"])),
        &["unknown metric `acuracy`", "did you mean `accuracy`?"],
    );
    check(compile(Compile::new("adam", ["mse", "mse"])), &["Compile.loss", "2", "1"]);
    check(
        compile(Compile::new("adam", [("lost", "mse")])),
        &["unknown output `lost`", "did you mean `last`?"],
    );
    check(compile(Compile::new("adam", "mse").loss_weights([1.0, 2.0])), &["Compile.loss_weights", "2"]);
    check(compile(Compile::new(SGD::new().learning_rate(f64::NAN), "mse")), &["learning_rate", "NaN"]);
    let mut model = Sequential::new().add(Input::new([4])).add(Dense::new(2));
    check(model.fit(zeros(&[2, 4]), zeros(&[2, 2]), quiet()), &["not compiled", "help:"]);
}

#[test]
fn data_that_does_not_fit() {
    let (x, y) = (zeros(&[6, 4]), Tensor::from([0i32, 1, 2, 0, 1, 2]));
    let fit = |x: &Tensor, y: &Tensor, options: Fit| classifier().fit(x, y, options);
    check(fit(&x, &Tensor::from([0i32, 1]), quiet()), &["one number of samples", "6", "2"]);
    check(fit(&zeros(&[6, 5]), &y, quiet()), &["expects shape (None, 4), got (6, 5)"]);
    check(fit(&zeros(&[0, 4]), &Tensor::from(Vec::<i32>::new()), quiet()), &["no samples"]);
    check(
        fit(&x, &Tensor::from([0i32, 1, 2, 3, 1, 2]), quiet()),
        &["`last`", "label 3", "3 classes", "0 to 2"],
    );
    check(fit(&x, &Tensor::from([0i32, 1, 2, -1, 1, 2]), quiet()), &["label -1", "help:"]);
    check(fit(&x, &y, quiet().batch_size(0)), &["Fit.batch_size", "at least 1, got 0"]);
    check(fit(&x, &y, quiet().validation_split(1.5)), &["Fit.validation_split", "1.5"]);
    check(fit(&x, &y, quiet().validation_split(0.999)), &["Fit.validation_split", "0.999", "6 samples"]);
    check(
        fit(&x, &y, quiet().validation_data((&zeros(&[3, 5]), &y.rows(0, 3).unwrap()))),
        &["(None, 4), got (3, 5)"],
    );
    check(fit(&x, &y, quiet().sample_weight(zeros(&[5]))), &["6", "5"]);
    check(fit(&x, &y, quiet().steps_per_epoch(0)), &["steps_per_epoch", "0"]);
    check(classifier().fit([&x, &x], &y, quiet()), &["2 arrays", "the model has 1"]);
    check(classifier().fit([("z", &x)], &y, quiet()), &["unknown", "`z`"]);
    check(classifier().predict(zeros(&[2, 3]), Predict::new()), &["(None, 4), got (2, 3)"]);
    check(classifier().predict(&x, Predict::new().batch_size(0)), &["Predict.batch_size", "0"]);
    check(classifier().evaluate(&x, y.rows(0, 2).unwrap(), Evaluate::new()), &["6", "2"]);
    let mut model = Sequential::new().add(Input::new([4])).add(Dense::new(3).name("last"));
    model.compile(Compile::new("sgd", "mse")).unwrap();
    check(model.fit(&x, zeros(&[6, 2]), quiet()), &["mean_squared_error", "[6, 2]", "[6, 3]", "help:"]);
    let mut words =
        Sequential::new().add(Input::new([4]).dtype("int32")).add(Embedding::new(5, 2)).add(Flatten::new());
    check(words.predict(&x, Predict::new()), &["int32", "float32", "help:"]);
    check(Tensor::new([2, 3], vec![1f32; 5]), &["[2, 3]", "5 values"]);
}

#[test]
fn weights_and_files() {
    let mut model = classifier();
    let weights = model.get_weights().unwrap();
    check(model.set_weights(&weights[..1]), &["set_weights", "has 2 weights, got 1"]);
    check(model.set_weights(&[zeros(&[4, 2]), weights[1].clone()]), &["last/kernel", "[4, 3]", "[4, 2]"]);
    check(model.get_layer("last").unwrap().set_weights(&[]), &["`last` has 2 weights, got 0"]);

    let file = |name: &str| -> PathBuf {
        let folder = std::env::temp_dir().join(format!("cornu-messages-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    };
    check(model.load_checkpoint(file("missing.npz")), &["missing.npz", "No such file"]);
    fs::write(file("torn.npz"), b"PK\x03\x04 and then nothing").unwrap();
    check(model.load_checkpoint(file("torn.npz")), &["torn.npz"]);
    model.save_checkpoint(file("whole.npz")).unwrap();
    let bytes = fs::read(file("whole.npz")).unwrap();
    for cut in [0, 1, 30, bytes.len() / 2, bytes.len() - 1] {
        fs::write(file("cut.npz"), &bytes[..cut]).unwrap();
        check(model.load_checkpoint(file("cut.npz")), &["cut.npz"]);
    }
    let mut other = Sequential::new().add(Input::new([4])).add(Dense::new(7).name("last"));
    other.compile(Compile::new("sgd", "mse")).unwrap();
    check(other.load_checkpoint(file("whole.npz")), &["last/kernel", "[4, 7]", "[4, 3]"]);
    check(cornu::data::csv::load(file("none.csv"), true), &["none.csv", "No such file"]);
    fs::remove_dir_all(file("")).unwrap();
}
