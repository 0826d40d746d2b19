//! The workloads in Burn, for its CPU backend `flex`.

#[path = "../../common.rs"]
mod common;
mod models;

use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::prelude::*;
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::loss::cross_entropy_with_logits;
use common::{Batch, Framework, Metrics, Predict, Result, Train, Workload};
use models::{CnnRnn, Mlp, MnistCnn, Net, ResNet20, TextLstm, Transformer};
use std::process::ExitCode;

fn main() -> ExitCode {
    common::main::<Burn>()
}

struct Burn;

impl Framework for Burn {
    type Int = i32;

    fn train(work: &Workload) -> Result<Train<i32>> {
        match work.name {
            "mlp" => Ok(train::<Mlp>(work.name)),
            "mnist_cnn" => Ok(train::<MnistCnn>(work.name)),
            "resnet20" => Ok(train::<ResNet20>(work.name)),
            "lstm" => Ok(train::<TextLstm>(work.name)),
            "cnn_rnn" => Ok(train::<CnnRnn>(work.name)),
            "transformer" => Ok(train::<Transformer>(work.name)),
            name => Err(format!("the workload {name} is not written for Burn").into()),
        }
    }

    fn predict(work: &Workload) -> Result<Predict<i32>> {
        match work.name {
            "mlp" => Ok(predict::<Mlp>(work.name)),
            "mnist_cnn" => Ok(predict::<MnistCnn>(work.name)),
            "resnet20" => Ok(predict::<ResNet20>(work.name)),
            "lstm" => Ok(predict::<TextLstm>(work.name)),
            "cnn_rnn" => Ok(predict::<CnnRnn>(work.name)),
            "transformer" => Ok(predict::<Transformer>(work.name)),
            name => Err(format!("the workload {name} is not written for Burn").into()),
        }
    }
}

fn train<N: Net + 'static>(name: &'static str) -> Train<i32> {
    let device = Device::flex().autodiff();
    let mut model = Some(N::new(&device));
    let (mut optimizer, rate) = optimizer(name);
    Box::new(move |batch| {
        let net = model.take().ok_or("the model was lost by a step that failed")?;
        let logits = net.forward(batch, &device);
        let (loss, correct) = loss_and_correct(name, logits, batch, &device);
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        model = Some(optimizer.step(rate, net, gradients));
        Ok(Metrics {
            loss: loss.into_scalar::<f32>(),
            accuracy: correct.into_scalar::<f32>() / batch.size as f32,
        })
    })
}

fn predict<N: Net + 'static>(name: &'static str) -> Predict<i32> {
    // Without gradients no graph is kept, and dropout and batch normalization predict.
    let device = Device::flex();
    let model = N::new(&device);
    Box::new(move |batch| {
        let logits = model.forward(batch, &device);
        let out = if name == "lstm" { sigmoid(logits) } else { softmax(logits, 1) };
        out.into_data().try_into_vec::<f32>().map_err(|e| format!("{e:?}").into())
    })
}

fn loss_and_correct(
    name: &str,
    logits: Tensor<2>,
    batch: &Batch<i32>,
    device: &Device,
) -> (Tensor<1>, Tensor<1>) {
    let (n, [_, classes]) = (batch.size, logits.dims());
    let labels = Tensor::<1, Int>::from_data(TensorData::new(batch.labels.clone(), [n]), device);
    if name == "lstm" {
        let logits = logits.reshape([n]);
        let hits = logits.clone().detach().greater_elem(0.0).int().equal(labels.clone());
        let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(device).forward(logits, labels);
        return (loss, hits.float().sum());
    }
    let hits = logits.clone().detach().argmax(1).reshape([n]).equal(labels.clone());
    let loss = if name == "mnist_cnn" {
        let targets = Tensor::<2>::from_data(TensorData::new(batch.targets.clone(), [n, classes]), device);
        cross_entropy_with_logits(logits, targets)
    } else {
        CrossEntropyLossConfig::new().init(device).forward(logits, labels)
    };
    (loss, hits.float().sum())
}

/// With its learning rate.
fn optimizer(name: &str) -> (ModuleOptimizer, f64) {
    if name == "resnet20" {
        let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
        return (SgdConfig::new().with_momentum(Some(momentum)).init(), 0.01);
    }
    // Adam stands for Adadelta, too, which Burn lacks: two moments as well, one root less.
    (AdamConfig::new().with_epsilon(1e-7).init(), 1e-3)
}
