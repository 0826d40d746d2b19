//! Order along an axis.
use super::{Attributes, GatherDims, Iota, OpRule, Scatter, ScatterKind};
use crate::{DType, Error, Op, Result, Spec, Value, normalize_axis};

op! {
    /// Orders all operands in the same way along `axis`: by the first `keys` operands, the first of them first. Equals
    /// stay in their order. NaN is larger than any number and equal to itself, -0 equals 0, and true is larger than
    /// false. StableHLO `sort` with `is_stable`.
    Sort "sort" {
        /// The axis ordered.
        axis: usize,
        /// From the largest to the smallest.
        descending: bool,
        /// How many operands there are.
        operands: usize,
        /// How many operands decide, at least 1.
        keys: usize,
    }
}

impl OpRule for Sort {
    fn arity_out(&self) -> usize {
        self.operands
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        if inputs.len() != self.operands || self.keys == 0 || self.keys > inputs.len() {
            let Sort { operands, keys, .. } = self;
            let message = format!("takes {operands} operands, {keys} of them keys, got {}", inputs.len());
            return Err(Error::op(Self::NAME, message));
        }
        let first = inputs[0];
        if self.axis >= first.rank() {
            let message = format!("axis {} is out of range for {:?}", self.axis, first.shape);
            return Err(Error::op(Self::NAME, message));
        }
        if let Some(other) = inputs.iter().find(|x| x.shape != first.shape) {
            return Err(Error::op(Self::NAME, format!("operands {first} and {other} differ in shape")));
        }
        Ok(inputs.iter().map(|&x| x.clone()).collect())
    }

    /// The gradients go back to where the elements came from.
    fn vjp(&self, x: &[Value], y: &[Value], g: &[Option<Value>]) -> Vec<Option<Value>> {
        let from = self.origins(x, y);
        let back = |(x, g): (&Value, &Option<Value>)| {
            let g = g.as_ref()?;
            Some(x.full_like(0.0).scatter_along_axis(ScatterKind::Add, &from, g, self.axis))
        };
        x.iter().zip(g).map(back).collect()
    }
}

impl Sort {
    /// Where each sorted element came from: an operand that counts along the axis says it, else a second sort does.
    fn origins(&self, x: &[Value], y: &[Value]) -> Value {
        let b = x[0].builder();
        let shape = x[0].shape();
        let count = Iota { dtype: DType::I32, shape: shape.to_vec(), axis: self.axis };
        let counts = |v: &Value| b.node(v.id().index()).op == Op::Iota(count.clone());
        if let Some(i) = x.iter().position(counts) {
            return y[i].clone();
        }
        let positions = b.iota(DType::I32, shape, self.axis);
        let inputs: Vec<&Value> = x[..self.keys].iter().chain([&positions]).collect();
        let sort = Sort { operands: inputs.len(), ..self.clone() };
        Value::emit(sort, &inputs).pop().unwrap_or(positions)
    }
}

impl Value {
    /// All values ordered in the same way along `axis`, by the first `keys` of them; see [`Sort`].
    #[track_caller]
    pub fn sort_together(values: &[&Value], axis: i64, descending: bool, keys: usize) -> Vec<Value> {
        let Some(first) = values.first() else { return vec![] };
        match normalize_axis(Sort::NAME, axis, first.rank()) {
            Ok(axis) => Value::emit(Sort { axis, descending, operands: values.len(), keys }, values),
            Err(e) => vec![first.fail(e); values.len()],
        }
    }

    /// Ordered from the smallest along `axis`; NaN last.
    #[track_caller]
    pub fn sort(&self, axis: i64) -> Value {
        Value::sort_together(&[self], axis, false, 1).remove(0)
    }

    /// The positions, int32, that order this value from the smallest along `axis`; equals stay in their order, NaN last.
    #[track_caller]
    pub fn argsort(&self, axis: i64) -> Value {
        match normalize_axis(Sort::NAME, axis, self.rank()) {
            Ok(at) => {
                let positions = self.builder().iota(DType::I32, self.shape(), at);
                Value::sort_together(&[self, &positions], axis, false, 1).remove(1)
            }
            Err(e) => self.fail(e),
        }
    }

    /// Combines `updates` into this value at positions along one axis, as `take_along_axis` reads them. All three have
    /// the same sizes along the other axes.
    #[track_caller]
    pub fn scatter_along_axis(
        &self,
        kind: ScatterKind,
        indices: &Value,
        updates: &Value,
        axis: usize,
    ) -> Value {
        let scatter = Scatter { kind, dims: GatherDims::along_axis(self.rank(), axis) };
        Value::emit1(scatter, &[self, indices, updates])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    #[test]
    fn shapes() {
        let b = Builder::new();
        let (x, y) = (b.input(Spec::f32([3, 4])), b.input(Spec::new(DType::I8, [3, 4])));
        let sorted = Value::sort_together(&[&x, &y], -1, true, 2);
        assert_eq!((sorted[0].spec(), sorted[1].spec()), (x.spec(), y.spec()));
        assert_eq!(*x.argsort(0).spec(), Spec::new(DType::I32, [3, 4]));
        b.check().unwrap();
        let failed = Value::sort_together(&[&x, &y], 0, false, 3);
        assert_eq!(failed.len(), 2);
        let e = b.check().unwrap_err().to_string();
        assert!(e.starts_with("sort: takes 2 operands, 3 of them keys, got 2"), "{e}");
    }
}
