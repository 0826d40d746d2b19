//! Elementwise functions of two values.
use super::{Array, Data, Eval};
use crate::ops::{Binary, BinaryKind};
use crate::{DType, Result, Spec};

impl Eval for Binary {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let dtype = out[0].dtype;
        Ok(vec![match &inputs[0].data {
            Data::Floats(a) => {
                let b = inputs[1].as_floats()?;
                Array::floats(&out[0], a.iter().zip(b).map(|(&a, &b)| float(self.kind, a, b)).collect())
            }
            Data::Ints(a) => {
                let b = inputs[1].as_ints()?;
                Array::ints(&out[0], a.iter().zip(b).map(|(&a, &b)| int(self.kind, dtype, a, b)))
            }
        }])
    }
}

/// One result of a kind that takes floats; NaN of the others.
pub(super) fn float(kind: BinaryKind, a: f64, b: f64) -> f64 {
    use BinaryKind::*;
    match kind {
        Add => a + b,
        Sub => a - b,
        Mul => a * b,
        Div => a / b,
        Pow => a.powf(b),
        Rem => a % b,
        Max | Min if a.is_nan() || b.is_nan() => f64::NAN,
        Max => a.max(b),
        Min => a.min(b),
        Atan2 => a.atan2(b),
        And | Or | Xor | ShiftLeft | ShiftRightLogical | ShiftRightArithmetic => f64::NAN,
    }
}

/// One result for integers and bools, before it wraps; 0 of kinds that take only floats.
pub(super) fn int(kind: BinaryKind, dtype: DType, a: i128, b: i128) -> i128 {
    use BinaryKind::*;
    let bits = dtype.size() as u32 * 8;
    let mask = (1i128 << bits) - 1;
    // A shift is an unsigned number: a negative one is larger than any width.
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    match kind {
        Add => a + b,
        Sub => a - b,
        // Only the low bits count, and they are right even where the product does not fit.
        Mul => a.wrapping_mul(b),
        Div => a.checked_div(b).unwrap_or(0),
        Rem => a.checked_rem(b).unwrap_or(a),
        Pow => power(a, b, mask),
        Max => a.max(b),
        Min => a.min(b),
        And => a & b,
        Or => a | b,
        Xor => a ^ b,
        ShiftLeft => {
            if shift < bits {
                a << shift
            } else {
                0
            }
        }
        ShiftRightLogical => {
            if shift < bits {
                (a & mask) >> shift
            } else {
                0
            }
        }
        ShiftRightArithmetic => a >> shift.min(bits - 1),
        Atan2 => 0,
    }
}

/// `a^b` in the low bits; with a negative exponent the power rounded toward zero.
fn power(a: i128, b: i128, mask: i128) -> i128 {
    if b < 0 {
        return match a {
            1 => 1,
            -1 => {
                if b % 2 == 0 {
                    1
                } else {
                    -1
                }
            }
            _ => 0,
        };
    }
    let (mut result, mut square, mut left) = (1i128, a & mask, b);
    while left > 0 {
        if left & 1 == 1 {
            result = result.wrapping_mul(square) & mask;
        }
        square = square.wrapping_mul(square) & mask;
        left >>= 1;
    }
    result
}
