//! Parts of a value, at places known when the graph is built.
use super::{Attributes, OpRule, arity};
use crate::{Error, Result, Spec, Value, normalize_axis};

op! {
    /// Along each axis the elements `start`, `start + stride`, ... below `limit`. StableHLO `slice`.
    Slice "slice" {
        /// First position, for each axis.
        start: Vec<usize>,
        /// End, not included, for each axis.
        limit: Vec<usize>,
        /// Step, at least 1, for each axis.
        stride: Vec<usize>,
    }
}

impl OpRule for Slice {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        let Slice { start, limit, stride } = self;
        let fits = [start, limit, stride].iter().all(|v| v.len() == x.rank())
            && (0..x.rank()).all(|i| start[i] <= limit[i] && limit[i] <= x.shape[i] && stride[i] > 0);
        if !fits {
            let message = format!("{start:?} to {limit:?} in steps of {stride:?} is not within {:?}", x.shape);
            return Err(Error::op(Self::NAME, message));
        }
        let shape: Vec<usize> = (0..x.rank()).map(|i| (limit[i] - start[i]).div_ceil(stride[i])).collect();
        Ok(vec![x.with_shape(shape)])
    }

    fn grad(&self, x: &[Value], y: &Value, g: &Value) -> Vec<Option<Value>> {
        let config = (0..self.start.len()).map(|i| {
            let (taken, step) = (y.shape()[i], self.stride[i]);
            let covered = if taken == 0 { 0 } else { (taken - 1) * step + 1 };
            let after = x[0].shape()[i] - self.start[i] - covered;
            (self.start[i] as i64, after as i64, step - 1)
        });
        vec![Some(g.pad(&g.scalar(0.0), &config.collect::<Vec<_>>()))]
    }
}

impl Value {
    /// The elements from `start` up to `limit`, for each axis.
    #[track_caller]
    pub fn slice(&self, start: &[usize], limit: &[usize]) -> Value {
        self.slice_strided(start, limit, &vec![1; self.rank()])
    }

    /// Every `stride`-th element from `start` up to `limit`, for each axis.
    #[track_caller]
    pub fn slice_strided(&self, start: &[usize], limit: &[usize], stride: &[usize]) -> Value {
        let whole = limit == self.shape() && start.iter().all(|&s| s == 0) && stride.iter().all(|&s| s == 1);
        if whole && start.len() == self.rank() && stride.len() == self.rank() {
            return self.clone();
        }
        // Steps beyond the end are alike; distances in memory must be numbers.
        let near = |(&step, &size): (&usize, &usize)| step.min(size.max(1));
        let steps = if stride.len() == self.rank() {
            stride.iter().zip(self.shape()).map(near).collect()
        } else {
            stride.to_vec()
        };
        let slice = Slice { start: start.to_vec(), limit: limit.to_vec(), stride: steps };
        Value::emit1(slice, &[self])
    }

    /// Positions `from` up to `to` of one axis, counted from the end when negative.
    #[track_caller]
    pub fn slice_axis(&self, axis: i64, from: usize, to: usize) -> Value {
        match normalize_axis(Slice::NAME, axis, self.rank()) {
            Ok(axis) => {
                let (mut start, mut limit) = (vec![0; self.rank()], self.shape().to_vec());
                (start[axis], limit[axis]) = (from, to);
                self.slice(&start, &limit)
            }
            Err(e) => self.fail(e),
        }
    }

    /// Position `index` of one axis, which disappears.
    #[track_caller]
    pub fn index_axis(&self, axis: i64, index: usize) -> Value {
        self.slice_axis(axis, index, index.saturating_add(1)).squeeze(axis)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Builder, Spec};

    #[test]
    fn shapes() {
        let x = Builder::new().input(Spec::f32([5, 4]));
        assert_eq!(x.slice(&[1, 0], &[3, 4]).shape(), [2, 4]);
        assert_eq!(x.slice_strided(&[0, 1], &[5, 4], &[2, 3]).shape(), [3, 1]);
        assert_eq!(x.slice_axis(-1, 2, 2).shape(), [5, 0]);
        assert_eq!(x.index_axis(0, 4).shape(), [4]);
        assert!(x.builder().check().is_ok());
        x.slice(&[1, 0], &[6, 4]);
        let e = x.builder().check().unwrap_err().to_string();
        assert!(e.starts_with("slice: [1, 0] to [6, 4] in steps of [1, 1] is not within [5, 4]\n  at "), "{e}");
    }
}
