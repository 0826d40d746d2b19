//! Slices written at places given by a table of indices.
use super::{Attributes, Gather, GatherDims, OpRule, arity};
use crate::{DType, Error, Result, Spec, Value};

kinds! {
    /// How an update meets what is there already.
    ScatterKind {
        /// The update replaces it; of several, the last in row-major order stays
        Set "set",
        /// Sum
        Add "add",
        /// Product
        Mul "mul",
        /// The larger, NaN if either is
        Max "max",
        /// The smaller, NaN if either is
        Min "min",
    }
}

op! {
    /// The operand with slices of the updates combined into it at the indices, one after the other in row-major order
    /// of the updates. A slice that does not lie wholly within the operand is left out. Inputs: operand, indices,
    /// updates. StableHLO `scatter`.
    Scatter "scatter" {
        /// How an update meets what is there.
        kind: ScatterKind,
        /// How axes belong together: those of the [`Gather`] that reads what this writes.
        dims: GatherDims,
    }
}

impl OpRule for Scatter {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [operand, indices, updates] = arity(Self::NAME, inputs)?;
        if updates.dtype != operand.dtype {
            let message = format!("updates of {} do not go into {}", updates.dtype, operand.dtype);
            return Err(Error::op(Self::NAME, message));
        }
        if operand.dtype == DType::Bool && self.kind != ScatterKind::Set {
            return Err(Error::op(Self::NAME, format!("{} does not take bool", self.kind.name())));
        }
        let sizes = self.dims.slice_sizes(operand.rank(), &updates.shape);
        let shape = self.dims.infer(Self::NAME, operand, indices, &sizes)?;
        if shape != updates.shape {
            let message = format!("of {operand} by {indices}: updates must be {shape:?}, got {updates}");
            return Err(Error::op(Self::NAME, message));
        }
        Ok(vec![operand.clone()])
    }

    fn grad(&self, x: &[Value], y: &Value, g: &Value) -> Vec<Option<Value>> {
        let (operand, indices, updates) = (&x[0], &x[1], &x[2]);
        let (dx, du) = match self.kind {
            ScatterKind::Add => (g.clone(), self.read(g, indices, updates)),
            ScatterKind::Set => self.grad_set(x, g),
            ScatterKind::Mul => self.grad_mul(x, g),
            ScatterKind::Max | ScatterKind::Min => {
                // Ties share the gradient.
                let won = operand.equal(y).cast(g.dtype());
                let update_won = updates.equal(&self.read(y, indices, updates)).cast(g.dtype());
                let share = g / self.with_kind(ScatterKind::Add, &won, indices, &update_won);
                (&won * &share, update_won * self.read(&share, indices, updates))
            }
        };
        vec![Some(dx), None, Some(du)]
    }
}

impl Scatter {
    fn with_kind(&self, kind: ScatterKind, operand: &Value, indices: &Value, updates: &Value) -> Value {
        Value::emit1(Scatter { kind, dims: self.dims.clone() }, &[operand, indices, updates])
    }

    /// What stands in `value` where each update goes; 0 for those left out.
    fn read(&self, value: &Value, indices: &Value, updates: &Value) -> Value {
        let slice_sizes = self.dims.slice_sizes(value.rank(), updates.shape());
        let last = self.dims.last_starts(value.shape(), indices, &slice_sizes);
        let within = indices.ge(&indices.full_like(0.0)).and(&indices.le(&last));
        let vector = self.dims.index_vector_dim;
        let whole = if vector < indices.rank() { within.all([vector as i64]) } else { within };
        let gather = Gather { dims: self.dims.clone(), slice_sizes };
        let read = Value::emit1(gather, &[value, indices]);
        let batch = self.dims.batch_axes(read.rank());
        whole.broadcast_in_dim(read.shape(), batch).select(&read, &value.scalar(0.0))
    }

    fn grad_set(&self, x: &[Value], g: &Value) -> (Value, Value) {
        let (operand, indices, updates) = (&x[0], &x[1], &x[2]);
        let dx = self.with_kind(ScatterKind::Set, g, indices, &updates.full_like(0.0));
        // Each update writes its own number: those that find it again are the ones that stayed.
        let b = updates.builder();
        let count: usize = updates.shape().iter().product();
        let number = (b.iota(DType::I32, [count], 0) + 1.0).reshape(updates.shape());
        let none = b.full(Spec::new(DType::I32, operand.shape()), 0.0);
        let stayed = self.with_kind(ScatterKind::Set, &none, indices, &number);
        let mine = self.read(&stayed, indices, updates).equal(&number);
        (dx, mine.select(&self.read(g, indices, updates), &g.scalar(0.0)))
    }

    /// Products of all others by division, with zeros counted apart.
    fn grad_mul(&self, x: &[Value], g: &Value) -> (Value, Value) {
        let (operand, indices, updates) = (&x[0], &x[1], &x[2]);
        let (zero, one) = (g.scalar(0.0), g.scalar(1.0));
        let is_zero = |v: &Value| v.equal(&zero);
        let factor = |v: &Value| is_zero(v).select(&one, v);
        let count = |v: &Value| is_zero(v).select(&one, &zero);
        let ones = operand.full_like(1.0);
        let dx = g * self.with_kind(ScatterKind::Mul, &ones, indices, updates);

        let product = self.with_kind(ScatterKind::Mul, &factor(operand), indices, &factor(updates));
        let zeros = self.with_kind(ScatterKind::Add, &count(operand), indices, &count(updates));
        let other_zeros = self.read(&zeros, indices, updates) - count(updates);
        let others = self.read(&product, indices, updates) / factor(updates);
        (dx, other_zeros.equal(&zero).select(&(others * self.read(g, indices, updates)), &zero))
    }
}

impl Value {
    /// This value with slices of `updates` combined into it; see [`Scatter`].
    #[track_caller]
    pub fn scatter(&self, kind: ScatterKind, indices: &Value, updates: &Value, dims: GatherDims) -> Value {
        Value::emit1(Scatter { kind, dims }, &[self, indices, updates])
    }

    /// `self[indices[i], ..] += updates[i, ..]`, for indices of any rank; rows beyond the end and negative ones are left out.
    #[track_caller]
    pub fn scatter_rows_add(&self, indices: &Value, updates: &Value) -> Value {
        if self.rank() == 0 {
            return self.fail(Error::op(Scatter::NAME, "a scalar has no rows"));
        }
        self.scatter(ScatterKind::Add, indices, updates, GatherDims::take(self.rank(), 0, indices.rank()))
    }

    /// Combines `updates[i.., ..]` into `self[indices[i.., 0], indices[i.., 1], .., ..]`: the last axis of the indices
    /// holds positions along the first axes of this value. Negative positions count from the end, as in Keras's
    /// `scatter_update`; what lies outside is left out.
    #[track_caller]
    pub fn scatter_at(&self, kind: ScatterKind, indices: &Value, updates: &Value) -> Value {
        let depth = indices.shape().last().copied().unwrap_or(0);
        if indices.rank() == 0 || depth > self.rank() {
            let message = format!("{} cannot point into {}", indices.spec(), self.spec());
            return self.fail(Error::op(Scatter::NAME, message));
        }
        let indices = indices.wrap_negative(&self.shape()[..depth]);
        self.scatter(kind, &indices, updates, GatherDims::leading(self.rank(), indices.spec()))
    }
}
