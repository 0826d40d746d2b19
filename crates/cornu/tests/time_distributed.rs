//! `TimeDistributed` around layers that do with a batch what they would not do with each sample. The expected values are those
//! that Keras 3.15.1 gave.
#![allow(clippy::unwrap_used)]
use cornu::layers::LayerBox;
use cornu::prelude::*;
use cornu::regularizers::{L1, Regularizer};

fn model(layer: impl Into<LayerBox>) -> Model {
    let x = Input::new([2, 1]).tensor();
    let y = TimeDistributed::new(layer).apply(&x);
    let mut model = Model::new([x], [y]).unwrap();
    model.compile(Compile::new(SGD::new().learning_rate(0.0), "mse")).unwrap();
    model
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
}
