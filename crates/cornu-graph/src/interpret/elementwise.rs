//! Ops that look at one element of each input: casts, comparisons, choices, copies.
use super::{Array, Data, Eval};
use crate::ops::{Alias, Cast, Compare, CompareKind, Constant, Select, StopGradient};
use crate::{DType, Element, Result, Spec, bf16, f16, with_dtype};

impl Eval for Alias {
    fn eval(&self, inputs: &[&Array], _: &[Spec]) -> Result<Vec<Array>> {
        Ok(vec![inputs[0].clone()])
    }
}

impl Eval for StopGradient {
    fn eval(&self, inputs: &[&Array], _: &[Spec]) -> Result<Vec<Array>> {
        Ok(vec![inputs[0].clone()])
    }
}

impl Eval for Constant {
    fn eval(&self, _: &[&Array], _: &[Spec]) -> Result<Vec<Array>> {
        Ok(vec![Array::from_tensor(&self.value)?])
    }
}

impl Eval for Cast {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let to = out[0].dtype;
        Ok(vec![match &inputs[0].data {
            Data::Floats(v) if to.is_float() => {
                Array::floats(&out[0], v.iter().map(|&x| rounded(to, x)).collect())
            }
            Data::Floats(v) => Array::ints(&out[0], v.iter().map(|&x| saturated(to, x))),
            Data::Ints(v) if to.is_float() => {
                Array::floats(&out[0], v.iter().map(|&x| rounded(to, x as f64)).collect())
            }
            Data::Ints(v) => Array::ints(&out[0], v.iter().copied()),
        }])
    }
}

/// Only the half-width floats round: the rest of a graph is meant to run in f64.
pub(super) fn rounded(to: DType, x: f64) -> f64 {
    match to {
        DType::F16 => f16::from_f64(x).to_f64(),
        DType::BF16 => bf16::from_f64(x).to_f64(),
        _ => x,
    }
}

/// Truncated and held within the range of an integer dtype; NaN is 0. For bool, `x != 0`.
pub(super) fn saturated(to: DType, x: f64) -> i128 {
    match to {
        DType::U64 => i128::from(x as u64),
        d => with_dtype!(d, T => i128::from(T::from_f64(x).to_i64())),
    }
}

/// Whether `a` and `b` are in this relation.
pub(super) fn holds<T: PartialOrd>(kind: CompareKind, a: &T, b: &T) -> bool {
    match kind {
        CompareKind::Eq => a == b,
        CompareKind::Ne => a != b,
        CompareKind::Lt => a < b,
        CompareKind::Le => a <= b,
        CompareKind::Gt => a > b,
        CompareKind::Ge => a >= b,
    }
}

impl Eval for Compare {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        fn all<T: PartialOrd>(kind: CompareKind, a: &[T], b: &[T]) -> Vec<i128> {
            a.iter().zip(b).map(|(a, b)| i128::from(holds(kind, a, b))).collect()
        }
        let holds = match &inputs[0].data {
            Data::Floats(a) => all(self.kind, a, inputs[1].as_floats()?),
            Data::Ints(a) => all(self.kind, a, inputs[1].as_ints()?),
        };
        Ok(vec![Array::ints(&out[0], holds)])
    }
}

impl Eval for Select {
    fn eval(&self, inputs: &[&Array], _: &[Spec]) -> Result<Vec<Array>> {
        let mut result = inputs[2].clone();
        for (i, &holds) in inputs[0].as_ints()?.iter().enumerate() {
            if holds != 0 {
                result.set(i, inputs[1], i);
            }
        }
        Ok(vec![result])
    }
}
