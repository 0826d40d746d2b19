//! Sums of products, reductions and windows.
use super::Generator;
use crate::ops::{
    Conv, ConvInputGrad, ConvKernelGrad, ConvWindow, CumulativeKind, Dot, PoolKind, ReduceKind, ReduceWindow,
    WindowGrad, WindowPick,
};
use crate::{DType, Value};

pub(super) fn outputs(op: &str, g: &mut Generator) -> Vec<Value> {
    match op {
        "dot" => vec![dot(g)],
        "conv" | "conv_input_grad" | "conv_kernel_grad" => vec![conv(op, g)],
        "reduce" => {
            let kind = *g.random.pick(ReduceKind::ALL);
            let logic = matches!(kind, ReduceKind::Any | ReduceKind::All);
            let dtype = if logic { DType::Bool } else { g.random.number_dtype() };
            let shape = g.random.shape(0, 4);
            let range = if kind == ReduceKind::Prod { 1.2 } else { 4.0 };
            let x = g.input(dtype, &shape, -range, range);
            let axes: Vec<i64> = (0..shape.len() as i64).filter(|_| g.random.coin()).collect();
            let keepdims = g.random.coin();
            vec![x.reduce(kind, &axes, keepdims)]
        }
        "cumulative" => {
            let kind = *g.random.pick(CumulativeKind::ALL);
            let (dtype, shape) = (g.random.number_dtype(), g.random.shape(1, 3));
            let x = g.input(dtype, &shape, -1.2, 1.2);
            let axis = g.random.below(shape.len()) as i64;
            let reverse = g.random.coin();
            vec![x.cumulative(kind, axis, reverse)]
        }
        "softmax" | "log_softmax" => {
            let (dtype, shape) = (g.random.float_dtype(), g.random.shape(1, 4));
            let x = g.input(dtype, &shape, -8.0, 8.0);
            let axis = g.random.below(shape.len()) as i64;
            vec![if op == "softmax" { x.softmax(axis) } else { x.log_softmax(axis) }]
        }
        _ => vec![window(op, g)],
    }
}

fn dot(g: &mut Generator) -> Value {
    let dtype = if g.random.below(4) == 0 { g.random.number_dtype() } else { DType::F32 };
    let size = |g: &mut Generator| {
        if g.random.below(6) == 0 { 17 + g.random.below(40) } else { g.random.size() % 9 }
    };
    let sizes = |g: &mut Generator, most: usize| -> Vec<usize> {
        let n = g.random.below(most + 1);
        (0..n).map(|_| size(g)).collect()
    };
    let (batch, contract) = (sizes(g, 2), sizes(g, 2));
    let (left, right) = (sizes(g, 2), sizes(g, 2));
    // Each operand has its axes in an order of its own.
    let mut operand = |free: &[usize]| {
        let all: Vec<usize> = [&batch[..], free, &contract].concat();
        let order = g.random.permutation(all.len());
        let shape: Vec<usize> = order.iter().map(|&i| all[i]).collect();
        let place = |i: usize| order.iter().position(|&o| o == i).unwrap_or_default();
        let of_batch: Vec<usize> = (0..batch.len()).map(place).collect();
        let first = batch.len() + free.len();
        let of_contract: Vec<usize> = (0..contract.len()).map(|i| place(first + i)).collect();
        (g.input(dtype, &shape, -2.0, 2.0), of_batch, of_contract)
    };
    let (a, a_batch, a_contract) = operand(&left);
    let (b, b_batch, b_contract) = operand(&right);
    Value::emit1(Dot { a_batch, b_batch, a_contract, b_contract }, &[&a, &b])
}

fn conv(op: &str, g: &mut Generator) -> Value {
    let n = 1 + g.random.below(3);
    let mut list = |low: i64, high: i64| -> Vec<usize> {
        (0..n).map(|_| if g.random.coin() { 1 } else { g.random.between(low, high) as usize }).collect()
    };
    let (strides, lhs, rhs) = (list(1, 3), list(1, 2), list(1, 2));
    let padding: Vec<(i64, i64)> =
        (0..n).map(|_| (g.random.between(-1, 2), g.random.between(-1, 2))).collect();
    let groups = if g.random.coin() { 1 } else { 1 + g.random.below(4) };
    let (per_group, filters) = (1 + g.random.below(5), groups * (1 + g.random.below(5)));
    let window = ConvWindow { strides, padding, lhs_dilation: lhs, rhs_dilation: rhs, groups };
    let batch = 1 + g.random.below(3);
    let image: Vec<usize> = (0..n).map(|_| 3 + g.random.below(6)).collect();
    let kernel: Vec<usize> = (0..n).map(|_| 1 + g.random.below(3)).collect();
    let x_shape = [&[batch], &image[..], &[groups * per_group]].concat();
    let w_shape = [&kernel[..], &[per_group, filters]].concat();
    let dtype = if g.random.below(5) == 0 { g.random.float_dtype() } else { DType::F32 };
    let result = (0..n).map(|i| window.output(i, image[i], kernel[i])).collect::<Option<Vec<usize>>>();
    let y_shape = [&[batch], &result.unwrap_or_else(|| vec![1; n])[..], &[filters]].concat();
    match op {
        "conv" => {
            let (x, w) = (g.input(dtype, &x_shape, -2.0, 2.0), g.input(dtype, &w_shape, -2.0, 2.0));
            Value::emit1(Conv { window }, &[&x, &w])
        }
        "conv_input_grad" => {
            let (dy, w) = (g.input(dtype, &y_shape, -2.0, 2.0), g.input(dtype, &w_shape, -2.0, 2.0));
            Value::emit1(ConvInputGrad { window, shape: x_shape }, &[&dy, &w])
        }
        _ => {
            let (x, dy) = (g.input(dtype, &x_shape, -2.0, 2.0), g.input(dtype, &y_shape, -2.0, 2.0));
            Value::emit1(ConvKernelGrad { window, shape: w_shape }, &[&x, &dy])
        }
    }
}

fn window(op: &str, g: &mut Generator) -> Value {
    let (dtype, shape) = (g.random.number_dtype(), g.random.shape(1, 4));
    let kind = match op {
        "window_pick" => *g.random.pick(&[PoolKind::Max, PoolKind::Min]),
        _ => *g.random.pick(PoolKind::ALL),
    };
    let window: Vec<usize> = shape.iter().map(|&d| 1 + g.random.below(d.min(3))).collect();
    let strides: Vec<usize> = shape.iter().map(|_| 1 + g.random.below(3)).collect();
    let padding: Vec<(usize, usize)> =
        window.iter().map(|&w| (g.random.below(w), g.random.below(w))).collect();
    let x = g.input(dtype, &shape, -4.0, 4.0);
    let of = ReduceWindow { kind, window, strides, padding };
    let y = Value::emit1(of.clone(), &[&x]);
    match op {
        "reduce_window" => y,
        "window_grad" => {
            let shape = y.spec().shape.clone();
            let grad = g.input(dtype, &shape, -4.0, 4.0);
            Value::emit1(WindowGrad { of }, &[&x, &grad])
        }
        _ => {
            let d = g.input(dtype, &shape, -4.0, 4.0);
            Value::emit1(WindowPick { of }, &[&x, &d])
        }
    }
}
