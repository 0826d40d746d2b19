//! Values one after another.
use super::{Attributes, OpRule};
use crate::{Builder, DType, Error, Result, Spec, Value, normalize_axis};

op! {
    /// The inputs one after another along `axis`; the other sizes are the same. StableHLO `concatenate`.
    Concat "concat" {
        /// The axis that grows.
        axis: usize,
    }
}

impl OpRule for Concat {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let Some(first) = inputs.first() else {
            return Err(Error::op(Self::NAME, "takes at least one value"));
        };
        if self.axis >= first.rank() {
            let message = format!("axis {} is out of range for {:?}", self.axis, first.shape);
            return Err(Error::op(Self::NAME, message));
        }
        let mut shape = first.shape.clone();
        for x in &inputs[1..] {
            let joins = x.dtype == first.dtype
                && x.rank() == first.rank()
                && (0..x.rank()).all(|i| i == self.axis || x.shape[i] == first.shape[i]);
            if !joins {
                let message = format!("{first} and {x} do not join along axis {}", self.axis);
                return Err(Error::op(Self::NAME, message));
            }
            shape[self.axis] += x.shape[self.axis];
        }
        Ok(vec![first.with_shape(shape)])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let mut from = 0;
        let parts = x.iter().map(|x| {
            let start = from;
            from += x.shape()[self.axis];
            Some(g.slice_axis(self.axis as i64, start, from))
        });
        parts.collect()
    }
}

impl Value {
    /// Values one after another along `axis`, counted from the end when negative; dtypes are promoted. NumPy's
    /// `concatenate`. An error when there is no value.
    #[track_caller]
    pub fn concat(values: &[&Value], axis: i64) -> Value {
        let Some((first, others)) = values.split_first() else {
            return Builder::new().fail(Error::op(Concat::NAME, "takes at least one value"));
        };
        let axis = match normalize_axis(Concat::NAME, axis, first.rank()) {
            Ok(axis) => axis,
            Err(e) => return first.fail(e),
        };
        if others.is_empty() {
            return (*first).clone();
        }
        let dtype = values.iter().fold(first.dtype(), |d, v| DType::promote(d, v.dtype()));
        let cast: Vec<Value> = values.iter().map(|v| v.cast(dtype)).collect();
        Value::emit1(Concat { axis }, &cast.iter().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let b = Builder::new();
        let (x, y) = (b.input(Spec::f32([3, 2])), b.input(Spec::new(DType::F16, [3, 4])));
        assert_eq!(*Value::concat(&[&x, &y, &x], -1).spec(), Spec::f32([3, 8]));
        assert!(b.check().is_ok());
        Value::concat(&[&x, &y], 0);
        let e = b.check().unwrap_err().to_string();
        assert!(e.starts_with("concat: float32[3,2] and float32[3,4] do not join along axis 0\n"), "{e}");
        let e = Builder::new().finish(&[Value::concat(&[], 0)]).unwrap_err().to_string();
        assert!(e.starts_with("concat: takes at least one value"), "{e}");
    }
}
