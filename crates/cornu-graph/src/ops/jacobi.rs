//! Jacobi's rotations, many at once: the columns of a matrix meet each other in pairs, as players in a tournament.
use super::matrices;
use crate::{DType, Result, Tensor, Value};

/// How many sweeps are enough for any matrix; most need less than ten.
const SWEEPS: f64 = 30.0;

/// The columns of matrices that meet in pairs: those of the first half with those of the second. After `rounds` rounds each
/// has met each other, and all are in their first places again.
pub(super) struct Tournament {
    /// Columns of a half.
    pub half: usize,
}

/// Sines and cosines of the rotations of one round, `(.., half)`.
pub(super) struct Rotations {
    cos: Value,
    sin: Value,
}

impl Tournament {
    /// Of `n` columns; one more where their number is odd.
    pub fn new(n: usize) -> Tournament {
        Tournament { half: n.div_ceil(2) }
    }

    /// Columns of both halves.
    pub fn size(&self) -> usize {
        2 * self.half
    }

    /// Rounds until each has met each other.
    pub fn rounds(&self) -> usize {
        2 * self.half - 1
    }

    /// Who takes each place in the next round: all but the first move on around the table.
    fn next(&self, x: &Value) -> Value {
        let half = self.half as i32;
        let top = (0..half).map(|i| if i < 2 { i * half } else { i - 1 });
        let bottom = (0..half).map(|i| if i + 1 < half { half + i + 1 } else { half - 1 });
        let mut places: Vec<i32> = top.chain(bottom).collect();
        if half == 1 {
            places = vec![0, 1];
        }
        x.builder().constant(Tensor::from(places))
    }

    /// The two halves along an axis.
    pub fn halves(&self, x: &Value, axis: i64) -> (Value, Value) {
        (x.slice_axis(axis, 0, self.half), x.slice_axis(axis, self.half, self.size()))
    }

    /// Turns the columns (`-1`) or rows (`-2`) of each pair, and seats them for the next round.
    pub fn turn(&self, x: &Value, axis: i64, by: &Rotations) -> Value {
        let (top, bottom) = self.halves(x, axis);
        let other = if axis == -1 { -2 } else { -1 };
        let (cos, sin) = (by.cos.expand_dims(other), by.sin.expand_dims(other));
        let turned = [&cos * &top - &sin * &bottom, &sin * &top + &cos * &bottom];
        Value::concat(&[&turned[0], &turned[1]], axis).take_clamped(&self.next(x), axis)
    }
}

impl Rotations {
    /// What makes the element `between` of symmetric matrices of two rows 0, whose diagonal is `(first, second)`.
    pub fn new(first: &Value, second: &Value, between: &Value) -> Rotations {
        let (zero, one) = (between.full_like(0.0), between.full_like(1.0));
        let is_zero = between.equal(&zero);
        let slope = (second - first) / (is_zero.select(&one, between) * 2.0);
        let sign = slope.lt(&zero).select(&-&one, &one);
        let tan = sign / (slope.abs() + (slope.square() + 1.0).sqrt());
        let tan = is_zero.select(&zero, &tan);
        let cos = (tan.square() + 1.0).rsqrt();
        Rotations { sin: &tan * &cos, cos }
    }
}

/// Takes `step` through all rounds of the tournament while `more` of the carries holds.
///
/// # Errors
/// What went wrong while building.
pub(super) fn sweep(
    players: &Tournament,
    carries: &[Value],
    more: impl FnOnce(&[Value]) -> Value,
    step: impl FnOnce(&[Value]) -> Vec<Value>,
) -> Result<Vec<Value>> {
    let Some(first) = carries.first() else { return Ok(vec![]) };
    let builder = first.builder();
    let count = builder.constant(Tensor::full([], DType::I32, 0.0));
    let all = [carries, &[count]].concat();
    let n = carries.len();
    builder.while_loop(
        &all,
        |_, state| Ok(more(&state[..n]).and(&state[n].lt(&state[n].scalar(SWEEPS)))),
        |inner, state| {
            let round = |_: &crate::Builder, state: &[Value], _: &[Value]| Ok((step(state), vec![]));
            let (mut next, _) = inner.scan(&state[..n], &[], players.rounds(), false, round)?;
            next.push(&state[n] + state[n].scalar(1.0));
            Ok(next)
        },
    )
}

/// What counts as 0 beside 1 after sums of `n` terms.
pub(super) fn tolerance(x: &Value, n: usize) -> f64 {
    matrices::epsilon(x.dtype()) * (n as f64).sqrt()
}
