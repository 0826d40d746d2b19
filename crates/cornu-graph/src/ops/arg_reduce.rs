//! Where the largest or smallest element is.
use super::{Attributes, OpRule, arity};
use crate::{DType, Error, Result, Spec, Value, normalize_axis};

kinds! {
    /// Which element is looked for.
    ArgKind {
        /// The largest
        Max "max",
        /// The smallest
        Min "min",
    }
}

op! {
    /// Position along `axis`, which disappears, of the largest or smallest element; of equals the first. NaN wins. An
    /// int32. StableHLO: a `reduce` of pairs.
    ArgReduce "arg_reduce" {
        /// Which element.
        kind: ArgKind,
        /// The axis searched; not empty.
        axis: usize,
    }
}

impl OpRule for ArgReduce {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        if x.shape.get(self.axis).is_none_or(|&n| n == 0 || i32::try_from(n).is_err()) {
            return Err(Error::op(Self::NAME, format!("axis {} of {:?} cannot be searched", self.axis, x.shape)));
        }
        let mut shape = x.shape.clone();
        shape.remove(self.axis);
        Ok(vec![Spec::new(DType::I32, shape)])
    }

    fn grad(&self, _: &[Value], _: &Value, _: &Value) -> Vec<Option<Value>> {
        vec![None]
    }
}

impl Value {
    /// Position of the largest element along `axis`, the first of equals; NaN is larger than any. An int32.
    #[track_caller]
    pub fn argmax(&self, axis: i64) -> Value {
        self.arg_reduce(ArgKind::Max, axis)
    }

    /// Position of the smallest element along `axis`, the first of equals; NaN is smaller than any. An int32.
    #[track_caller]
    pub fn argmin(&self, axis: i64) -> Value {
        self.arg_reduce(ArgKind::Min, axis)
    }

    #[track_caller]
    fn arg_reduce(&self, kind: ArgKind, axis: i64) -> Value {
        match normalize_axis(ArgReduce::NAME, axis, self.rank()) {
            Ok(axis) => Value::emit1(ArgReduce { kind, axis }, &[self]),
            Err(e) => self.fail(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Builder, DType, Spec};

    #[test]
    fn shapes() {
        let x = Builder::new().input(Spec::f32([3, 0, 4]));
        assert_eq!(*x.argmax(-1).spec(), Spec::new(DType::I32, [3, 0]));
        assert!(x.builder().check().is_ok());
        x.argmin(1);
        let e = x.builder().check().unwrap_err().to_string();
        assert!(e.starts_with("arg_reduce: axis 1 of [3, 0, 4] cannot be searched"), "{e}");
    }
}
