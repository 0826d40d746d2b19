//! The largest elements.
use super::{Attributes, OpRule, ScatterKind, arity};
use crate::{DType, Error, Result, Spec, Value};

op! {
    /// The `k` largest elements along the last axis, from the largest, and their positions, int32; of equals the first
    /// come first, and NaN is larger than any number. Decomposes into a sort and a slice. CHLO `top_k`.
    TopK "top_k" {
        /// How many.
        k: usize,
    }
}

impl OpRule for TopK {
    fn arity_out(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        let mut shape = x.shape.clone();
        match shape.last_mut() {
            Some(n) if self.k <= *n && i32::try_from(*n).is_ok() => *n = self.k,
            _ => {
                let message = format!("the last axis of {:?} does not have {} elements", x.shape, self.k);
                return Err(Error::op(Self::NAME, message));
            }
        }
        Ok(vec![x.with_shape(shape.clone()), Spec::new(DType::I32, shape)])
    }

    fn vjp(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let x = &x[0];
        let back = |g: &Value| x.full_like(0.0).scatter_along_axis(ScatterKind::Add, &y[1], g, x.rank() - 1);
        vec![g[0].as_ref().map(back)]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let x = &inputs[0];
        let positions = x.builder().iota(DType::I32, x.shape(), x.rank() - 1);
        let sorted = Value::sort_together(&[x, &positions], -1, true, 1);
        Some(sorted.iter().map(|v| v.slice_axis(-1, 0, self.k)).collect())
    }
}

impl Value {
    /// The `k` largest elements along the last axis, from the largest, and their positions, int32; see [`TopK`].
    #[track_caller]
    pub fn top_k(&self, k: usize) -> (Value, Value) {
        let mut outputs = Value::emit(TopK { k }, &[self]);
        let positions = outputs.remove(1);
        (outputs.remove(0), positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    #[test]
    fn shapes() {
        let x = Builder::new().input(Spec::f32([3, 4]));
        let (values, positions) = x.top_k(2);
        assert_eq!((values.spec(), positions.spec()), (&Spec::f32([3, 2]), &Spec::new(DType::I32, [3, 2])));
        assert!(x.builder().check().is_ok());
        x.top_k(5);
        let e = x.builder().check().unwrap_err().to_string();
        assert!(e.starts_with("top_k: the last axis of [3, 4] does not have 5 elements"), "{e}");
    }
}
