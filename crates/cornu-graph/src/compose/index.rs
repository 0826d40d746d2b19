//! Picking elements by tables of positions.
use crate::ops::GatherDims;
use crate::{DType, Error, Result, Tensor, Value, broadcast_shapes, normalize_axis};

impl Value {
    /// The slices at positions `indices` along `axis`, which is replaced by the axes of the indices. NumPy's `take` as
    /// Keras has it: negative positions count from the end, and one that does not exist gives NaN (of integers the
    /// lowest if signed, else the highest value; of bools true) and no gradient.
    #[track_caller]
    pub fn take(&self, indices: &Value, axis: i64) -> Value {
        let axis = match normalize_axis("take", axis, self.rank()) {
            Ok(axis) => axis,
            Err(e) => return self.fail(e),
        };
        let size = self.shape()[axis];
        let indices = indices.wrap_negative(&[size]);
        let slices = self.take_clamped(&indices, axis as i64);
        let exists = indices.is_position(size);
        let axes = (axis..axis + indices.rank()).collect();
        exists.broadcast_in_dim(slices.shape(), axes).select(&slices, &self.no_such_element())
    }

    /// [`Value::take`] where positions outside are moved to the nearest that exists, negative ones to 0. Nothing is
    /// tested, so it costs less.
    #[track_caller]
    pub fn take_clamped(&self, indices: &Value, axis: i64) -> Value {
        match normalize_axis("take", axis, self.rank()) {
            Ok(axis) => {
                let mut sizes = self.shape().to_vec();
                sizes[axis] = 1;
                self.gather(indices, GatherDims::take(self.rank(), axis, indices.rank()), &sizes)
            }
            Err(e) => self.fail(e),
        }
    }

    /// The elements at positions `indices` along `axis`, for each place along the other axes, which broadcast. Negative
    /// positions and those that do not exist are as in [`Value::take`].
    #[track_caller]
    pub fn take_along_axis(&self, indices: &Value, axis: i64) -> Value {
        let shapes = || -> Result<(usize, Vec<usize>, Vec<usize>)> {
            let axis = normalize_axis("take_along_axis", axis, self.rank())?;
            if indices.rank() != self.rank() {
                let message = format!("{} and indices {} differ in rank", self.spec(), indices.spec());
                return Err(Error::op("take_along_axis", message));
            }
            let with = |v: &Value, size| {
                let mut shape = v.shape().to_vec();
                shape[axis] = size;
                shape
            };
            let mut operand = broadcast_shapes(&with(self, 1), &with(indices, 1))?;
            let mut picked = operand.clone();
            (operand[axis], picked[axis]) = (self.shape()[axis], indices.shape()[axis]);
            Ok((axis, operand, picked))
        };
        let (axis, operand, picked) = match shapes() {
            Ok(found) => found,
            Err(e) => return self.fail(e),
        };
        if picked.contains(&0) {
            return self.builder().full(self.spec().with_shape(picked), 0.0);
        }
        let size = operand[axis];
        let indices = indices.wrap_negative(&[size]).broadcast_to(&picked);
        let dims = GatherDims::along_axis(self.rank(), axis);
        let elements = self.broadcast_to(&operand).gather(&indices, dims, &vec![1; self.rank()]);
        indices.is_position(size).select(&elements, &self.no_such_element())
    }

    /// A new axis of `classes` before `axis` (-1: at the end), 1 at the position this integer says and 0 elsewhere; all 0
    /// where there is no such position.
    #[track_caller]
    pub fn one_hot(&self, classes: usize, axis: i64, dtype: DType) -> Value {
        let axis = match normalize_axis("one_hot", axis, self.rank() + 1) {
            Ok(axis) => axis,
            Err(e) => return self.fail(e),
        };
        if !self.dtype().is_int() {
            return self.fail(Error::op("one_hot", format!("takes integers, got {}", self.spec())));
        }
        let positions = self.at_least_32_bits();
        let mut shape = self.shape().to_vec();
        shape.insert(axis, classes);
        let count = self.builder().iota(positions.dtype(), shape, axis);
        positions.expand_dims(axis as i64).equal(&count).cast(dtype)
    }

    /// Positions that count from the end as positions from the start. The numbers of one position are along the last
    /// axis when there is more than one size.
    pub(crate) fn wrap_negative(&self, sizes: &[usize]) -> Value {
        if !self.dtype().is_signed_int() {
            return self.clone();
        }
        let positions = self.at_least_32_bits();
        let sizes: Vec<f64> = sizes.iter().map(|&n| n as f64).collect();
        let shape = if sizes.len() == 1 { vec![] } else { vec![sizes.len()] };
        match Tensor::from_f64(shape, positions.dtype(), &sizes) {
            Ok(sizes) => {
                let wrapped = &positions + self.builder().constant(sizes);
                positions.lt(&positions.scalar(0.0)).select(&wrapped, &positions)
            }
            Err(e) => self.fail(e),
        }
    }

    /// Whether each lies within 0 and `size`.
    fn is_position(&self, size: usize) -> Value {
        // The last position rather than the size: it saturates where the dtype does not reach so far.
        let below = self.le(&self.scalar(size as f64 - 1.0));
        if self.dtype().is_signed_int() { self.ge(&self.scalar(0.0)).and(&below) } else { below }
    }

    fn at_least_32_bits(&self) -> Value {
        if self.dtype().size() < 4 { self.cast(DType::I32) } else { self.clone() }
    }

    /// What stands for an element outside, as a scalar.
    fn no_such_element(&self) -> Value {
        self.scalar(match self.dtype() {
            dtype if dtype.is_float() => f64::NAN,
            dtype if dtype.is_signed_int() => f64::NEG_INFINITY,
            _ => f64::INFINITY,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Spec};

    #[test]
    fn shapes() {
        let b = Builder::new();
        let x = b.input(Spec::f32([5, 4, 3]));
        let i = b.input(Spec::new(DType::I8, [2, 6]));
        assert_eq!(x.take(&i, 1).shape(), [5, 2, 6, 3]);
        assert_eq!(x.take(&i, -1).shape(), [5, 4, 2, 6]);
        assert_eq!(x.take_along_axis(&i.reshape(&[1, 4, 3]), 0).shape(), [1, 4, 3]);
        assert_eq!(x.take_along_axis(&i.reshape(&[1, 12, 1]), 1).shape(), [5, 12, 3]);
        let nothing = x.slice_axis(0, 0, 0);
        assert_eq!(nothing.take_along_axis(&i.reshape(&[1, 12, 1]), 1).shape(), [0, 12, 3]);
        assert_eq!(*i.one_hot(9, 1, DType::F16).spec(), Spec::new(DType::F16, [2, 9, 6]));
        assert_eq!(i.one_hot(9, -1, DType::F32).shape(), [2, 6, 9]);
        b.check().unwrap();
        x.take_along_axis(&i, 0);
        let e = b.check().unwrap_err().to_string();
        assert!(e.starts_with("take_along_axis: float32[5,4,3] and indices int8[2,6] differ in rank"), "{e}");
    }

    #[test]
    fn of_an_empty_axis() {
        let b = Builder::new();
        let x = b.input(Spec::f32([0, 2]));
        x.take(&b.input(Spec::new(DType::I32, [3])), 0);
        let e = b.check().unwrap_err().to_string();
        assert!(e.starts_with("gather: of float32[0,2] by int32[3]: slices of [1, 2] do not fit"), "{e}");
    }
}
