//! `TimeDistributed` around layers that do with a batch what they would not do with each sample. The expected values are those
//! that Keras 3.15.1 gave.
#![allow(clippy::unwrap_used)]
use cornu::layers::{ActivityRegularization, LayerBox};
use cornu::prelude::*;
use cornu::regularizers::{L1, Regularizer};

fn model(layer: impl Into<LayerBox>) -> Model {
    let x = Input::new([2, 1]).tensor();
    let y = TimeDistributed::new(layer).apply(&x);
    let mut model = Model::new([x], [y]).unwrap();
    model.compile(Compile::new(SGD::new().learning_rate(0.0), "mse")).unwrap();
    model
}

/// Losses of epochs of one batch with SGD, and the weights after them.
fn trained(mut model: Model, x: &Tensor, weights: &[Tensor], epochs: usize) -> (Vec<f64>, Vec<Tensor>) {
    model.set_weights(weights).unwrap();
    model.compile(Compile::new(SGD::new().learning_rate(0.1), "mse")).unwrap();
    let fit = Fit::new().epochs(epochs).shuffle(false).verbose(0);
    let history = model.fit(x, Tensor::zeros(x.shape(), DType::F32), fit).unwrap();
    (history.get("loss").to_vec(), model.get_weights().unwrap())
}

fn spectral_weights() -> [Tensor; 3] {
    [Tensor::from([[1f32, 2.0], [3.0, 4.0]]), Tensor::from([[0.6f32, 0.8]]), Tensor::from([0f32, 0.0])]
}

fn close(got: &[f64], want: &[f64]) {
    assert!(
        got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-4),
        "{got:?}, want {want:?}"
    );
}

fn steps() -> Tensor {
    Tensor::new([2, 2, 1], vec![1f32, 10.0, 3.0, 30.0]).unwrap()
}

/// Each step has a mean of its own, and moves the mean after the step before.
#[test]
fn statistics_of_each_step() {
    let mut model = model(BatchNormalization::new().momentum(0.5));
    let history = model.fit(steps(), Tensor::zeros([2, 2, 1], DType::F32), Fit::new().verbose(0)).unwrap();
    assert!((history.get("loss")[0] - 0.999_495_4).abs() < 1e-5, "{:?}", history.get("loss"));
    let weights: Vec<f64> = model.get_weights().unwrap().iter().flat_map(Tensor::to_f64).collect();
    assert_eq!(weights, [1.0, 0.0, 10.5, 50.5]);
}

/// What a mask leaves out of a step does not count.
#[test]
fn masked_statistics() {
    let x = Input::new([2, 1]).tensor();
    let masked = Masking::new().apply(&x);
    let y = TimeDistributed::new(BatchNormalization::new().momentum(0.5)).apply(&masked);
    let mut model = Model::new([x], [y]).unwrap();
    model.compile(Compile::new(SGD::new().learning_rate(0.0), "mse")).unwrap();
    let x = Tensor::new([2, 2, 1], vec![1f32, 0.0, 3.0, 30.0]).unwrap();
    let history = model.fit(x, Tensor::zeros([2, 2, 1], DType::F32), Fit::new().verbose(0)).unwrap();
    close(history.get("loss"), &[0.666_000_8]);
    let weights: Vec<f64> = model.get_weights().unwrap().iter().flat_map(Tensor::to_f64).collect();
    close(&weights, &[1.0, 0.0, 15.499_998, 0.5]);
}

/// The kernel is divided at each step, and what was computed with each of those kernels has its part in the gradient, as
/// Keras does with TensorFlow.
#[test]
fn kernels_of_each_step() {
    let x = Tensor::new([2, 2, 2], vec![0.1f32, 1.0, 0.3, 3.0, 0.2, -0.1, 0.0, 0.4]).unwrap();
    let input = Input::new([2, 2]).tensor();
    let y = TimeDistributed::new(SpectralNormalization::new(Dense::new(2))).apply(&input);
    let (losses, after) = trained(Model::new([input], [y]).unwrap(), &x, &spectral_weights(), 2);
    close(&losses, &[1.157_291_9, 0.972_128_7]);
    close(&after[0].to_f64(), &[0.205_945_8, 0.431_522_7, 0.392_145_9, 0.516_317_5]);
    close(&after[1].to_f64(), &[0.563_706_2, 0.825_975_4]);
    close(&after[2].to_f64(), &[-0.115_203_6, -0.157_196]);
}

/// The same where a layer is applied twice.
#[test]
fn kernels_of_each_call() {
    let x = Tensor::from([[0.1f32, 1.0], [0.3, 3.0]]);
    let input = Input::new([2]).tensor();
    let layer = SpectralNormalization::new(Dense::new(2));
    let y = layer.apply(layer.apply(&input));
    let (losses, after) = trained(Model::new([input], [y]).unwrap(), &x, &spectral_weights(), 1);
    close(&losses, &[2.173_510_6]);
    close(&after[0].to_f64(), &[0.014_985_9, 0.104_933_4, 0.157_936_4, 0.009_888_4]);
    close(&after[1].to_f64(), &[0.576_048_9, 0.817_415_2]);
    close(&after[2].to_f64(), &[-0.180_741, -0.324_468_8]);
}

/// The penalty of the layer's own outputs does not count, that of layers within it does, step by step.
#[test]
fn penalties_of_outputs() {
    let dense = || {
        Dense::new(1).kernel_initializer("ones").activity_regularizer(Regularizer::from(L1::new().l1(0.01)))
    };
    let mut alone = model(dense());
    let mut within = model(Sequential::new().add(Input::new([1])).add(dense()).as_layer().unwrap());
    let x = steps();
    let loss =
        |model: &mut Model| model.evaluate(&x, &x, Evaluate::new().verbose(0)).unwrap().get("loss").unwrap();
    assert_eq!(loss(&mut alone), 0.0);
    let got = loss(&mut within);
    assert!((got - 0.22).abs() < 1e-6, "{got}");
    let penalty = || ActivityRegularization::new().l1(0.01);
    let mut within = model(Sequential::new().add(Input::new([1])).add(penalty()).as_layer().unwrap());
    assert_eq!(loss(&mut model(penalty())), 0.0);
    close(&[loss(&mut within)], &[0.22]);
}

/// A kernel that its layer keeps from training is divided, and not trained.
#[test]
fn frozen_kernels() {
    let after = |rate: f64| {
        let x = Input::new([2]).tensor();
        let y = SpectralNormalization::new(Dense::new(2).trainable(false)).apply(&x);
        let mut model = Model::new([x], [y]).unwrap();
        let weights: Vec<Tensor> =
            model.get_weights().unwrap().iter().map(|w| Tensor::full(w.shape(), DType::F32, 0.5)).collect();
        model.set_weights(&weights).unwrap();
        model.compile(Compile::new(SGD::new().learning_rate(rate), "mse")).unwrap();
        let x = Tensor::from([[0.1f32, 1.0], [0.3, 3.0]]);
        model.fit(&x, Tensor::zeros([2, 2], DType::F32), Fit::new().verbose(0)).unwrap();
        model.get_weights().unwrap().iter().flat_map(Tensor::to_f64).collect::<Vec<_>>()
    };
    assert_eq!(after(0.1), after(0.0));
}
