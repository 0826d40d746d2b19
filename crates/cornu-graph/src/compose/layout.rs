//! Cutting, joining and repeating.
use crate::{DType, Error, Value, normalize_axis};

/// Parts that stand for a failed split.
const MOST_FAILED: usize = 1 << 10;

impl Value {
    /// Equal parts along `axis`. NumPy's `split` by a number; an error when the size is no multiple of `sections`.
    #[track_caller]
    pub fn split(&self, sections: usize, axis: i64) -> Vec<Value> {
        let size = self.dim(axis);
        if sections == 0 || !size.is_multiple_of(sections) {
            let message = format!("axis {axis} of {:?} does not divide into {sections} parts", self.shape());
            // As many as were asked for, so that the caller can take them apart; a number without sense is not served.
            return vec![self.fail(Error::op("split", message)); sections.clamp(1, MOST_FAILED)];
        }
        let part = size / sections;
        self.split_at(&(1..sections).map(|i| i * part).collect::<Vec<_>>(), axis)
    }

    /// Parts along `axis` that begin at 0 and at each of `indices`, which rise. NumPy's `split` by positions.
    #[track_caller]
    pub fn split_at(&self, indices: &[usize], axis: i64) -> Vec<Value> {
        let mut parts = vec![];
        let mut from = 0;
        for to in indices.iter().copied().chain([self.dim(axis)]) {
            parts.push(self.slice_axis(axis, from, to));
            from = to;
        }
        parts
    }

    /// Values of one shape along a new axis before `axis`; -1 puts it at the end. An error when there is no value.
    #[track_caller]
    pub fn stack(values: &[&Value], axis: i64) -> Value {
        let Some(first) = values.first() else { return Value::concat(&[], axis) };
        match normalize_axis("stack", axis, first.rank() + 1) {
            Ok(at) => {
                let thick: Vec<Value> = values.iter().map(|v| v.expand_dims(at as i64)).collect();
                Value::concat(&thick.iter().collect::<Vec<_>>(), at as i64)
            }
            Err(e) => first.fail(e),
        }
    }

    /// The values at each position along `axis`, which disappears.
    #[track_caller]
    pub fn unstack(&self, axis: i64) -> Vec<Value> {
        match normalize_axis("unstack", axis, self.rank()) {
            Ok(at) => (0..self.shape()[at]).map(|i| self.index_axis(axis, i)).collect(),
            Err(e) => vec![self.fail(e)],
        }
    }

    /// Each element `repeats` times in a row along `axis`. NumPy's `repeat`.
    #[track_caller]
    pub fn repeat(&self, repeats: usize, axis: i64) -> Value {
        match normalize_axis("repeat", axis, self.rank()) {
            Ok(axis) => {
                let mut shape = self.shape().to_vec();
                shape.insert(axis + 1, repeats);
                let dims = (0..shape.len()).filter(|&a| a != axis + 1).collect();
                let spread = self.broadcast_in_dim(&shape, dims);
                shape.remove(axis + 1);
                shape[axis] = shape[axis].saturating_mul(repeats);
                spread.reshape(&shape)
            }
            Err(e) => self.fail(e),
        }
    }

    /// This value `repeats[i]` times along axis `i`; repeats and axes are matched from the end, and missing ones are 1.
    /// NumPy's `tile`.
    #[track_caller]
    pub fn tile(&self, repeats: &[usize]) -> Value {
        let rank = self.rank().max(repeats.len());
        let pad = |sizes: &[usize]| [vec![1; rank - sizes.len()], sizes.to_vec()].concat();
        let (shape, repeats) = (pad(self.shape()), pad(repeats));
        if repeats.iter().all(|&r| r == 1) {
            return self.reshape(&shape);
        }
        let interleaved: Vec<usize> = repeats.iter().zip(&shape).flat_map(|(&r, &n)| [r, n]).collect();
        let spread =
            self.reshape(&shape).broadcast_in_dim(&interleaved, (0..rank).map(|i| 2 * i + 1).collect());
        spread.reshape(&repeats.iter().zip(&shape).map(|(r, n)| r.saturating_mul(*n)).collect::<Vec<_>>())
    }

    /// Elements moved by `shift` positions along `axis`; those beyond the end come in again at the start. NumPy's `roll`.
    #[track_caller]
    pub fn roll(&self, shift: i64, axis: i64) -> Value {
        let size = self.dim(axis);
        let cut = match i64::try_from(size) {
            Ok(n) if n > 0 => (n - shift.rem_euclid(n)) as usize % size,
            _ => 0,
        };
        if cut == 0 {
            // Still refuses an axis that does not exist.
            return self.slice_axis(axis, 0, size);
        }
        Value::concat(&[&self.slice_axis(axis, cut, size), &self.slice_axis(axis, 0, cut)], axis)
    }

    /// `axis` and all after it as one.
    #[track_caller]
    pub fn flatten_from(&self, axis: usize) -> Value {
        match self.shape().split_at_checked(axis) {
            Some((kept, merged)) => {
                let merged = crate::shape::count(merged).unwrap_or(usize::MAX);
                self.reshape(&[kept, &[merged]].concat())
            }
            None => {
                let message = format!("axis {axis} is out of range for {:?}", self.shape());
                self.fail(Error::op("flatten_from", message))
            }
        }
    }

    /// The lower triangle of the last two axes, 0 above the `diagonal`-th diagonal.
    #[track_caller]
    pub fn tril(&self, diagonal: i64) -> Value {
        self.triangle("tril", |row, column| column.le(&row), diagonal)
    }

    /// The upper triangle of the last two axes, 0 below the `diagonal`-th diagonal.
    #[track_caller]
    pub fn triu(&self, diagonal: i64) -> Value {
        self.triangle("triu", |row, column| column.ge(&row), diagonal)
    }

    #[track_caller]
    fn triangle(&self, op: &'static str, kept: impl FnOnce(Value, Value) -> Value, diagonal: i64) -> Value {
        let Some(table) = self.rank().checked_sub(2).map(|from| self.shape()[from..].to_vec()) else {
            return self.fail(Error::op(op, format!("takes at least two axes, got {}", self.spec())));
        };
        let b = self.builder();
        let row = b.iota(DType::I64, table.clone(), 0) + b.constant(crate::Tensor::scalar(diagonal));
        let column = b.iota(DType::I64, table, 1);
        kept(row, column).select(self, &self.scalar(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Result, Spec};

    fn shapes_of(values: &[Value]) -> Result<Vec<Vec<usize>>> {
        values[0].builder().check()?;
        Ok(values.iter().map(|v| v.shape().to_vec()).collect())
    }

    #[test]
    fn shapes() {
        let x = &Builder::new().input(Spec::f32([2, 6]));
        assert_eq!(shapes_of(&x.split(3, 1)).unwrap(), vec![[2, 2]; 3]);
        assert_eq!(shapes_of(&x.split_at(&[1, 1, 4], -1)).unwrap(), [[2, 1], [2, 0], [2, 3], [2, 2]]);
        assert_eq!(shapes_of(&[Value::stack(&[x, x, x], -1)]).unwrap(), [[2, 6, 3]]);
        assert_eq!(shapes_of(&[Value::stack(&[x, x], 0)]).unwrap(), [[2, 2, 6]]);
        assert_eq!(shapes_of(&x.unstack(0)).unwrap(), vec![[6]; 2]);
        assert_eq!(
            shapes_of(&[x.repeat(3, 0), x.tile(&[2, 2]), x.roll(-7, 1), x.tril(0)]).unwrap(),
            [[6, 6], [4, 12], [2, 6], [2, 6]]
        );
        assert_eq!(
            shapes_of(&[x.tile(&[4, 1, 1]), x.reshape(&[2, 3, 2]).flatten_from(3)]).unwrap(),
            [vec![4, 2, 6], vec![2, 3, 2, 1]]
        );
        x.split(4, 1);
        let e = x.builder().check().unwrap_err().to_string();
        assert!(e.starts_with("split: axis 1 of [2, 6] does not divide into 4 parts"), "{e}");
    }
}
