//! Loops, and other ops with graphs inside.
use super::Generator;
use crate::{DType, Value};

pub(super) fn outputs(op: &str, g: &mut Generator) -> Vec<Value> {
    match op {
        "while" => return while_loop(g),
        "custom_vjp" => return custom_vjp(g),
        _ => {}
    }
    let (batch, features, units) = (1 + g.random.below(5), 1 + g.random.below(5), 1 + g.random.below(6));
    let (length, reverse) = (g.random.below(6), g.random.coin());
    let x = g.input(DType::F32, &[length, batch, features], -1.0, 1.0);
    let w = g.input(DType::F32, &[features, units], -1.0, 1.0);
    let u = g.input(DType::F32, &[units, units], -1.0, 1.0);
    let bias = g.input(DType::F32, &[units], -1.0, 1.0);
    let start = g.input(DType::F32, &[batch, units], -1.0, 1.0);
    let counts = g.input(DType::I32, &[], 0.0, 3.0);
    let step = |_: &crate::Builder, carry: &[Value], slices: &[Value]| {
        let next = (slices[0].matmul(&w) + carry[0].matmul(&u) + &bias).tanh();
        let count = &carry[1] + carry[1].full_like(2.0);
        Ok((vec![next.clone(), count], vec![next.square()]))
    };
    match g.builder.clone().scan(&[start, counts], &[x], length, reverse, step) {
        Ok((mut last, stacked)) => {
            last.extend(stacked);
            last
        }
        Err(e) => vec![g.builder.fail(e)],
    }
}

/// Doubles until some element passes a limit, a few times at most.
fn while_loop(g: &mut Generator) -> Vec<Value> {
    let shape = g.random.shape(0, 2);
    let x = g.input(DType::F32, &shape, -1.0, 1.0);
    let count = g.input(DType::I32, &[], 0.0, 6.0);
    let carries = [x, count];
    let result = g.builder.clone().while_loop(
        &carries,
        |_, carry| Ok(carry[1].lt(&carry[1].full_like(8.0))),
        |_, carry| Ok(vec![(&carry[0] * 1.5).tanh(), &carry[1] + carry[1].full_like(2.0)]),
    );
    result.unwrap_or_else(|e| vec![g.builder.fail(e)])
}

/// A square with its own gradient.
fn custom_vjp(g: &mut Generator) -> Vec<Value> {
    let shape = g.random.shape(0, 3);
    let x = g.input(DType::F32, &shape, -2.0, 2.0);
    let square = x.square();
    let backward = |_: &crate::Builder, seeds: &[Value]| Ok(vec![&seeds[0] * &x * 2.0]);
    let sources = std::slice::from_ref(&x);
    let result = g.builder.clone().custom_vjp(std::slice::from_ref(&square), sources, backward);
    result.unwrap_or_else(|e| vec![g.builder.fail(e)])
}
