//! Borders and gaps of one value.
use super::{Attributes, OpRule, arity};
use crate::{DType, Error, Result, Spec, Value};

op! {
    /// Puts `interior` copies of a scalar between neighbours, then `low` before and `high` after them, for each axis;
    /// negative `low` and `high` cut elements off. Inputs: the operand and the scalar. StableHLO `pad`.
    Pad "pad" {
        /// How many before the first element; negative to cut.
        low: Vec<i64>,
        /// How many after the last element; negative to cut.
        high: Vec<i64>,
        /// How many between two neighbours.
        interior: Vec<usize>,
    }
}

impl Pad {
    /// Size of an axis of `size` with gaps of `interior` between its elements.
    pub fn dilated(size: usize, interior: usize) -> usize {
        size + size.saturating_sub(1) * interior
    }
}

impl OpRule for Pad {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x, value] = arity(Self::NAME, inputs)?;
        if value.rank() != 0 || value.dtype != x.dtype {
            return Err(Error::op(Self::NAME, format!("takes a scalar {} to pad with, got {value}", x.dtype)));
        }
        let bad = || {
            let Pad { low, high, interior } = self;
            let message = format!("low {low:?}, high {high:?} and interior {interior:?} do not fit {:?}", x.shape);
            Error::op(Self::NAME, message)
        };
        if [self.low.len(), self.high.len(), self.interior.len()] != [x.rank(); 3] {
            return Err(bad());
        }
        let size = |i: usize| {
            let gaps = x.shape[i].saturating_sub(1).checked_mul(self.interior[i])?;
            let inner = i64::try_from(x.shape[i].checked_add(gaps)?).ok()?;
            usize::try_from(inner.checked_add(self.low[i])?.checked_add(self.high[i])?).ok()
        };
        let shape: Option<Vec<usize>> = (0..x.rank()).map(size).collect();
        Ok(vec![x.with_shape(shape.ok_or_else(bad)?)])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let operand = &x[0];
        let zero = g.scalar(0.0);
        let uncut: Vec<_> = self.low.iter().zip(&self.high).map(|(&low, &high)| (-low, -high, 0)).collect();
        let inner = g.pad(&zero, &uncut);
        let stride: Vec<usize> = self.interior.iter().map(|&i| i + 1).collect();
        let dx = inner.slice_strided(&vec![0; g.rank()], inner.shape(), &stride);

        let bools = |shape: &[usize], value| g.builder().full(Spec::new(DType::Bool, shape), value);
        let outside = Value::emit1(self.clone(), &[&bools(operand.shape(), 0.0), &bools(&[], 1.0)]);
        let dvalue = outside.select(g, &zero).sum(g.all_axes());
        vec![Some(dx), Some(dvalue)]
    }
}

impl Value {
    /// Pads with the scalar `value` by (low, high, interior), for each axis; see [`Pad`].
    #[track_caller]
    pub fn pad(&self, value: &Value, config: &[(i64, i64, usize)]) -> Value {
        if config.len() == self.rank() && config.iter().all(|&c| c == (0, 0, 0)) {
            return self.clone();
        }
        let pad = Pad {
            low: config.iter().map(|c| c.0).collect(),
            high: config.iter().map(|c| c.1).collect(),
            interior: config.iter().map(|c| c.2).collect(),
        };
        Value::emit1(pad, &[self, value])
    }

    /// Pads one axis with the constant `value`, `low` before and `high` after; negative to cut.
    #[track_caller]
    pub fn pad_axis(&self, axis: i64, low: i64, high: i64, value: f64) -> Value {
        match crate::normalize_axis(Pad::NAME, axis, self.rank()) {
            Ok(axis) => {
                let mut config = vec![(0, 0, 0); self.rank()];
                config[axis] = (low, high, 0);
                self.pad(&self.scalar(value), &config)
            }
            Err(e) => self.fail(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Builder, Spec};

    #[test]
    fn shapes() {
        let x = Builder::new().input(Spec::f32([3, 2, 0]));
        let y = x.pad(&x.scalar(0.0), &[(1, 2, 1), (-1, 0, 0), (0, 1, 3)]);
        assert_eq!(y.shape(), [8, 1, 1]);
        assert_eq!(x.pad_axis(-2, 0, -2, 1.0).shape(), [3, 0, 0]);
        assert!(x.builder().check().is_ok());
        x.pad_axis(1, 0, -3, 1.0);
        let e = x.builder().check().unwrap_err().to_string();
        let want = "pad: low [0, 0, 0], high [0, -3, 0] and interior [0, 0, 0] do not fit [3, 2, 0]";
        assert!(e.starts_with(want), "{e}");
    }
}
