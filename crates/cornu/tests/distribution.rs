//! Data parallel training: the numbers of one device, on the mock to the last bit, on the plugin of `CORNU_PJRT_PLUGIN` nearly.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
mod mock;

use cornu::backend;
use cornu::distribution::{
    DataParallel, DeviceMesh, distribution, get_device_count, list_devices, set_distribution,
};
use cornu::prelude::*;

/// What training leaves.
type Left = (History, Vec<Tensor>, Logs, Tensor);

fn data(shape: &[usize]) -> (Tensor, Tensor, Tensor) {
    let (n, row): (usize, usize) = (shape[0], shape[1..].iter().product());
    let x: Vec<f32> = (0..n * row).map(|i| ((i * 37 % 101) as f32 - 50.0) / 40.0).collect();
    let y: Vec<i32> = (0..n).map(|i| (i * 7 % 3) as i32).collect();
    let weights: Vec<f32> = (0..n).map(|i| (i % 4) as f32 / 2.0).collect();
    (Tensor::new(shape, x).unwrap(), Tensor::from(y), Tensor::from(weights))
}

fn trained(mut model: Sequential, compile: Compile, data: &(Tensor, Tensor, Tensor)) -> Left {
    model.compile(compile).unwrap();
    let (x, y, weights) = data;
    let fit = Fit::new().batch_size(8).epochs(2).verbose(0).sample_weight(weights);
    let history = model.fit(x, y, fit.validation_data((x, y))).unwrap();
    let evaluate = Evaluate::new().batch_size(8).verbose(0).sample_weight(weights);
    let logs = model.evaluate(x, y, evaluate).unwrap();
    let y_pred = model.predict(x, Predict::new().batch_size(8).verbose(0)).unwrap();
    (history, model.get_weights().unwrap(), logs, y_pred)
}

fn compile() -> Compile {
    let metrics = [Metric::from("accuracy"), metrics::SparseTopKCategoricalAccuracy::new().k(2).into()];
    Compile::new("adam", "sparse_categorical_crossentropy").metrics(metrics).weighted_metrics(["accuracy"])
}

fn begin() {
    utils::clear_session();
    utils::set_random_seed(7);
}

fn mlp() -> Left {
    begin();
    let model = Sequential::new()
        .add(Input::new([6]))
        .add(Dense::new(16).activation("relu").kernel_regularizer("l2"))
        .add(Dense::new(3).activation("softmax"));
    // 27 samples: three batches that the devices share, and one of three.
    trained(model, compile(), &data(&[27, 6]))
}

fn cnn() -> Left {
    begin();
    let model = Sequential::new()
        .add(Input::new([6, 6, 1]))
        // A bias before the normalization has no gradient but rounding, of which Adam makes whole steps.
        .add(Conv2D::new(4, 3).padding("same").use_bias(false))
        .add(BatchNormalization::new())
        .add(ReLU::new())
        .add(MaxPooling2D::new())
        .add(Flatten::new())
        .add(Dense::new(3).activation("softmax"));
    trained(model, compile(), &data(&[20, 6, 6, 1]))
}

/// What is random is random in the same way as on one device: each sample has numbers of its own.
fn random() -> Left {
    begin();
    let model = Sequential::new()
        .add(Input::new([4, 3]))
        .add(GaussianNoise::new(0.2))
        .add(LSTM::new(5))
        .add(Dropout::new(0.4))
        .add(Dense::new(3).activation("softmax"));
    trained(model, compile().steps_per_execution(2), &data(&[38, 4, 3]))
}

/// The largest difference in units of the largest number; 0 for the same bits only.
fn apart(what: &str, a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "{what}");
    let largest = b.iter().fold(1e-3f64, |m, x| m.max(x.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / largest).fold(0.0, f64::max)
}

fn compare(what: &str, got: &Left, expected: &Left, tolerance: f64) -> f64 {
    let mut worst = 0f64;
    let mut check = |name: &str, a: &[f64], b: &[f64]| {
        let apart = apart(name, a, b);
        assert!(apart <= tolerance, "{what}: {name} differs by {apart:e}: {a:?}, {b:?}");
        worst = worst.max(apart);
    };
    for name in ["loss", "accuracy", "weighted_accuracy", "sparse_top_k_categorical_accuracy", "val_loss"] {
        check(name, got.0.get(name), expected.0.get(name));
    }
    assert_eq!(got.1.len(), expected.1.len());
    for (i, (a, b)) in got.1.iter().zip(&expected.1).enumerate() {
        check(&format!("weight {i}"), &a.to_f64(), &b.to_f64());
    }
    check("evaluation", &[got.2.get("loss").unwrap()], &[expected.2.get("loss").unwrap()]);
    check("predictions", &got.3.to_f64(), &expected.3.to_f64());
    worst
}

#[test]
fn the_numbers_of_one_device() {
    let (_guard, real) = mock::engine();
    backend::set("pjrt").unwrap();
    let all = list_devices(None).unwrap();
    assert!(all.len() > 1, "{all:?}");
    assert_eq!(get_device_count(None).unwrap(), all.len());
    for (name, train) in [("mlp", mlp as fn() -> Left), ("cnn", cnn), ("random", random)] {
        set_distribution(None).unwrap();
        let expected = train();
        let mut counts = vec![2, all.len().min(4)];
        counts.dedup();
        for count in counts {
            set_distribution(DataParallel::new().devices(&all[..count])).unwrap();
            let worst = compare(name, &train(), &expected, if real { 1e-5 } else { 0.0 });
            println!("{name} on {count} devices: {worst:.1e}");
        }
    }
    set_distribution(None).unwrap();
    backend::set("cpu").unwrap();
}

/// A model goes on where it stopped when the distribution changes; a step of user code is shared, too.
#[test]
fn change_of_distribution() {
    let (_guard, real) = mock::engine();
    backend::set("pjrt").unwrap();
    let (x, _, _) = data(&[8, 6]);
    let losses = |counts: [usize; 3]| -> Vec<f64> {
        begin();
        let model = Sequential::new().add(Input::new([6])).add(Dense::new(2));
        let (model, sgd) = (model.as_layer().unwrap(), SGD::new().learning_rate(0.1).into());
        let mut step = TrainStep::new(|cx, batch| {
            let loss = cx.call(&model, &batch[0], true)?.square().mean([0, 1]);
            cx.minimize(&loss, &model, &sgd)?;
            Ok(vec![("loss", loss)])
        });
        let mut one = |count: usize| {
            let devices = list_devices(None).unwrap()[..count].to_vec();
            set_distribution(
                DataParallel::new().device_mesh(DeviceMesh::new([count], ["batch"]).devices(devices)),
            )
            .unwrap();
            step.run([&x]).unwrap().get("loss").unwrap()
        };
        counts.into_iter().map(&mut one).collect()
    };
    let expected = losses([1, 1, 1]);
    assert!(expected[2] < expected[0]);
    let got = losses([2, 1, 2]);
    assert!(apart("losses", &got, &expected) <= if real { 1e-5 } else { 0.0 }, "{got:?}, {expected:?}");
    set_distribution(None).unwrap();
    backend::set("cpu").unwrap();
}

#[test]
fn mistakes() {
    let (_guard, real) = mock::engine();
    backend::set("cpu").unwrap();
    let refusal = |d: DataParallel| set_distribution(d).unwrap_err().to_string();
    assert_eq!(
        refusal(DataParallel::new().devices(["cpu:0", "cpu:1"])),
        "DataParallel.devices: the engine `cpu` has no device `cpu:1`; it has [\"cpu:0\"]\n  help: did you mean `cpu:0`?"
    );
    assert_eq!(
        list_devices(Some("gpu")).unwrap_err().to_string(),
        "device_type: the engine in use has no device of type `gpu`; it has [\"cpu:0\"]\n  help: `backend::set` chooses \
         another engine"
    );
    let mesh = |shape: &[usize], names: &[&str]| {
        refusal(DataParallel::new().device_mesh(DeviceMesh::new(shape.to_vec(), names.to_vec())))
    };
    assert_eq!(
        mesh(&[], &["a"]),
        "DeviceMesh: shape and axis_names cannot be empty, got shape=[], axis_names=[\"a\"]"
    );
    assert_eq!(
        mesh(&[1], &["a", "b"]),
        "DeviceMesh: shape and axis_names should have same size, got shape=[1], axis_names=[\"a\", \"b\"]"
    );
    assert_eq!(
        mesh(&[2], &["a"]),
        "DeviceMesh: shape does not match the number of devices, got shape=[2] and [\"cpu:0\"]"
    );
    assert_eq!(
        mesh(&[1, 1], &["a", "b"]),
        "DataParallel.device_mesh: expects a mesh of one axis, got shape=[1, 1]"
    );
    let both = DataParallel::new().devices(["cpu:0"]).device_mesh(DeviceMesh::new([1], ["a"]));
    assert_eq!(refusal(both), "DataParallel: `device_mesh` and `devices` cannot both be given");
    assert_eq!(distribution(), None);

    // One device is one device; another engine must have the devices that were said.
    set_distribution(DataParallel::new()).unwrap();
    assert_eq!(distribution(), Some(DataParallel::new()));
    set_distribution(None).unwrap();
    backend::set("pjrt").unwrap();
    let all = list_devices(None).unwrap();
    let two = DataParallel::new().devices(&all[..2]);
    let twice = DataParallel::new().devices([&all[0], &all[0]].map(String::as_str));
    assert_eq!(refusal(twice), "devices: device 0 is named twice");
    set_distribution(two.clone()).unwrap();
    let e = backend::set("cpu").unwrap_err().to_string();
    if !real {
        assert!(e.starts_with("DataParallel.devices: the engine `cpu` has no device `mock:0`"), "{e}");
    }
    // Nothing has changed by that.
    assert_eq!((distribution(), list_devices(None).unwrap()), (Some(two), all));

    // A batch size that always leaves a rest would be of no use.
    let (x, y, _) = data(&[27, 6]);
    let mut model = Sequential::new().add(Input::new([6])).add(Dense::new(3));
    model.compile(Compile::new("sgd", "mse")).unwrap();
    let e = model.fit(&x, &y, Fit::new().batch_size(9).verbose(0)).unwrap_err().to_string();
    assert_eq!(
        e,
        "Fit.batch_size: must be a multiple of 2, the number of devices that share a batch, got 9\n  help: batches that leave \
         a rest are computed whole by each device"
    );
    set_distribution(None).unwrap();
    backend::set("cpu").unwrap();
}
