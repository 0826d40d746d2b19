//! Functions of elements.
use super::Lower;
use super::emit::{Emitter, Val};
use cornu_graph::ops::{
    Alias, Binary, BinaryKind, Cast, Compare, CompareKind, Polygamma, Select, StopGradient, Unary, UnaryKind,
};
use cornu_graph::{DType, Result, Spec};

impl Lower for Alias {
    fn lower(&self, _: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        Ok(x.to_vec())
    }
}

impl Lower for StopGradient {
    fn lower(&self, _: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        Ok(x.to_vec())
    }
}

impl Lower for Unary {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        use UnaryKind::*;
        let x = &x[0];
        let unsigned = x.spec.dtype.is_unsigned_int();
        let op = match self.kind {
            Abs if unsigned => return Ok(vec![x.clone()]),
            Neg if unsigned => {
                let zero = e.full(&x.spec, 0.0);
                return Ok(vec![e.like("stablehlo.subtract", &[&zero, x])]);
            }
            Sign if unsigned => {
                let one = e.full(&x.spec, 1.0);
                return Ok(vec![e.like("stablehlo.minimum", &[x, &one])]);
            }
            Relu => {
                let zero = e.full(&x.spec, 0.0);
                return Ok(vec![e.like("stablehlo.maximum", &[x, &zero])]);
            }
            Abs => "stablehlo.abs",
            Neg => "stablehlo.negate",
            Sign => "stablehlo.sign",
            Exp => "stablehlo.exponential",
            Expm1 => "stablehlo.exponential_minus_one",
            Log => "stablehlo.log",
            Log1p => "stablehlo.log_plus_one",
            Sqrt => "stablehlo.sqrt",
            Rsqrt => "stablehlo.rsqrt",
            Cbrt => "stablehlo.cbrt",
            Sin => "stablehlo.sine",
            Cos => "stablehlo.cosine",
            Tan => "stablehlo.tan",
            Asin => "chlo.asin",
            Acos => "chlo.acos",
            Atan => "chlo.atan",
            Sinh => "chlo.sinh",
            Cosh => "chlo.cosh",
            Tanh => "stablehlo.tanh",
            Asinh => "chlo.asinh",
            Acosh => "chlo.acosh",
            Atanh => "chlo.atanh",
            Logistic => "stablehlo.logistic",
            Ceil => "stablehlo.ceil",
            Floor => "stablehlo.floor",
            Round => "stablehlo.round_nearest_even",
            Erf => "chlo.erf",
            Erfinv => "chlo.erf_inv",
            Lgamma => "chlo.lgamma",
            Not => "stablehlo.not",
            IsFinite => "stablehlo.is_finite",
        };
        Ok(vec![e.one(op, &[x], "", &out[0])])
    }
}

impl Lower for Polygamma {
    /// In f64: the factor `order!` soon leaves float32.
    fn lower(&self, e: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        let wide = e.cast(&x[0], DType::F64);
        let y = if self.order == 0 {
            e.like("chlo.digamma", &[&wide])
        } else {
            let order = e.full(&wide.spec, self.order as f64);
            e.like("chlo.polygamma", &[&order, &wide])
        };
        Ok(vec![e.cast(&y, x[0].spec.dtype)])
    }
}

impl Lower for Binary {
    fn lower(&self, e: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        use BinaryKind::*;
        let (a, b) = (&x[0], &x[1]);
        let op = match self.kind {
            Add => "stablehlo.add",
            Sub => "stablehlo.subtract",
            Mul => "stablehlo.multiply",
            Div => "stablehlo.divide",
            Pow => "stablehlo.power",
            Rem => "stablehlo.remainder",
            Max => "stablehlo.maximum",
            Min => "stablehlo.minimum",
            Atan2 => "stablehlo.atan2",
            And => "stablehlo.and",
            Or => "stablehlo.or",
            Xor => "stablehlo.xor",
            ShiftLeft => "stablehlo.shift_left",
            ShiftRightLogical => "stablehlo.shift_right_logical",
            ShiftRightArithmetic => "stablehlo.shift_right_arithmetic",
        };
        let y = e.binary(op, a, b);
        if self.kind != Div || a.spec.dtype.is_float() {
            return Ok(vec![y]);
        }
        // StableHLO leaves open what an integer divided by 0 is.
        let zero = e.full(&b.spec, 0.0);
        let nothing = e.compare("EQ", b, &zero);
        Ok(vec![e.select(&nothing, &zero, &y)])
    }
}

impl Lower for Compare {
    fn lower(&self, e: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        let direction = match self.kind {
            CompareKind::Eq => "EQ",
            CompareKind::Ne => "NE",
            CompareKind::Lt => "LT",
            CompareKind::Le => "LE",
            CompareKind::Gt => "GT",
            CompareKind::Ge => "GE",
        };
        Ok(vec![e.compare(direction, &x[0], &x[1])])
    }
}

impl Lower for Select {
    fn lower(&self, e: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        Ok(vec![e.select(&x[0], &x[1], &x[2])])
    }
}

impl Lower for Cast {
    fn lower(&self, e: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        Ok(vec![e.cast(&x[0], self.dtype)])
    }
}
