//! The same seed gives the same bits: twice in a row, on any number of threads, and across a stop and a resume.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use std::fs;

const EPOCHS: usize = 4;

/// A network with all that is random: initial weights, dropout, noise, the order of samples.
fn network() -> Sequential {
    // Names start over, as in another process.
    utils::clear_session();
    let mut model = Sequential::new()
        .add(Input::new([6, 6, 1]))
        .add(Conv2D::new(4, 3).activation("relu"))
        .add(BatchNormalization::new())
        .add(GaussianNoise::new(0.1))
        .add(Flatten::new())
        .add(Dense::new(16).activation("tanh"))
        .add(Dropout::new(0.4))
        .add(Dense::new(3).activation("softmax"));
    model.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"])).unwrap();
    model
}

fn data() -> (Tensor, Tensor) {
    let x = random::normal([50, 6, 6, 1], 0.0, 1.0, None, 5).unwrap();
    let y: Vec<i32> = (0..50).map(|i| i * i % 3).collect();
    (x, Tensor::from(y))
}

fn options<'a>() -> Fit<'a> {
    Fit::new().batch_size(8).epochs(EPOCHS).validation_split(0.2).verbose(0)
}

/// Weights as bytes, and the history.
fn outcome(model: &Model, history: &History) -> (Vec<Vec<u8>>, Vec<f64>) {
    let weights = model.get_weights().unwrap().iter().map(|w| w.bytes().to_vec()).collect();
    (weights, history.get("loss").iter().chain(history.get("val_loss")).copied().collect())
}

fn run(seed: u64) -> (Vec<Vec<u8>>, Vec<f64>) {
    utils::set_random_seed(seed);
    let (x, y) = data();
    let mut model = network();
    let history = model.fit(&x, &y, options()).unwrap();
    outcome(&model, &history)
}

#[test]
fn the_same_seed_twice() {
    let first = run(11);
    assert!(first == run(11), "same seed, other bits");
    assert!(first.0 != run(12).0, "other seed, same bits");
}

#[test]
fn stop_and_resume() {
    let whole = run(11);
    let file = std::env::temp_dir().join(format!("cornu-determinism-{}.npz", std::process::id()));
    let (x, y) = data();

    utils::set_random_seed(11);
    let mut model = network();
    let mut history = model.fit(&x, &y, options().epochs(EPOCHS / 2)).unwrap();
    model.save_checkpoint(&file).unwrap();
    drop(model);

    // Another process would have another seed; all that matters is in the file.
    utils::set_random_seed(99);
    let mut model = network();
    model.load_checkpoint(&file).unwrap();
    let rest = model.fit(&x, &y, options().initial_epoch(EPOCHS / 2)).unwrap();
    for (name, values) in &rest.history {
        history.history.entry(name.clone()).or_default().extend(values);
    }
    assert!(whole == outcome(&model, &history), "resumed training went another way");
    fs::remove_file(file).unwrap();
}

#[test]
fn any_number_of_threads() {
    let before = cornu::backend::num_threads();
    let runs = [1, 2, 3].map(|threads| {
        cornu::backend::set_num_threads(threads).unwrap();
        run(13)
    });
    cornu::backend::set_num_threads(before).unwrap();
    assert!(runs[0] == runs[1] && runs[0] == runs[2], "the number of threads changes the bits");
}
