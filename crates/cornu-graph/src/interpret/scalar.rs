//! Elementwise ops on one element at a time: for the interpreter, and for engines where speed does not matter.
use super::array::wrap;
use super::{binary, elementwise, reduce, unary};
use crate::DType;
use crate::ops::{BinaryKind, CompareKind, ReduceKind, UnaryKind};

/// One element, exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Of a float dtype.
    Float(f64),
    /// Of an integer dtype; a bool as 0 or 1.
    Int(i128),
}

/// `kind` of `x`; the result is of `dtype`.
pub fn unary(kind: UnaryKind, dtype: DType, x: Number) -> Number {
    match x {
        Number::Float(x) if kind == UnaryKind::IsFinite => Number::Int(i128::from(x.is_finite())),
        Number::Float(x) => Number::Float(unary::float(kind, x)),
        Number::Int(x) => Number::Int(wrap(dtype, unary::int(kind, dtype, x))),
    }
}

/// `kind` of `a` and `b`, all of `dtype`.
pub fn binary(kind: BinaryKind, dtype: DType, a: Number, b: Number) -> Number {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Number::Int(wrap(dtype, binary::int(kind, dtype, a, b))),
        _ => Number::Float(binary::float(kind, as_float(a), as_float(b))),
    }
}

/// Whether `a` and `b`, of one dtype, are in this relation.
pub fn compare(kind: CompareKind, a: Number, b: Number) -> bool {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => elementwise::holds(kind, &a, &b),
        _ => elementwise::holds(kind, &as_float(a), &as_float(b)),
    }
}

/// `x` in another dtype.
pub fn cast(to: DType, x: Number) -> Number {
    match x {
        _ if to.is_float() => Number::Float(elementwise::rounded(to, as_float(x))),
        Number::Float(x) => Number::Int(elementwise::saturated(to, x)),
        Number::Int(x) => Number::Int(wrap(to, x)),
    }
}

/// What a reduction of nothing gives.
pub fn identity(kind: ReduceKind, dtype: DType) -> Number {
    if dtype.is_float() {
        Number::Float(reduce::float_identity(kind))
    } else {
        Number::Int(reduce::int_identity(kind, dtype))
    }
}

fn as_float(x: Number) -> f64 {
    match x {
        Number::Float(x) => x,
        Number::Int(x) => x as f64,
    }
}
