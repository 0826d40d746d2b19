//! Graphs of many ops.
use super::{Case, Generator};
use crate::ops::ReduceKind;
use crate::{DType, Value};

/// A float32 graph of `count` smooth ops with shared subexpressions and several outputs; the first is a scalar that all
/// inputs lead to. Values stay small.
pub fn random_graph(seed: u64, count: usize) -> Option<Case> {
    let mut g = Generator::new(seed);
    let shape = [1 + g.random.below(6), 1 + g.random.below(6)];
    let mut values: Vec<Value> = (0..3).map(|_| g.input(DType::F32, &shape, -1.0, 1.0)).collect();
    let vector = g.input(DType::F32, &shape[1..], -1.0, 1.0);
    let square = g.input(DType::F32, &[shape[1], shape[1]], -1.0, 1.0);
    for _ in 0..count {
        // Late values are used more often.
        let at = values.len() - 1 - g.random.below(values.len().min(6));
        let (a, b) = (values[at].clone(), values[g.random.below(values.len())].clone());
        values.push(step(&mut g, &a, &b, &vector, &square));
    }
    let all = values.iter().cloned().reduce(|a, b| a + b)?;
    let loss = (all * 0.1).square().mean([0, 1]) + vector.square().mean([0]) * 0.1;
    let mut outputs = vec![loss];
    let extra = 1 + g.random.below(3);
    outputs.extend((0..extra).map(|_| values[g.random.below(values.len())].clone()));
    let inputs = std::mem::take(&mut g.inputs);
    g.builder.finish(&outputs).ok().map(|graph| Case { graph, inputs })
}

/// A smooth function of two values, of the same shape as theirs.
fn step(g: &mut Generator, a: &Value, b: &Value, vector: &Value, square: &Value) -> Value {
    match g.random.below(22) {
        0 => a + b,
        1 => a - b,
        2 => (a * b).tanh(),
        3 => a.tanh(),
        4 => (a * 0.3).exp(),
        5 => a.sigmoid(),
        6 => a / (b.square() + 1.0),
        7 => (a.square() + 0.5).log(),
        8 => (a.square() + 0.5).sqrt(),
        9 => a.matmul(square).tanh(),
        10 => a + vector,
        11 => (a * vector).tanh(),
        12 => a.softmax(-1),
        13 => a - a.mean_keepdims([1]),
        14 => a * (a.reduce(ReduceKind::Sum, &[0], true).square() + 1.0).rsqrt(),
        15 => a.transpose(&[1, 0]).transpose(&[1, 0]) + 0.5,
        16 => a.flip([g.random.below(2) as i64]),
        17 => a.sin() * b.cos(),
        18 => {
            let rows = a.shape()[0];
            Value::concat(&[&a.slice_axis(0, rows / 2, rows), &b.slice_axis(0, 0, rows / 2)], 0)
        }
        19 => a.reshape(&[a.spec().len()]).cumsum(0).reshape(a.shape()).tanh(),
        20 => a.erf(),
        _ => (a - b).log_softmax(0) * 0.2,
    }
}
