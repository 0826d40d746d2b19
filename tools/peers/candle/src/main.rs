//! The workloads in Candle, for its CPU backend.

#[path = "../../common.rs"]
mod common;
mod models;

use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::loss::binary_cross_entropy_with_logit;
use candle_nn::ops::{log_softmax, sigmoid, softmax_last_dim};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, VarBuilder, VarMap, loss};
use common::{Batch, Framework, Metrics, Predict, Result, Train, Workload};
use std::collections::HashMap;
use std::process::ExitCode;

const CPU: Device = Device::Cpu;

fn main() -> ExitCode {
    common::main::<Candle>()
}

struct Candle;

impl Framework for Candle {
    type Int = u32;

    fn train(work: &Workload) -> Result<Train<u32>> {
        let variables = VarMap::new();
        let model = models::build(work.name, VarBuilder::from_varmap(&variables, DType::F32, &CPU))?;
        let mut optimizer = Rule::new(work.name, variables.all_vars())?;
        let name = work.name;
        Ok(Box::new(move |batch| {
            let logits = model(&models::input(name, batch)?, true)?;
            let (loss, correct) = loss_and_correct(name, &logits, batch)?;
            optimizer.step(&loss)?;
            Ok(Metrics {
                loss: loss.to_scalar::<f32>()?,
                accuracy: correct.to_scalar::<f32>()? / batch.size as f32,
            })
        }))
    }

    fn predict(work: &Workload) -> Result<Predict<u32>> {
        let variables = VarMap::new();
        let _ = models::build(work.name, VarBuilder::from_varmap(&variables, DType::F32, &CPU))?;
        // Built a second time of plain tensors, so that no graph is kept.
        let plain: HashMap<String, Tensor> = variables
            .data()
            .lock()
            .map_err(|e| e.to_string())?
            .iter()
            .map(|(k, v)| (k.clone(), v.as_detached_tensor()))
            .collect();
        let model = models::build(work.name, VarBuilder::from_tensors(plain, DType::F32, &CPU))?;
        let name = work.name;
        Ok(Box::new(move |batch| {
            let logits = model(&models::input(name, batch)?, false)?;
            let out = if name == "lstm" { sigmoid(&logits)? } else { softmax_last_dim(&logits)? };
            Ok(out.flatten_all()?.to_vec1::<f32>()?)
        }))
    }
}

fn loss_and_correct(
    name: &str,
    logits: &Tensor,
    batch: &Batch<u32>,
) -> candle_core::Result<(Tensor, Tensor)> {
    let size = batch.size;
    if name == "lstm" {
        let y = Tensor::from_slice(&batch.targets, (size, 1), &CPU)?;
        let hits = logits.gt(0f32)?.eq(&y.gt(0.5f32)?)?;
        return Ok((binary_cross_entropy_with_logit(logits, &y)?, hits.to_dtype(DType::F32)?.sum_all()?));
    }
    let predicted = logits.argmax(D::Minus1)?;
    let (loss, labels) = if name == "mnist_cnn" {
        let y = Tensor::from_slice(&batch.targets, logits.shape(), &CPU)?;
        let sum = (log_softmax(logits, 1)? * &y)?.sum_all()?;
        (sum.affine(-1.0 / size as f64, 0.0)?, y.argmax(1)?)
    } else {
        let y = Tensor::from_slice(&batch.labels, size, &CPU)?;
        (loss::cross_entropy(logits, &y)?, y)
    };
    Ok((loss, predicted.eq(&labels)?.to_dtype(DType::F32)?.sum_all()?))
}

enum Rule {
    Adam(AdamW),
    Sgd(SGD),
}

impl Rule {
    fn new(name: &str, variables: Vec<Var>) -> Result<Rule> {
        // Candle has no momentum: a pass less than the workload's SGD.
        if name == "resnet20" {
            return Ok(Rule::Sgd(SGD::new(variables, 0.01)?));
        }
        // AdamW without decay is Adam. It also stands for Adadelta, which Candle lacks: two moments too, one root less.
        let adam = ParamsAdamW { lr: 1e-3, eps: 1e-7, weight_decay: 0.0, ..ParamsAdamW::default() };
        Ok(Rule::Adam(AdamW::new(variables, adam)?))
    }

    fn step(&mut self, loss: &Tensor) -> candle_core::Result<()> {
        match self {
            Rule::Adam(rule) => rule.backward_step(loss),
            Rule::Sgd(rule) => rule.backward_step(loss),
        }
    }
}
