//! Softmax and its logarithm.
use super::{Array, Eval};
use crate::ops::{LogSoftmax, Softmax};
use crate::{Result, Spec};

/// The logarithm of the softmax of each line along `axis`, by the definition with the largest taken out.
fn log_softmax(x: &Array, axis: usize) -> Result<Vec<f64>> {
    let v = x.as_floats()?;
    let (size, stride) = (x.spec.shape[axis], x.spec.shape[axis + 1..].iter().product::<usize>());
    let result = |i: usize| {
        let first = i - i / stride % size * stride;
        let line = || (0..size).map(|k| v[first + k * stride]);
        let largest = line().fold(f64::NEG_INFINITY, f64::max);
        v[i] - largest - line().map(|x| (x - largest).exp()).sum::<f64>().ln()
    };
    Ok((0..v.len()).map(result).collect())
}

impl Eval for LogSoftmax {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        Ok(vec![Array::floats(&out[0], log_softmax(inputs[0], self.axis)?)])
    }
}

impl Eval for Softmax {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let logs = log_softmax(inputs[0], self.axis)?;
        Ok(vec![Array::floats(&out[0], logs.into_iter().map(f64::exp).collect())])
    }
}
