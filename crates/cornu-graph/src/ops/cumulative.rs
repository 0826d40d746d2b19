//! Running totals along an axis.
use super::{Attributes, OpRule, arity};
use crate::{DType, Error, Result, Spec, Value, normalize_axis};

kinds! {
    /// What is accumulated.
    CumulativeKind {
        /// Sum
        Sum "sum",
        /// Product
        Prod "prod",
        /// Largest, NaN from the first on
        Max "max",
        /// Smallest, NaN from the first on
        Min "min",
    }
}

op! {
    /// Each element becomes the reduction of all up to it along `axis`, itself included; with `reverse`, of all from it
    /// on. Decomposes into steps over 1, 2, 4, ... neighbours. StableHLO: a `reduce_window`.
    Cumulative "cumulative" {
        /// What is accumulated.
        kind: CumulativeKind,
        /// Along which axis.
        axis: usize,
        /// From the end.
        reverse: bool,
    }
}

impl OpRule for Cumulative {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        if self.axis >= x.rank() || x.dtype == DType::Bool {
            return Err(Error::op(Self::NAME, format!("axis {} of {x} cannot be accumulated", self.axis)));
        }
        Ok(vec![x.clone()])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        match self.kind {
            CumulativeKind::Sum => {
                let back = Cumulative { reverse: !self.reverse, ..self.clone() };
                vec![Some(Value::emit1(back, &[g]))]
            }
            _ => self.vjp_of_decomposition(x, &[Some(g.clone())]),
        }
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let axis = self.axis as i64;
        let mut y = inputs[0].clone();
        let n = y.shape()[self.axis];
        let neutral = self.kind.neutral(y.dtype());
        let mut step = 1;
        while step < n {
            // What lies beyond the ends is neutral.
            let by = step as i64;
            let (low, high) = if self.reverse { (-by, by) } else { (by, -by) };
            let shifted = y.pad_axis(axis, low, high, neutral);
            y = match self.kind {
                CumulativeKind::Sum => &y + &shifted,
                CumulativeKind::Prod => &y * &shifted,
                CumulativeKind::Max => y.maximum(&shifted),
                CumulativeKind::Min => y.minimum(&shifted),
            };
            step *= 2;
        }
        Some(vec![y])
    }
}

impl CumulativeKind {
    /// What changes nothing. Integers take the nearest that they have to an infinity.
    fn neutral(self, dtype: DType) -> f64 {
        match self {
            CumulativeKind::Sum => 0.0,
            CumulativeKind::Prod => 1.0,
            CumulativeKind::Max if dtype.is_unsigned_int() => 0.0,
            CumulativeKind::Max => f64::NEG_INFINITY,
            CumulativeKind::Min => f64::INFINITY,
        }
    }
}

impl Value {
    /// Running reduction along `axis`, counted from the end when negative; see [`Cumulative`].
    #[track_caller]
    pub fn cumulative(&self, kind: CumulativeKind, axis: i64, reverse: bool) -> Value {
        match normalize_axis(Cumulative::NAME, axis, self.rank()) {
            Ok(axis) => Value::emit1(Cumulative { kind, axis, reverse }, &[self]),
            Err(e) => self.fail(e),
        }
    }

    /// Running sum along `axis`.
    #[track_caller]
    pub fn cumsum(&self, axis: i64) -> Value {
        self.cumulative(CumulativeKind::Sum, axis, false)
    }

    /// Running product along `axis`.
    #[track_caller]
    pub fn cumprod(&self, axis: i64) -> Value {
        self.cumulative(CumulativeKind::Prod, axis, false)
    }
}
