//! Ops that move elements or count them.
use super::{Array, Eval, Indices};
use crate::ops::{Broadcast, Iota, Reshape, Transpose};
use crate::{Result, Spec};

impl Eval for Reshape {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        Ok(vec![inputs[0].reshaped(&out[0])])
    }
}

impl Eval for Broadcast {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let x = inputs[0];
        let source = |index: &[usize]| -> Vec<usize> {
            let along = self.dims.iter().zip(&x.spec.shape);
            along.map(|(&d, &size)| if size == 1 { 0 } else { index[d] }).collect()
        };
        Ok(vec![x.pick_index(&out[0], source)])
    }
}

impl Eval for Transpose {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let source = |index: &[usize]| {
            let mut from = vec![0; index.len()];
            self.permutation.iter().zip(index).for_each(|(&axis, &i)| from[axis] = i);
            from
        };
        Ok(vec![inputs[0].pick_index(&out[0], source)])
    }
}

impl Eval for Iota {
    fn eval(&self, _: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let counts = Indices::new(&self.shape).map(|index| index[self.axis]);
        Ok(vec![if self.dtype.is_float() {
            Array::floats(&out[0], counts.map(|i| i as f64).collect())
        } else {
            Array::ints(&out[0], counts.map(|i| i as i128))
        }])
    }
}
