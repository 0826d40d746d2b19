//! Products and sums over shared axes.
use super::{Attributes, OpRule, arity};
use crate::{Error, Result, Spec, Value};

op! {
    /// Multiplies and sums over the contracted axes, for each position of the batch axes. The result has the batch axes,
    /// then the free axes of `a`, then those of `b`. StableHLO `dot_general`.
    Dot "dot" {
        /// Batch axes of `a`.
        a_batch: Vec<usize>,
        /// Batch axes of `b`, in the same order.
        b_batch: Vec<usize>,
        /// Contracted axes of `a`.
        a_contract: Vec<usize>,
        /// Contracted axes of `b`, in the same order.
        b_contract: Vec<usize>,
    }
}

impl Dot {
    /// The axes of an operand that are neither batch nor contracted.
    pub fn free(rank: usize, batch: &[usize], contract: &[usize]) -> Vec<usize> {
        (0..rank).filter(|i| !batch.contains(i) && !contract.contains(i)).collect()
    }

    /// Which side's free axes come last, all of them, when the axes of the result are moved like this and those of either
    /// side stay together and in order: 0 for `a`. Matrices of the result are then matrices still, whose rows are further
    /// apart.
    pub fn last_side(&self, ranks: [usize; 2], permutation: &[usize]) -> Option<usize> {
        let batch = self.a_batch.len();
        let rows = ranks[0] - batch - self.a_contract.len();
        let end = |axes: std::ops::Range<usize>| {
            let at = permutation.iter().position(|p| axes.contains(p))?;
            let together = permutation[at..].iter().copied().take(axes.len()).eq(axes.clone());
            together.then_some(at + axes.len())
        };
        let ends = [end(batch..batch + rows)?, end(batch + rows..permutation.len())?];
        ends.iter().position(|&end| end == permutation.len())
    }
}

impl OpRule for Dot {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [a, b] = arity(Self::NAME, inputs)?;
        let bad = |why: String| Error::op(Self::NAME, format!("shapes {:?} and {:?} do not match: {why}", a.shape, b.shape));
        if a.dtype != b.dtype {
            return Err(bad(format!("dtypes {} and {} differ", a.dtype, b.dtype)));
        }
        for (x, axes) in [(a, [&self.a_batch, &self.a_contract]), (b, [&self.b_batch, &self.b_contract])] {
            let mut all: Vec<usize> = axes.into_iter().flatten().copied().collect();
            all.sort_unstable();
            if all.windows(2).any(|w| w[0] == w[1]) || all.last().is_some_and(|&m| m >= x.rank()) {
                return Err(bad(format!("axes {axes:?} are out of range or there twice")));
            }
        }
        for (what, left, right) in
            [("batch", &self.a_batch, &self.b_batch), ("inner", &self.a_contract, &self.b_contract)]
        {
            let sizes = |x: &Spec, axes: &[usize]| axes.iter().map(|&i| x.shape[i]).collect::<Vec<_>>();
            let (left, right) = (sizes(a, left), sizes(b, right));
            if left != right {
                return Err(bad(format!("{what} sizes {left:?} and {right:?} differ")));
            }
        }
        let free_a = Dot::free(a.rank(), &self.a_batch, &self.a_contract);
        let free_b = Dot::free(b.rank(), &self.b_batch, &self.b_contract);
        let shape = self.a_batch.iter().chain(&free_a).map(|&i| a.shape[i]).chain(free_b.iter().map(|&i| b.shape[i]));
        Ok(vec![a.with_shape(shape.collect::<Vec<_>>())])
    }

    fn flops(&self, inputs: &[&Spec], outputs: &[Spec]) -> f64 {
        let terms: usize = self.a_contract.iter().map(|&axis| inputs[0].shape[axis]).product();
        2.0 * terms as f64 * outputs[0].len() as f64
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let (a, b) = (&x[0], &x[1]);
        let batch = self.a_batch.len();
        let free_a = Dot::free(a.rank(), &self.a_batch, &self.a_contract);
        let free_b = Dot::free(b.rank(), &self.b_batch, &self.b_contract);
        let g_batch: Vec<usize> = (0..batch).collect();
        let g_a: Vec<usize> = (batch..batch + free_a.len()).collect();
        let g_b: Vec<usize> = (batch + free_a.len()..g.rank()).collect();
        // da[batch, free_a, contract] is the sum over free_b of g * b, then the axes back in a's order.
        let da = Value::emit1(
            Dot {
                a_batch: g_batch.clone(),
                b_batch: self.b_batch.clone(),
                a_contract: g_b,
                b_contract: free_b.clone(),
            },
            &[g, b],
        );
        // db[batch, contract, free_b] is the sum over free_a of a * g.
        let db = Value::emit1(
            Dot {
                a_batch: self.a_batch.clone(),
                b_batch: g_batch,
                a_contract: free_a.clone(),
                b_contract: g_a,
            },
            &[a, g],
        );
        // The contracted axes come out in the order they have in the other operand.
        let in_order_of = |others: &[usize], own: &[usize]| -> Vec<usize> {
            let mut pairs: Vec<(usize, usize)> = others.iter().copied().zip(own.iter().copied()).collect();
            pairs.sort_unstable();
            pairs.into_iter().map(|p| p.1).collect()
        };
        let back = |d: Value, order: Vec<usize>| {
            let mut inverse = vec![0; order.len()];
            order.iter().enumerate().for_each(|(i, &axis)| inverse[axis] = i);
            d.transpose(&inverse)
        };
        let of_a = [&self.a_batch[..], &free_a, &in_order_of(&self.b_contract, &self.a_contract)].concat();
        let of_b = [&self.b_batch[..], &in_order_of(&self.a_contract, &self.b_contract), &free_b].concat();
        vec![Some(back(da, of_a)), Some(back(db, of_b))]
    }
}

impl Value {
    /// Contracts `a_contract` of this with `b_contract` of `other`, without batch axes; negative axes count from the
    /// end. NumPy's `tensordot`.
    #[track_caller]
    pub fn tensordot(&self, other: &Value, a_contract: &[i64], b_contract: &[i64]) -> Value {
        let axes = |v: &Value, axes: &[i64]| -> Result<Vec<usize>> {
            axes.iter().map(|&a| crate::normalize_axis("tensordot", a, v.rank())).collect()
        };
        match axes(self, a_contract).and_then(|a| Ok((a, axes(other, b_contract)?))) {
            Ok((a_contract, b_contract)) => {
                let dot = Dot { a_batch: vec![], b_batch: vec![], a_contract, b_contract };
                Value::emit1(dot, &[self, other])
            }
            Err(e) => self.fail(e),
        }
    }

    /// NumPy's `matmul`: the last axis with the last but one, leading axes broadcast as batches; a vector is a row on the
    /// left and a column on the right.
    #[track_caller]
    pub fn matmul(&self, other: &Value) -> Value {
        match (self.rank(), other.rank()) {
            (0, _) | (_, 0) => self.fail(Error::op("matmul", "takes no scalars")),
            (_, 1) => self.tensordot(other, &[-1], &[0]),
            (_, 2) => self.tensordot(other, &[-1], &[0]),
            (1, _) => self.tensordot(other, &[0], &[-2]),
            (m, n) => {
                let (a, b) = (self.shape(), other.shape());
                match crate::broadcast_shapes(&a[..m - 2], &b[..n - 2]) {
                    Ok(batch) => {
                        let k = batch.len();
                        let left = self.broadcast_to(&[&batch[..], &a[m - 2..]].concat());
                        let right = other.broadcast_to(&[&batch[..], &b[n - 2..]].concat());
                        let axes: Vec<usize> = (0..k).collect();
                        let dot = Dot { a_batch: axes.clone(), b_batch: axes, a_contract: vec![k + 1], b_contract: vec![k] };
                        Value::emit1(dot, &[&left, &right])
                    }
                    Err(e) => self.fail(e),
                }
            }
        }
    }
}
