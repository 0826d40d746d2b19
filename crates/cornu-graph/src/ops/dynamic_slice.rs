//! Parts of a value at places known only when the graph runs.
use super::{Attributes, OpRule, arity};
use crate::{DType, Error, Result, Spec, Value};

op! {
    /// A window of `sizes` that starts where scalar indices say, one for each axis after the operand among the inputs,
    /// moved inward so that it lies within the operand. StableHLO `dynamic_slice`.
    DynamicSlice "dynamic_slice" {
        /// Size of the window, for each axis.
        sizes: Vec<usize>,
    }
}

op! {
    /// The operand with a window overwritten by the update. Inputs: operand, update, then one scalar index for each axis,
    /// moved inward so that the window lies within the operand. StableHLO `dynamic_update_slice`.
    DynamicUpdate "dynamic_update" {}
}

/// Checks that a window of `sizes` fits in `x` and that there is a scalar int32 or int64 start for each axis.
fn check_window(op: &'static str, x: &Spec, sizes: &[usize], starts: &[&Spec]) -> Result<()> {
    if sizes.len() != x.rank() || sizes.iter().zip(&x.shape).any(|(s, d)| s > d) {
        return Err(Error::op(op, format!("a window of {sizes:?} does not fit in {:?}", x.shape)));
    }
    let dtype = starts.first().map_or(DType::I32, |s| s.dtype);
    let integers = matches!(dtype, DType::I32 | DType::I64);
    if starts.len() != x.rank() || !integers || starts.iter().any(|s| s.rank() != 0 || s.dtype != dtype) {
        let rank = x.rank();
        return Err(Error::op(op, format!("takes {rank} scalar indices of int32 or of int64, got {starts:?}")));
    }
    Ok(())
}

impl OpRule for DynamicSlice {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let Some((x, starts)) = inputs.split_first() else {
            return Err(Error::op(Self::NAME, "takes an operand and its indices, got nothing"));
        };
        check_window(Self::NAME, x, &self.sizes, starts)?;
        Ok(vec![x.with_shape(self.sizes.clone())])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let mut grads = vec![None; x.len()];
        grads[0] = Some(x[0].full_like(0.0).dynamic_update(g, &x[1..]));
        grads
    }
}

impl OpRule for DynamicUpdate {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let starts = inputs.get(2..).unwrap_or_default();
        let [x, update] = arity(Self::NAME, &inputs[..inputs.len() - starts.len()])?;
        if x.dtype != update.dtype {
            return Err(Error::op(Self::NAME, format!("{} cannot be written into {}", update.dtype, x.dtype)));
        }
        check_window(Self::NAME, x, &update.shape, starts)?;
        Ok(vec![x.clone()])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let (update, starts) = (&x[1], &x[2..]);
        let mut grads = vec![None; x.len()];
        grads[0] = Some(g.dynamic_update(&update.full_like(0.0), starts));
        grads[1] = Some(g.dynamic_slice(starts, update.shape()));
        grads
    }
}

impl Value {
    /// A window of `sizes` at `starts`, scalar integers; see [`DynamicSlice`].
    #[track_caller]
    pub fn dynamic_slice(&self, starts: &[Value], sizes: &[usize]) -> Value {
        let inputs: Vec<&Value> = std::iter::once(self).chain(starts).collect();
        Value::emit1(DynamicSlice { sizes: sizes.to_vec() }, &inputs)
    }

    /// This value with `update` written at `starts`, scalar integers; see [`DynamicUpdate`].
    #[track_caller]
    pub fn dynamic_update(&self, update: &Value, starts: &[Value]) -> Value {
        let inputs: Vec<&Value> = [self, update].into_iter().chain(starts).collect();
        Value::emit1(DynamicUpdate {}, &inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    #[test]
    fn shapes() {
        let b = Builder::new();
        let (x, i) = (b.input(Spec::f32([5, 4])), b.input(Spec::new(DType::I32, [])));
        let part = x.dynamic_slice(&[i.clone(), i.clone()], &[2, 4]);
        assert_eq!(part.shape(), [2, 4]);
        assert_eq!(x.dynamic_update(&part, &[i.clone(), i.clone()]).shape(), [5, 4]);
        assert!(b.check().is_ok());
        x.dynamic_slice(std::slice::from_ref(&i), &[2, 4]);
        let e = b.check().unwrap_err().to_string();
        assert!(e.contains("takes 2 scalar indices of int32 or of int64, got [int32[]]"), "{e}");
        let specs = [x.spec(), part.spec()];
        assert!(DynamicUpdate {}.infer(&specs).is_err());
        assert!(DynamicUpdate {}.infer(&specs[..1]).is_err());
        assert!(DynamicUpdate {}.infer(&[]).is_err());
    }
}
