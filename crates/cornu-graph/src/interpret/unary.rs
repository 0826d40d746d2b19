//! Elementwise functions of one value.
use super::{Array, Data, Eval};
use crate::ops::{Polygamma, Unary, UnaryKind};
use crate::{DType, Result, Spec, special};

impl Eval for Unary {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let dtype = out[0].dtype;
        Ok(vec![match &inputs[0].data {
            Data::Floats(v) if self.kind == UnaryKind::IsFinite => {
                Array::ints(&out[0], v.iter().map(|x| i128::from(x.is_finite())))
            }
            Data::Floats(v) => Array::floats(&out[0], v.iter().map(|&x| float(self.kind, x)).collect()),
            Data::Ints(v) => Array::ints(&out[0], v.iter().map(|&x| int(self.kind, dtype, x))),
        }])
    }
}

pub(super) fn float(kind: UnaryKind, x: f64) -> f64 {
    use UnaryKind::*;
    match kind {
        Abs => x.abs(),
        Neg => -x,
        Sign => {
            if x == 0.0 || x.is_nan() {
                x
            } else {
                x.signum()
            }
        }
        Exp => x.exp(),
        Expm1 => x.exp_m1(),
        Log => x.ln(),
        Log1p => x.ln_1p(),
        Sqrt => x.sqrt(),
        Rsqrt => 1.0 / x.sqrt(),
        Cbrt => x.cbrt(),
        Sin => x.sin(),
        Cos => x.cos(),
        Tan => x.tan(),
        Asin => x.asin(),
        Acos => x.acos(),
        Atan => x.atan(),
        Sinh => x.sinh(),
        Cosh => x.cosh(),
        Tanh => x.tanh(),
        Asinh => x.asinh(),
        Acosh => x.acosh(),
        Atanh => x.atanh(),
        Logistic => 1.0 / (1.0 + (-x).exp()),
        Relu => {
            if x.is_nan() {
                x
            } else {
                x.max(0.0)
            }
        }
        Ceil => x.ceil(),
        Floor => x.floor(),
        Round => x.round_ties_even(),
        Erf => special::erf(x),
        Erfinv => special::erfinv(x),
        Lgamma => special::lgamma(x),
        Not | IsFinite => f64::NAN,
    }
}

/// One result for integers and bools; the value itself of kinds that take only floats.
pub(super) fn int(kind: UnaryKind, dtype: DType, x: i128) -> i128 {
    match kind {
        UnaryKind::Abs => x.abs(),
        UnaryKind::Neg => -x,
        UnaryKind::Sign => x.signum(),
        UnaryKind::Relu => x.max(0),
        UnaryKind::Not if dtype == DType::Bool => 1 - x,
        UnaryKind::Not => !x,
        _ => x,
    }
}

impl Eval for Polygamma {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let values = inputs[0].as_floats()?.iter().map(|&x| special::polygamma(self.order, x));
        Ok(vec![Array::floats(&out[0], values.collect())])
    }
}
