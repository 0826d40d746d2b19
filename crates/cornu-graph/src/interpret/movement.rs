//! Ops that move elements to fixed places, or count them.
use super::array::offset;
use super::{Array, Eval, Indices};
use crate::ops::{Broadcast, Concat, Iota, Pad, Reshape, Reverse, Slice, Transpose};
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

impl Eval for Slice {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let source = |index: &[usize]| -> Vec<usize> {
            (0..index.len()).map(|a| self.start[a] + index[a] * self.stride[a]).collect()
        };
        Ok(vec![inputs[0].pick_index(&out[0], source)])
    }
}

impl Eval for Reverse {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let shape = &out[0].shape;
        let source = |index: &[usize]| -> Vec<usize> {
            let at = |a: usize| if self.axes.contains(&a) { shape[a] - 1 - index[a] } else { index[a] };
            (0..index.len()).map(at).collect()
        };
        Ok(vec![inputs[0].pick_index(&out[0], source)])
    }
}

impl Eval for Pad {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (x, value) = (inputs[0], inputs[1]);
        let mut y = value.pick(&out[0], std::iter::repeat_n(0, out[0].len()));
        for (i, index) in Indices::new(&x.spec.shape).enumerate() {
            let to = (0..index.len()).map(|a| {
                let at = self.low[a] + (index[a] * (self.interior[a] + 1)) as i64;
                usize::try_from(at).ok().filter(|&at| at < out[0].shape[a])
            });
            if let Some(to) = to.collect::<Option<Vec<usize>>>() {
                y.set(offset(&out[0].shape, &to), x, i);
            }
        }
        Ok(vec![y])
    }
}

impl Eval for Concat {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let mut y = Array::zeros(&out[0]);
        let mut from = 0;
        for x in inputs {
            for (i, mut index) in Indices::new(&x.spec.shape).enumerate() {
                index[self.axis] += from;
                y.set(offset(&out[0].shape, &index), x, i);
            }
            from += x.spec.shape[self.axis];
        }
        Ok(vec![y])
    }
}
