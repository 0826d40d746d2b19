//! Elementwise functions of two values of one shape and dtype.
use super::{OpRule, arity, same_spec};
use crate::{DType, Error, Result, Spec, Value};

kinds! {
    /// Which function.
    BinaryKind {
        /// `a + b`
        Add "add",
        /// `a - b`
        Sub "sub",
        /// `a * b`
        Mul "mul",
        /// `a / b`; of integers, toward zero, and 0 where `b` is 0
        Div "div",
        /// `a^b`
        Pow "pow",
        /// Remainder with the sign of `a`; of integers, `a` where `b` is 0
        Rem "rem",
        /// The larger, NaN if either is
        Max "max",
        /// The smaller, NaN if either is
        Min "min",
        /// Angle of the point (x = `b`, y = `a`), in radians
        Atan2 "atan2",
        /// Logical or bitwise and
        And "and",
        /// Logical or bitwise or
        Or "or",
        /// Logical or bitwise exclusive or
        Xor "xor",
        /// `a << b`; 0 where `b` is the width or more
        ShiftLeft "shift_left",
        /// `a >> b`, filling with zeros; 0 where `b` is the width or more
        ShiftRightLogical "shift_right_logical",
        /// `a >> b`, filling with the sign
        ShiftRightArithmetic "shift_right_arithmetic",
    }
}

op! {
    /// `y[i] = f(a[i], b[i])`. StableHLO: the op of the same name.
    Binary "binary" {
        /// Which function.
        kind: BinaryKind,
    }
}

impl OpRule for Binary {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        use BinaryKind::*;
        let [a, b] = arity(self.kind.name(), inputs)?;
        same_spec(self.kind.name(), a, b)?;
        let fits = match self.kind {
            Add | Mul | Max | Min => true,
            Sub | Div | Pow | Rem => a.dtype != DType::Bool,
            Atan2 => a.dtype.is_float(),
            And | Or | Xor => !a.dtype.is_float(),
            ShiftLeft | ShiftRightLogical | ShiftRightArithmetic => a.dtype.is_int(),
        };
        if fits { Ok(vec![a.clone()]) } else { Err(Error::op(self.kind.name(), format!("does not take {}", a.dtype))) }
    }

    fn grad(&self, x: &[Value], y: &Value, g: &Value) -> Vec<Option<Value>> {
        use BinaryKind::*;
        let (a, b) = (&x[0], &x[1]);
        let (da, db) = match self.kind {
            Add => (g.clone(), g.clone()),
            Sub => (g.clone(), -g),
            Mul => (g * b, g * a),
            Div => (g / b, -(g * y / b)),
            Pow => {
                let (zero, one) = (a.scalar(0.0), a.scalar(1.0));
                let exponent = b.equal(&zero).select(&one, &(b - 1.0));
                // Where a is 0, y is 0 (or 1 with b = 0) and the derivative by b is taken as 0.
                let log = a.equal(&zero).select(&one, a).log();
                (g * b * a.pow(&exponent), g * y * log)
            }
            Rem => {
                let ratio = a / b;
                let quotient = ratio.sign() * ratio.abs().floor();
                (g.clone(), -(g * quotient))
            }
            Max | Min => {
                // Ties share the gradient.
                let tie = a.equal(b).select(&(g * 0.5), &g.full_like(0.0));
                let (a_wins, b_wins) = if self.kind == Max { (a.gt(b), b.gt(a)) } else { (a.lt(b), b.lt(a)) };
                (a_wins.select(g, &tie), b_wins.select(g, &tie))
            }
            Atan2 => {
                let r2 = a * a + b * b;
                (g * b / &r2, -(g * a / &r2))
            }
            _ => return vec![None, None],
        };
        vec![Some(da), Some(db)]
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $f:ident $kind:ident)*) => {
        /// Functions of two values, broadcast and promoted like NumPy's.
        impl Value {
            $($(#[$doc])*
            #[track_caller]
            pub fn $f(&self, other: &Value) -> Value {
                let (a, b) = self.join(other);
                Value::emit1(Binary { kind: BinaryKind::$kind }, &[&a, &b])
            })*
        }
    };
}
methods! {
    /// `a + b`
    add Add
    /// `a - b`
    sub Sub
    /// `a * b`
    mul Mul
    /// `a / b`; of integers, toward zero
    div Div
    /// `a^b`
    pow Pow
    /// Remainder with the sign of `a`
    rem Rem
    /// The larger, NaN if either is
    maximum Max
    /// The smaller, NaN if either is
    minimum Min
    /// Angle of the point (x = `b`, y = `a`), in radians
    atan2 Atan2
    /// Logical or bitwise and
    and And
    /// Logical or bitwise or
    or Or
    /// Logical or bitwise exclusive or
    xor Xor
    /// `a << b`
    shift_left ShiftLeft
    /// `a >> b`, filling with zeros
    shift_right_logical ShiftRightLogical
    /// `a >> b`, filling with the sign
    shift_right_arithmetic ShiftRightArithmetic
}

impl Value {
    /// The values held within `low..=high`.
    #[track_caller]
    pub fn clip(&self, low: f64, high: f64) -> Value {
        self.maximum(&self.scalar(low)).minimum(&self.scalar(high))
    }

    /// `self` to a constant power; small whole powers are products.
    #[track_caller]
    pub fn powf(&self, exponent: f64) -> Value {
        match exponent {
            1.0 => self.clone(),
            2.0 => self * self,
            3.0 => self * self * self,
            0.5 => self.sqrt(),
            -1.0 => 1.0 / self,
            _ => self.pow(&self.scalar(exponent)),
        }
    }
}
