//! Repeating values along axes.
use super::{Attributes, OpRule, arity};
use crate::{Error, Result, Spec, Value};

op! {
    /// Axis `i` of `x` becomes axis `dims[i]`, repeated where its size is 1. StableHLO `broadcast_in_dim`.
    Broadcast "broadcast" {
        /// Shape of the result.
        shape: Vec<usize>,
        /// Rising, one for each axis of `x`.
        dims: Vec<usize>,
    }
}

impl OpRule for Broadcast {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        super::rising_axes(Self::NAME, &self.dims, self.shape.len())?;
        let fits = self.dims.len() == x.rank()
            && self.dims.iter().zip(&x.shape).all(|(&d, &size)| size == 1 || size == self.shape[d]);
        if !fits {
            let message = format!("{:?} along axes {:?} does not fit {:?}", x.shape, self.dims, self.shape);
            return Err(Error::op(Self::NAME, message));
        }
        Ok(vec![x.with_shape(self.shape.clone())])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let x = &x[0];
        let stays = |axis: usize| {
            self.dims.iter().position(|&d| d == axis).is_some_and(|i| x.shape()[i] == self.shape[axis])
        };
        let axes: Vec<i64> = (0..self.shape.len()).filter(|&a| !stays(a)).map(|a| a as i64).collect();
        let summed = if axes.is_empty() { g.clone() } else { g.sum(axes) };
        vec![Some(summed.reshape(x.shape()))]
    }
}

impl Value {
    /// NumPy's `broadcast_to`: axes are matched from the end.
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Value {
        if self.shape() == shape {
            return self.clone();
        }
        match shape.len().checked_sub(self.rank()) {
            Some(new) => self.broadcast_in_dim(shape, (new..shape.len()).collect()),
            None => self.fail(Error::op("broadcast", format!("{:?} does not become {shape:?}", self.shape()))),
        }
    }

    /// Axis `i` becomes axis `dims[i]` of `shape`.
    #[track_caller]
    pub fn broadcast_in_dim(&self, shape: &[usize], dims: Vec<usize>) -> Value {
        if self.shape() == shape && dims.iter().enumerate().all(|(i, &d)| i == d) {
            return self.clone();
        }
        Value::emit1(Broadcast { shape: shape.to_vec(), dims }, &[self])
    }
}
