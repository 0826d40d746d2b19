//! Weights of classes, which become weights of samples.
use crate::training::Batch;
use crate::training::data::{Data, SampleWeight};
use cornu_graph::{DType, Error, Result, Tensor};
use std::collections::HashMap;

/// A batch of a data set with the weights of its classes.
pub(crate) fn weighted(batch: Batch, classes: Option<&HashMap<i64, f64>>) -> Result<Batch> {
    match (classes, &batch.y) {
        (Some(_), _) if batch.sample_weight.is_some() => {
            let message = "cannot be given together with sample weights, which the batches have";
            Err(Error::argument("Fit.class_weight", message))
        }
        (Some(classes), Some(y)) => Ok(Batch { sample_weight: Some(class_weights(y, classes)?), ..batch }),
        _ => Ok(batch),
    }
}

/// A weight for each sample from the class it is of: the label, or the largest of a one-hot row.
pub(crate) fn class_weights(y: &Data, classes: &HashMap<i64, f64>) -> Result<SampleWeight> {
    let [y] = y.tensors() else {
        let message = "is only supported for models with a single output";
        return Err(Error::argument("Fit.class_weight", message));
    };
    let values = y.to_f64();
    let width = if y.rank() >= 2 { y.shape()[y.rank() - 1] } else { 1 };
    let class = |row: &[f64]| match row {
        [label] => label.round() as i64,
        // The first of the largest.
        _ => row.iter().enumerate().fold(0, |best, (i, &v)| if v > row[best] { i } else { best }) as i64,
    };
    let weights: Vec<f64> =
        values.chunks(width.max(1)).map(|row| classes.get(&class(row)).copied().unwrap_or(1.0)).collect();
    let shape = if y.rank() >= 2 { &y.shape()[..y.rank() - 1] } else { y.shape() };
    Ok(Tensor::from_f64(shape, DType::F32, &weights)?.into())
}
