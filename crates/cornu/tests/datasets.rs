//! Batches that are made while a model works.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use cornu::training::{Batch, Dataset, PyDataset};
use cornu::utils::set_random_seed;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const SAMPLES: usize = 22;
const BATCH: usize = 4;

fn data() -> (Tensor, Tensor, Tensor) {
    let x: Vec<f32> = (0..SAMPLES * 3).map(|i| ((i * 7) % 11) as f32 / 11.0 - 0.4).collect();
    let y: Vec<f32> = (0..SAMPLES).map(|i| ((i * 5) % 7) as f32 / 7.0).collect();
    let w: Vec<f32> = (0..SAMPLES).map(|i| (i % 3) as f32).collect();
    let tensor = |shape: &[usize], values| Tensor::new(shape, values).unwrap();
    (tensor(&[SAMPLES, 3], x), tensor(&[SAMPLES, 1], y), tensor(&[SAMPLES], w))
}

fn model() -> Sequential {
    set_random_seed(3);
    utils::clear_session();
    let mut model =
        Sequential::new().add(Input::new([3])).add(Dense::new(4).activation("tanh")).add(Dense::new(1));
    model.compile(Compile::new("adam", "mse").metrics(["mae"])).unwrap();
    model
}

fn quiet<'a>() -> Fit<'a> {
    Fit::new().verbose(0)
}

/// Slices of arrays; it notes what it was asked for.
#[derive(Default)]
struct Slices {
    weighted: bool,
    workers: usize,
    asked: Mutex<Vec<usize>>,
    begun: usize,
    ended: usize,
}

impl PyDataset for Slices {
    fn num_batches(&self) -> Option<usize> {
        Some(SAMPLES.div_ceil(BATCH))
    }

    fn get_item(&self, index: usize) -> Result<Batch> {
        self.asked.lock().unwrap().push(index);
        let (x, y, w) = data();
        let cut = |t: Tensor| t.rows(index * BATCH, ((index + 1) * BATCH).min(SAMPLES));
        let (x, y, w) = (cut(x)?, cut(y)?, cut(w)?);
        Ok(if self.weighted { (x, y, w).into() } else { (x, y).into() })
    }

    fn on_epoch_begin(&mut self) -> Result<()> {
        self.begun += 1;
        Ok(())
    }

    fn on_epoch_end(&mut self) -> Result<()> {
        self.ended += 1;
        Ok(())
    }

    fn workers(&self) -> usize {
        self.workers
    }

    fn max_queue_size(&self) -> usize {
        2
    }
}

fn weights(model: &Model) -> Vec<Tensor> {
    model.get_weights().unwrap()
}

#[test]
fn the_same_bits_as_on_arrays() {
    let (x, y, w) = data();
    for weighted in [false, true] {
        let mut expected = model();
        let fit = quiet().batch_size(BATCH).epochs(3).shuffle(false).validation_data((&x, &y));
        let fit = if weighted { fit.sample_weight(&w) } else { fit };
        let history = expected.fit(&x, &y, fit).unwrap();
        for workers in [0, 1, 3] {
            let mut model = model();
            let mut dataset = Slices { weighted, workers, ..Slices::default() };
            // With validation batches of 32 as on arrays, so that means are the same.
            let options =
                quiet().epochs(3).shuffle(false).validation_data((&x, &y)).validation_batch_size(BATCH);
            let got = model.fit(Dataset::new(&mut dataset), (), options).unwrap();
            assert_eq!(weights(&model), weights(&expected), "{workers} workers");
            assert_eq!(got, history);
            assert_eq!((dataset.begun, dataset.ended), (3, 3));
        }
    }
}

#[test]
fn evaluate_and_predict() {
    let (x, y, w) = data();
    let mut model = model();
    let options = || Evaluate::new().batch_size(BATCH).verbose(0);
    let plain = model.evaluate(&x, &y, options()).unwrap();
    let weighted = model.evaluate(&x, &y, options().sample_weight(&w)).unwrap();
    let outputs = model.predict(&x, Predict::new().batch_size(BATCH).verbose(0)).unwrap();
    let two = model.evaluate(&x, &y, options().steps(2)).unwrap();
    assert_ne!(plain, weighted);
    for workers in [0, 2] {
        let mut dataset = Dataset::new(Slices { workers, ..Slices::default() });
        assert_eq!(model.evaluate(&mut dataset, (), Evaluate::new().verbose(0)).unwrap(), plain);
        assert_eq!(model.predict(&mut dataset, Predict::new().verbose(0)).unwrap(), outputs);
        assert_eq!(model.evaluate(&mut dataset, (), Evaluate::new().steps(2).verbose(0)).unwrap(), two);
        let first = model.predict(&mut dataset, Predict::new().steps(1).verbose(0)).unwrap();
        assert_eq!(first, outputs.rows(0, BATCH).unwrap());
        let mut dataset = Dataset::new(Slices { weighted: true, workers, ..Slices::default() });
        assert_eq!(model.evaluate(&mut dataset, (), Evaluate::new().verbose(0)).unwrap(), weighted);
    }
}

#[test]
fn shuffled_batches_and_epochs_of_another_length() {
    let mut dataset = Slices::default();
    model().fit(Dataset::new(&mut dataset), (), quiet().epochs(2)).unwrap();
    let asked = dataset.asked.into_inner().unwrap();
    let (first, second) = asked.split_at(6);
    assert_ne!(first, second);
    for pass in [first, second] {
        let mut sorted = pass.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
    }

    // Epochs go on where the last one stopped; the end of a pass ends an epoch.
    let mut dataset = Slices::default();
    let options = quiet().epochs(4).steps_per_epoch(4).shuffle(false);
    model().fit(Dataset::new(&mut dataset), (), options).unwrap();
    assert_eq!(dataset.asked.into_inner().unwrap(), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
    assert_eq!((dataset.begun, dataset.ended), (4, 4));
}

#[test]
fn iterators() {
    let batches = || (0..6).map(|i| Slices::default().get_item(i));
    let mut expected = model();
    expected.fit(Dataset::new(Slices::default()), (), quiet().epochs(2).shuffle(false)).unwrap();

    let mut again = model();
    again.fit(Dataset::from_generator(batches), (), quiet().epochs(2)).unwrap();
    assert_eq!(weights(&again), weights(&expected));

    let mut endless = model();
    let mut dataset = Dataset::generator((0..).flat_map(|_| batches()));
    endless.fit(&mut dataset, (), quiet().steps_per_epoch(6).epochs(1)).unwrap();
    // The next call goes on with what is left.
    endless.fit(&mut dataset, (), quiet().steps_per_epoch(3).epochs(2)).unwrap();
    assert_eq!(weights(&endless), weights(&expected));

    let once = model().fit(Dataset::generator(batches()), (), quiet().epochs(2)).unwrap_err().to_string();
    assert!(once.starts_with("the data set gave no batch\n  help: an iterator is used up"), "{once}");
}

#[test]
fn maps_and_takes() {
    let made = AtomicUsize::new(0);
    let mut dataset = Dataset::new(Slices { workers: 2, ..Slices::default() })
        .map(|batch| {
            made.fetch_add(1, Ordering::SeqCst);
            let x = &batch.x.tensors()[0];
            let twice: Vec<f32> = x.as_slice::<f32>()?.iter().map(|v| v * 2.0).collect();
            Ok(Batch { x: Tensor::new(x.shape(), twice)?.into(), ..batch })
        })
        .take(2);
    assert_eq!(dataset.num_batches(), Some(2));
    let (x, ..) = data();
    let batches = dataset.iter().unwrap().collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches[1].x.tensors()[0].to_f64()[0], x.to_f64()[BATCH * 3] * 2.0);
    model().evaluate(&mut dataset, (), Evaluate::new().verbose(0)).unwrap();
    assert!(made.load(Ordering::SeqCst) >= 4);
}

#[test]
fn classes_with_weights() {
    let labels = Tensor::from((0..SAMPLES).map(|i| (i % 2) as i32).collect::<Vec<_>>());
    let (x, ..) = data();
    let build = || {
        set_random_seed(1);
        let mut model = Sequential::new().add(Input::new([3])).add(Dense::new(2).activation("softmax"));
        model.compile(Compile::new("sgd", "sparse_categorical_crossentropy")).unwrap();
        model
    };
    let mut expected = build();
    let fit = || quiet().shuffle(false).class_weight([(0, 0.5), (1, 3.0)]);
    expected.fit(&x, &labels, fit().batch_size(BATCH)).unwrap();
    let make = || {
        (0..6).map(|i| {
            let cut = |t: &Tensor| t.rows(i * BATCH, ((i + 1) * BATCH).min(SAMPLES));
            Ok((cut(&x)?, cut(&labels)?).into())
        })
    };
    let mut model = build();
    model.fit(Dataset::from_generator(make), (), fit()).unwrap();
    assert_eq!(weights(&model), weights(&expected));

    // They have none in validation.
    let history = model.fit(&x, &labels, fit().validation_split(0.5)).unwrap();
    let rest = |t: &Tensor| t.rows(SAMPLES / 2, SAMPLES).unwrap();
    let logs = model.evaluate(rest(&x), rest(&labels), Evaluate::new().verbose(0)).unwrap();
    let validated = history.get("val_loss").last().copied().unwrap();
    assert!((validated - logs.get("loss").unwrap()).abs() < 1e-6, "{validated}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (x, y, w) = data();
    let dataset = || Dataset::new(Slices::default());
    let fail = |result: Result<History>, message: &str| {
        let e = result.unwrap_err().to_string();
        assert!(e.starts_with(message), "{e}");
    };
    fail(model().fit(dataset(), &y, quiet()), "Fit.y: cannot be given beside a data set");
    fail(model().fit(dataset(), (), quiet().batch_size(4)), "Fit.batch_size: cannot be given");
    fail(model().fit(dataset(), (), quiet().sample_weight(&w)), "Fit.sample_weight: cannot be given");
    fail(model().fit(dataset(), (), quiet().validation_split(0.5)), "Fit.validation_split: is for arrays");
    fail(
        model().fit(dataset(), (), quiet().validation_data(dataset()).validation_batch_size(2)),
        "Fit.validation.batch_size: cannot be given",
    );
    let weighted = Dataset::new(Slices { weighted: true, ..Slices::default() });
    fail(model().fit(weighted, (), quiet().class_weight([(0, 1.0)])), "Fit.class_weight: cannot be given");
    let inputs = Dataset::from_generator(|| [Ok(Batch::from(data().0))].into_iter());
    fail(model().fit(inputs, (), quiet()), "the data set gives batches without targets");
    let broken = Dataset::from_generator(|| [Err(Error::Data("broken".into()))].into_iter());
    fail(model().fit(broken, (), quiet()), "broken");
    fail(model().fit(&x, (), quiet()), "output: the model has 1");
}
