//! Axes in another order.
use super::{Attributes, OpRule, arity};
use crate::{Error, Result, Spec, Value};

op! {
    /// Axis `i` of the result is axis `permutation[i]` of `x`. StableHLO `transpose`.
    Transpose "transpose" {
        /// Each axis once.
        permutation: Vec<usize>,
    }
}

impl OpRule for Transpose {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        let mut sorted = self.permutation.clone();
        sorted.sort_unstable();
        if sorted != (0..x.rank()).collect::<Vec<_>>() {
            let message = format!("{:?} is not an order of the axes of {:?}", self.permutation, x.shape);
            return Err(Error::op(Self::NAME, message));
        }
        Ok(vec![x.with_shape(self.permutation.iter().map(|&a| x.shape[a]).collect::<Vec<_>>())])
    }

    fn grad(&self, _: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let mut inverse = vec![0; self.permutation.len()];
        self.permutation.iter().enumerate().for_each(|(i, &p)| inverse[p] = i);
        vec![Some(g.transpose(&inverse))]
    }
}

impl Value {
    /// Axis `i` of the result is axis `permutation[i]` of this.
    #[track_caller]
    pub fn transpose(&self, permutation: &[usize]) -> Value {
        if permutation.len() == self.rank() && permutation.iter().enumerate().all(|(i, &p)| i == p) {
            return self.clone();
        }
        Value::emit1(Transpose { permutation: permutation.to_vec() }, &[self])
    }

    /// Two axes exchanged, counted from the end when negative.
    #[track_caller]
    pub fn swap_axes(&self, a: i64, b: i64) -> Value {
        let rank = self.rank();
        let axes = crate::normalize_axis("swap_axes", a, rank).and_then(|a| Ok((a, crate::normalize_axis("swap_axes", b, rank)?)));
        match axes {
            Ok((a, b)) => {
                let mut order: Vec<usize> = (0..rank).collect();
                order.swap(a, b);
                self.transpose(&order)
            }
            Err(e) => self.fail(e),
        }
    }
}
