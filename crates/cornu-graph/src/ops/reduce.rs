//! Reductions over axes.
use super::{OpRule, arity, rising_axes};
use crate::{DType, Error, Result, Spec, Value, normalize_axis};

kinds! {
    /// Which reduction.
    ReduceKind {
        /// Sum; of nothing, 0
        Sum "sum",
        /// Product; of nothing, 1
        Prod "prod",
        /// Largest, NaN if any is; of nothing, the lowest value
        Max "max",
        /// Smallest, NaN if any is; of nothing, the highest value
        Min "min",
        /// Any true, of bools
        Any "any",
        /// All true, of bools
        All "all",
    }
}

op! {
    /// Reduces over `axes`, which disappear. StableHLO `reduce`.
    Reduce "reduce" {
        /// Which reduction.
        kind: ReduceKind,
        /// Rising.
        axes: Vec<usize>,
    }
}

impl OpRule for Reduce {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        use ReduceKind::*;
        let [x] = arity(self.kind.name(), inputs)?;
        rising_axes(self.kind.name(), &self.axes, x.rank())?;
        if (x.dtype == DType::Bool) != matches!(self.kind, Any | All) {
            return Err(Error::op(self.kind.name(), format!("does not take {}", x.dtype)));
        }
        let kept = x.shape.iter().enumerate().filter(|(i, _)| !self.axes.contains(i)).map(|(_, &d)| d);
        Ok(vec![x.with_shape(kept.collect::<Vec<_>>())])
    }

    fn grad(&self, x: &[Value], y: &Value, g: &Value) -> Vec<Option<Value>> {
        use ReduceKind::*;
        let x = &x[0];
        let spread = |v: &Value| {
            let dims = (0..x.rank()).filter(|i| !self.axes.contains(i)).collect();
            v.broadcast_in_dim(x.shape(), dims)
        };
        vec![match self.kind {
            Sum => Some(spread(g)),
            Max | Min => {
                // Ties share the gradient.
                let hit = x.equal(&spread(y)).cast(g.dtype());
                let axes: Vec<i64> = self.axes.iter().map(|&a| a as i64).collect();
                Some(&hit * spread(&(g / hit.sum(&axes))))
            }
            Prod => Some(spread(g) * product_of_others(x, &self.axes)),
            Any | All => None,
        }]
    }
}

/// For each element, the product of all others within the reduced axes: exact with zeros, of any order.
fn product_of_others(x: &Value, axes: &[usize]) -> Value {
    let kept: Vec<usize> = (0..x.rank()).filter(|i| !axes.contains(i)).collect();
    let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
    let rows: usize = kept.iter().map(|&a| x.shape()[a]).product();
    let n: usize = axes.iter().map(|&a| x.shape()[a]).product();
    let moved = x.transpose(&order);
    let flat = moved.reshape(&[rows, n]);
    // [rows, n, n] with the diagonal set to one, then the product over the last axis.
    let b = x.builder();
    let diagonal = b.iota(DType::I32, [n, n], 0).equal(&b.iota(DType::I32, [n, n], 1));
    let table = diagonal.select(&flat.scalar(1.0), &flat.broadcast_in_dim(&[rows, n, n], vec![0, 2]));
    let others = table.prod([-1]).reshape(moved.shape());
    let mut inverse = vec![0; order.len()];
    order.iter().enumerate().for_each(|(i, &o)| inverse[o] = i);
    others.transpose(&inverse)
}

impl Value {
    /// Reduces over `axes`, counted from the end when negative; with `keepdims` they stay with size 1. Over no axes:
    /// the value itself.
    #[track_caller]
    pub fn reduce(&self, kind: ReduceKind, axes: &[i64], keepdims: bool) -> Value {
        let rank = self.rank();
        let found: Result<Vec<usize>> = axes.iter().map(|&a| normalize_axis(kind.name(), a, rank)).collect();
        let mut sorted = match found {
            Ok(axes) => axes,
            Err(e) => return self.fail(e),
        };
        sorted.sort_unstable();
        let mut kept = self.shape().to_vec();
        sorted.iter().for_each(|&a| kept[a] = 1);
        let y = Value::emit1(Reduce { kind, axes: sorted }, &[self]);
        if keepdims { y.reshape(&kept) } else { y }
    }

    /// Every axis, for reductions of everything.
    pub fn all_axes(&self) -> Vec<i64> {
        (0..self.rank() as i64).collect()
    }

    /// Mean over `axes`; NaN over nothing.
    #[track_caller]
    pub fn mean(&self, axes: impl AsRef<[i64]>) -> Value {
        self.mean_of(axes.as_ref(), false)
    }

    /// Mean over `axes`, which stay with size 1.
    #[track_caller]
    pub fn mean_keepdims(&self, axes: impl AsRef<[i64]>) -> Value {
        self.mean_of(axes.as_ref(), true)
    }

    #[track_caller]
    fn mean_of(&self, axes: &[i64], keepdims: bool) -> Value {
        let sum = self.reduce(ReduceKind::Sum, axes, keepdims);
        let count: usize = axes.iter().map(|&a| self.dim(a)).product();
        sum / count as f64
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $f:ident $keepdims:ident $kind:ident)*) => {
        /// Reductions over axes counted from the end when negative.
        impl Value {
            $($(#[$doc])*
            #[track_caller]
            pub fn $f(&self, axes: impl AsRef<[i64]>) -> Value {
                self.reduce(ReduceKind::$kind, axes.as_ref(), false)
            }
            $(#[$doc])*
            /// The axes stay with size 1.
            #[track_caller]
            pub fn $keepdims(&self, axes: impl AsRef<[i64]>) -> Value {
                self.reduce(ReduceKind::$kind, axes.as_ref(), true)
            })*
        }
    };
}
methods! {
    /// Sum over `axes`.
    sum sum_keepdims Sum
    /// Product over `axes`.
    prod prod_keepdims Prod
    /// Largest over `axes`.
    max max_keepdims Max
    /// Smallest over `axes`.
    min min_keepdims Min
    /// Whether any is true over `axes`.
    any any_keepdims Any
    /// Whether all are true over `axes`.
    all all_keepdims All
}
