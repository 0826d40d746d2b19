//! Elementwise functions of one value.
use super::{Attributes, OpRule, arity};
use crate::{DType, Error, Result, Spec, Value};
use std::f64::consts::PI;

kinds! {
    /// Which function.
    UnaryKind {
        /// `|x|`
        Abs "abs",
        /// `-x`
        Neg "neg",
        /// -1, 0 or 1
        Sign "sign",
        /// `e^x`
        Exp "exp",
        /// `e^x - 1`, exact near 0
        Expm1 "expm1",
        /// Natural logarithm
        Log "log",
        /// `log(1 + x)`, exact near 0
        Log1p "log1p",
        /// Square root
        Sqrt "sqrt",
        /// `1 / sqrt(x)`
        Rsqrt "rsqrt",
        /// Cube root
        Cbrt "cbrt",
        /// Sine
        Sin "sin",
        /// Cosine
        Cos "cos",
        /// Tangent
        Tan "tan",
        /// Inverse sine
        Asin "asin",
        /// Inverse cosine
        Acos "acos",
        /// Inverse tangent
        Atan "atan",
        /// Hyperbolic sine
        Sinh "sinh",
        /// Hyperbolic cosine
        Cosh "cosh",
        /// Hyperbolic tangent
        Tanh "tanh",
        /// Inverse hyperbolic sine
        Asinh "asinh",
        /// Inverse hyperbolic cosine
        Acosh "acosh",
        /// Inverse hyperbolic tangent
        Atanh "atanh",
        /// `1 / (1 + e^-x)`
        Logistic "logistic",
        /// `max(x, 0)` with gradient 0 at 0
        Relu "relu",
        /// Toward infinity
        Ceil "ceil",
        /// Toward minus infinity
        Floor "floor",
        /// To nearest, halves to even
        Round "round",
        /// Error function
        Erf "erf",
        /// Inverse of the error function
        Erfinv "erfinv",
        /// Logarithm of the absolute value of the gamma function
        Lgamma "lgamma",
        /// Logical not of bools, bitwise not of integers
        Not "not",
        /// Neither infinite nor NaN; gives bool
        IsFinite "is_finite",
    }
}

op! {
    /// `y[i] = f(x[i])`. StableHLO: the op of the same name; `relu` is `max(x, 0)`.
    Unary "unary" {
        /// Which function.
        kind: UnaryKind,
    }
}

impl OpRule for Unary {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        use UnaryKind::*;
        let [x] = arity(Self::NAME, inputs)?;
        let fits = match self.kind {
            Abs | Neg | Sign | Relu => x.dtype != DType::Bool,
            Not => !x.dtype.is_float(),
            _ => x.dtype.is_float(),
        };
        if !fits {
            return Err(Error::op(self.kind.name(), format!("does not take {}", x.dtype)));
        }
        Ok(vec![if self.kind == IsFinite { x.with_dtype(DType::Bool) } else { x.clone() }])
    }

    fn grad(&self, x: &[Value], y: &Value, g: &Value) -> Vec<Option<Value>> {
        use UnaryKind::*;
        let x = &x[0];
        vec![Some(match self.kind {
            Abs => g * x.sign(),
            Neg => -g,
            Exp => g * y,
            Expm1 => g * (y + 1.0),
            Log => g / x,
            Log1p => g / (x + 1.0),
            Sqrt => g * 0.5 / y,
            Rsqrt => g * -0.5 * y / x,
            Cbrt => g / (y * y * 3.0),
            Sin => g * x.cos(),
            Cos => -(g * x.sin()),
            Tan => g * (y * y + 1.0),
            Asin => g * (1.0 - x * x).rsqrt(),
            Acos => -(g * (1.0 - x * x).rsqrt()),
            Atan => g / (x * x + 1.0),
            Sinh => g * x.cosh(),
            Cosh => g * x.sinh(),
            Tanh => g * (1.0 - y * y),
            Asinh => g * (x * x + 1.0).rsqrt(),
            Acosh => g * ((x - 1.0) * (x + 1.0)).rsqrt(),
            Atanh => g / (1.0 - x * x),
            Logistic => g * (y * (1.0 - y)),
            Relu => y.gt(&y.scalar(0.0)).select(g, &g.scalar(0.0)),
            Erf => g * ((-(x * x)).exp() * (2.0 / PI.sqrt())),
            Erfinv => g * ((y * y).exp() * (PI.sqrt() / 2.0)),
            Lgamma => g * x.digamma(),
            Sign | Ceil | Floor | Round | Not | IsFinite => return vec![None],
        })]
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $f:ident $kind:ident)*) => {
        /// Elementwise functions.
        impl Value {
            $($(#[$doc])*
            #[track_caller]
            pub fn $f(&self) -> Value {
                Value::emit1(Unary { kind: UnaryKind::$kind }, &[self])
            })*
        }
    };
}
methods! {
    /// `|x|`
    abs Abs
    /// `-x`
    neg Neg
    /// -1, 0 or 1
    sign Sign
    /// `e^x`
    exp Exp
    /// `e^x - 1`, exact near 0
    expm1 Expm1
    /// Natural logarithm
    log Log
    /// `log(1 + x)`, exact near 0
    log1p Log1p
    /// Square root
    sqrt Sqrt
    /// `1 / sqrt(x)`
    rsqrt Rsqrt
    /// Cube root
    cbrt Cbrt
    /// Sine
    sin Sin
    /// Cosine
    cos Cos
    /// Tangent
    tan Tan
    /// Inverse sine
    asin Asin
    /// Inverse cosine
    acos Acos
    /// Inverse tangent
    atan Atan
    /// Hyperbolic sine
    sinh Sinh
    /// Hyperbolic cosine
    cosh Cosh
    /// Hyperbolic tangent
    tanh Tanh
    /// Inverse hyperbolic sine
    asinh Asinh
    /// Inverse hyperbolic cosine
    acosh Acosh
    /// Inverse hyperbolic tangent
    atanh Atanh
    /// `1 / (1 + e^-x)`
    sigmoid Logistic
    /// `max(x, 0)` with gradient 0 at 0
    relu Relu
    /// Toward infinity
    ceil Ceil
    /// Toward minus infinity
    floor Floor
    /// To nearest, halves to even
    round Round
    /// Error function
    erf Erf
    /// Inverse of the error function
    erfinv Erfinv
    /// Logarithm of the absolute value of the gamma function
    lgamma Lgamma
    /// Logical not of bools, bitwise not of integers
    not Not
    /// Neither infinite nor NaN; gives bool
    is_finite IsFinite
}

impl Value {
    /// `x * x`
    #[track_caller]
    pub fn square(&self) -> Value {
        self * self
    }

    /// NaN; gives bool.
    #[track_caller]
    pub fn is_nan(&self) -> Value {
        self.not_equal(self)
    }
}
