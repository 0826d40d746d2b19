//! Softmax and its logarithm.
use super::{Attributes, OpRule, arity};
use crate::{Error, Result, Spec, Value, normalize_axis};

op! {
    /// `exp(x) / sum(exp(x))` along `axis`.
    Softmax "softmax" {
        /// The axis whose results add up to 1.
        axis: usize,
    }
}

op! {
    /// `x - log(sum(exp(x)))` along `axis`: the logarithm of [`Softmax`], exact where that rounds to 0.
    LogSoftmax "log_softmax" {
        /// The axis of the sum.
        axis: usize,
    }
}

fn along(op: &'static str, inputs: &[&Spec], axis: usize) -> Result<Vec<Spec>> {
    let [x] = arity(op, inputs)?;
    if !x.dtype.is_float() || axis >= x.rank() {
        return Err(Error::op(op, format!("takes floats with an axis {axis}, got {x}")));
    }
    Ok(vec![x.clone()])
}

impl OpRule for Softmax {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        along(Self::NAME, inputs, self.axis)
    }

    fn grad(&self, _: &[Value], y: &Value, g: &Value) -> Vec<Option<Value>> {
        vec![Some(y * (g - (g * y).sum_keepdims([self.axis as i64])))]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let axis = [self.axis as i64];
        let e = shifted(&inputs[0], axis).exp();
        Some(vec![&e / e.sum_keepdims(axis)])
    }
}

impl OpRule for LogSoftmax {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        along(Self::NAME, inputs, self.axis)
    }

    fn grad(&self, _: &[Value], y: &Value, g: &Value) -> Vec<Option<Value>> {
        vec![Some(g - y.exp() * g.sum_keepdims([self.axis as i64]))]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let axis = [self.axis as i64];
        let x = shifted(&inputs[0], axis);
        Some(vec![&x - x.exp().sum_keepdims(axis).log()])
    }
}

/// Moved so that the largest is 0: nothing overflows, and neither result changes.
fn shifted(x: &Value, axis: [i64; 1]) -> Value {
    x - x.stop_gradient().max_keepdims(axis)
}

impl Value {
    /// `exp(x) / sum(exp(x))` along `axis`, counted from the end when negative.
    #[track_caller]
    pub fn softmax(&self, axis: i64) -> Value {
        match normalize_axis(Softmax::NAME, axis, self.rank()) {
            Ok(axis) => Value::emit1(Softmax { axis }, &[self]),
            Err(e) => self.fail(e),
        }
    }

    /// The logarithm of [`Value::softmax`].
    #[track_caller]
    pub fn log_softmax(&self, axis: i64) -> Value {
        match normalize_axis(LogSoftmax::NAME, axis, self.rank()) {
            Ok(axis) => Value::emit1(LogSoftmax { axis }, &[self]),
            Err(e) => self.fail(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Builder, DType, Spec};

    #[test]
    fn errors() {
        let b = Builder::new();
        b.input(Spec::f32([2])).softmax(1);
        let e = b.check().unwrap_err().to_string();
        assert!(e.starts_with("softmax: axis 1 is out of range for rank 1"), "{e}");
        let b = Builder::new();
        b.input(Spec::new(DType::I32, [2])).log_softmax(0);
        let e = b.check().unwrap_err().to_string();
        assert!(e.starts_with("log_softmax: takes floats with an axis 0, got int32[2]"), "{e}");
    }
}
