//! Functions of elements.
use super::Generator;
use crate::ops::{Alias, Binary, BinaryKind, Compare, CompareKind, Unary, UnaryKind};
use crate::{DType, Value};

pub(super) fn outputs(op: &str, g: &mut Generator) -> Vec<Value> {
    match op {
        "alias" => {
            let x = g.any();
            vec![Value::emit1(Alias {}, &[&x])]
        }
        "stop_gradient" => vec![g.any().stop_gradient()],
        "unary" => vec![unary(g)],
        "binary" => vec![binary(g)],
        "compare" => {
            let a = g.any();
            let spec = a.spec().clone();
            let b = g.input(spec.dtype, &spec.shape, -4.0, 4.0);
            let kind = *g.random.pick(CompareKind::ALL);
            vec![Value::emit1(Compare { kind }, &[&a, &b])]
        }
        "select" => {
            let a = g.any();
            let shape = a.shape().to_vec();
            let (mask, b) = (g.input(DType::Bool, &shape, 0.0, 1.0), g.input(a.dtype(), &shape, -4.0, 4.0));
            vec![mask.select(&a, &b)]
        }
        "cast" => {
            let x = g.any();
            let to = g.random.dtype();
            vec![x.cast(to)]
        }
        "polygamma" => {
            let shape = g.random.shape(0, 3);
            let x = g.input(DType::F32, &shape, 0.3, 6.0);
            let order = g.random.below(4);
            vec![x.polygamma(order)]
        }
        _ => fused(g),
    }
}

/// Where a function is defined and not steep.
fn domain(kind: UnaryKind) -> (f64, f64) {
    use UnaryKind::*;
    match kind {
        Log | Sqrt | Rsqrt | Lgamma => (0.1, 5.0),
        Log1p => (-0.8, 5.0),
        Asin | Acos | Atanh | Erfinv => (-0.9, 0.9),
        Acosh => (1.1, 5.0),
        Tan => (-1.2, 1.2),
        _ => (-4.0, 4.0),
    }
}

pub(super) fn unary(g: &mut Generator) -> Value {
    let kind = *g.random.pick(UnaryKind::ALL);
    let dtype = if g.random.below(4) == 0 { g.random.dtype() } else { g.random.float_dtype() };
    let shape = g.random.shape(0, 4);
    let (low, high) = domain(kind);
    let x = g.input(dtype, &shape, low, high);
    Value::emit1(Unary { kind }, &[&x])
}

fn binary(g: &mut Generator) -> Value {
    let kind = *g.random.pick(BinaryKind::ALL);
    let dtype = g.random.dtype();
    let shape = g.random.shape(0, 4);
    let positive = kind == BinaryKind::Pow;
    let a = g.input(dtype, &shape, if positive { 0.2 } else { -4.0 }, 4.0);
    let shifts = matches!(
        kind,
        BinaryKind::ShiftLeft | BinaryKind::ShiftRightArithmetic | BinaryKind::ShiftRightLogical
    );
    let low = if shifts || kind == BinaryKind::Pow && !dtype.is_float() { 0.0 } else { -4.0 };
    let b = g.input(dtype, &shape, low, 4.0);
    Value::emit1(Binary { kind }, &[&a, &b])
}

/// A body of some elementwise functions.
fn fused(g: &mut Generator) -> Vec<Value> {
    let shape = g.random.shape(0, 3);
    let (a, b) = (g.input(DType::F32, &shape, -2.0, 2.0), g.input(DType::F32, &shape, -2.0, 2.0));
    let inner = crate::Builder::new();
    let (x, y) = (inner.input(a.spec().clone()), inner.input(b.spec().clone()));
    let outputs = [(&x * &y).tanh() + &x, y.exp()];
    match inner.finish(&outputs) {
        Ok(body) => Value::fused(body, &[&a, &b]),
        Err(e) => vec![a.fail(e)],
    }
}
