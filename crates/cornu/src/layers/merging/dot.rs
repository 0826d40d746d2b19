//! Dot product of two inputs.
use crate::constraints::Axes;
use crate::layers::checks::at_least_rank;
use crate::layers::prelude::*;
use crate::regularizers::l2_normalize;
use cornu_graph::normalize_axis;
use cornu_graph::ops::Dot as DotOp;

/// The products of two inputs, sample by sample, summed over an axis of each. Keras's `Dot`.
///
/// The output has the other axes of the first input, then those of the second: `(batch, i, k)` and `(batch, k, j)` with
/// axes `[2, 1]` give `(batch, i, j)`.
#[layer("keras.layers")]
pub struct Dot {
    /// The axis to sum over, one for both inputs or one for each.
    pub axes: Axes,
    /// Whether to scale both to norm 1 along it first, which gives cosines.
    #[default(false)]
    pub normalize: bool,
}

impl Dot {
    fn axes(&self, a: &Value, b: &Value) -> Result<(usize, usize)> {
        let (in_a, in_b) = match self.axes.as_slice() {
            &[axis] => (axis, axis),
            &[in_a, in_b] => (in_a, in_b),
            axes => {
                let message = format!("takes one axis or one for each input, got {axes:?}");
                return Err(Error::argument("Dot.axes", message));
            }
        };
        let (in_a, in_b) = (normalize_axis("dot", in_a, a.rank())?, normalize_axis("dot", in_b, b.rank())?);
        if in_a == 0 || in_b == 0 {
            return Err(Error::argument("Dot.axes", "axis 0 is the batch, which is not summed over"));
        }
        Ok((in_a, in_b))
    }
}

impl Layer for Dot {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        super::build_config(inputs)
    }

    fn call_many(&self, _: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let [a, b] = inputs else {
            return Err(Error::argument("inputs", format!("takes exactly two inputs, got {}", inputs.len())));
        };
        at_least_rank(a, 2)?;
        at_least_rank(b, 2)?;
        let (in_a, in_b) = self.axes(a, b)?;
        let scaled =
            |x: &Value, axis: usize| if self.normalize { l2_normalize(x, axis as i64) } else { x.clone() };
        let op = DotOp { a_batch: vec![0], b_batch: vec![0], a_contract: vec![in_a], b_contract: vec![in_b] };
        let y = Value::emit1(op, &[&scaled(a, in_a), &scaled(b, in_b)]);
        Ok(vec![if y.rank() == 1 { y.expand_dims(-1) } else { y }])
    }

    fn compute_mask(&self, _: &Call, _: &[Value], _: &[Value]) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
}
