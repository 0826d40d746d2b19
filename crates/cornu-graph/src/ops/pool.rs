//! Reductions over windows, and their transposes.
use super::{Attributes, OpRule, arity};
use crate::{DType, Error, Result, Spec, Value};

kinds! {
    /// Which reduction.
    PoolKind {
        /// The largest
        Max "max",
        /// The smallest
        Min "min",
        /// The sum
        Sum "sum",
    }
}

op! {
    /// Reduces each window; what lies outside of `x` does not count. StableHLO `reduce_window`.
    ReduceWindow "reduce_window" {
        /// Which reduction.
        kind: PoolKind,
        /// Size of the window, for each axis.
        window: Vec<usize>,
        /// Steps of the window, for each axis.
        strides: Vec<usize>,
        /// Elements before and after, for each axis; not negative.
        padding: Vec<(usize, usize)>,
    }
}

op! {
    /// The gradient of [`ReduceWindow`] by its input: each element of `g` goes to the element of `x` that won its window, the
    /// first of equals in row-major order; for sums to all of them. Inputs: `x`, `g`. StableHLO `select_and_scatter`.
    WindowGrad "window_grad" {
        /// The reduction.
        of: ReduceWindow,
    }
}

op! {
    /// The transpose of [`WindowGrad`]: for each window the element of `d` at the place that won in `x`. Inputs: `x`, `d`.
    WindowPick "window_pick" {
        /// The reduction; not a sum.
        of: ReduceWindow,
    }
}

impl ReduceWindow {
    fn output(&self, op: &'static str, x: &Spec) -> Result<Spec> {
        let n = x.rank();
        let bad = |why: &str| Error::op(op, format!("windows {:?} over {x}: {why}", self.window));
        if [self.window.len(), self.strides.len(), self.padding.len()] != [n; 3] {
            return Err(bad("one entry for each axis is needed"));
        }
        if self.window.contains(&0) || self.strides.contains(&0) {
            return Err(bad("sizes and strides must be positive"));
        }
        if (0..n).any(|i| self.padding[i].0 >= self.window[i] || self.padding[i].1 >= self.window[i]) {
            return Err(bad("the padding must be less than the window"));
        }
        if x.dtype == DType::Bool {
            return Err(bad("bools are not reduced"));
        }
        let size = |i: usize| {
            let room = (x.shape[i] + self.padding[i].0 + self.padding[i].1).checked_sub(self.window[i]);
            room.map(|r| r / self.strides[i] + 1).ok_or_else(|| bad("the window does not fit"))
        };
        Ok(x.with_shape((0..n).map(size).collect::<Result<Vec<_>>>()?))
    }
}

impl crate::text::Attribute for ReduceWindow {
    fn print(&self, out: &mut String) {
        out.push('{');
        Attributes::print(self, out);
        out.push_str(" }");
    }

    fn parse(text: &mut crate::text::Cursor) -> Result<ReduceWindow> {
        text.expect("{")?;
        let of = <ReduceWindow as Attributes>::parse(text)?;
        text.expect("}")?;
        Ok(of)
    }
}

impl OpRule for ReduceWindow {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x] = arity(Self::NAME, inputs)?;
        Ok(vec![self.output(Self::NAME, x)?])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        vec![Some(Value::emit1(WindowGrad { of: self.clone() }, &[&x[0], g]))]
    }
}

impl OpRule for WindowGrad {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x, g] = arity(Self::NAME, inputs)?;
        let expected = self.of.output(Self::NAME, x)?;
        if expected != *g {
            return Err(Error::op(Self::NAME, format!("expected a gradient {expected}, got {g}")));
        }
        Ok(vec![x.clone()])
    }

    fn grad(&self, x: &[Value], _: &Value, d: &Value) -> Vec<Option<Value>> {
        let by_g = match self.of.kind {
            PoolKind::Sum => Value::emit1(self.of.clone(), &[d]),
            _ => Value::emit1(WindowPick { of: self.of.clone() }, &[&x[0], d]),
        };
        vec![None, Some(by_g)]
    }
}

impl OpRule for WindowPick {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x, d] = arity(Self::NAME, inputs)?;
        super::same_spec(Self::NAME, x, d)?;
        if self.of.kind == PoolKind::Sum {
            return Err(Error::op(Self::NAME, "a sum has no place that wins"));
        }
        Ok(vec![self.of.output(Self::NAME, x)?])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        vec![None, Some(Value::emit1(WindowGrad { of: self.of.clone() }, &[&x[0], g]))]
    }
}

/// Reductions over windows; one entry for each axis.
impl Value {
    /// Reduces each window.
    #[track_caller]
    pub fn reduce_window(
        &self,
        kind: PoolKind,
        window: &[usize],
        strides: &[usize],
        padding: &[(usize, usize)],
    ) -> Value {
        let (window, strides, padding) = (window.to_vec(), strides.to_vec(), padding.to_vec());
        Value::emit1(ReduceWindow { kind, window, strides, padding }, &[self])
    }
}
