//! Layers that make one tensor of several.
mod add;
mod average;
mod concatenate;
mod dot;
mod maximum;
mod minimum;
mod multiply;
mod subtract;

pub use add::Add;
pub use average::Average;
pub use concatenate::Concatenate;
pub use dot::Dot;
pub use maximum::Maximum;
pub use minimum::Minimum;
pub use multiply::Multiply;
pub use subtract::Subtract;

use crate::layers::prelude::*;

/// Keras builds a merging layer for the shapes of all inputs.
fn build_config(inputs: &[Shape]) -> Option<serde_json::Value> {
    Some(serde_json::json!({"input_shape": inputs}))
}

/// The inputs with axes of size 1 after the batch, until all have the same number of axes.
fn same_rank(inputs: &[Value]) -> Result<Vec<Value>> {
    let Some(first) = inputs.first() else {
        return Err(Error::argument("inputs", "a merging layer takes at least one input, got none"));
    };
    if let Some(other) = inputs.iter().find(|x| x.rank() > 0 && first.rank() > 0 && x.dim(0) != first.dim(0))
    {
        let message = format!("inputs of {} and {} samples do not merge", first.dim(0), other.dim(0));
        return Err(Error::Data(message));
    }
    let rank = inputs.iter().map(Value::rank).max().unwrap_or(0);
    let widen = |x: &Value| (x.rank()..rank).fold(x.clone(), |x, _| x.expand_dims(1.min(x.rank() as i64)));
    Ok(inputs.iter().map(widen).collect())
}

/// Joins the inputs two by two, from the left.
fn merge(inputs: &[Value], join: impl Fn(&Value, &Value) -> Value) -> Result<Vec<Value>> {
    let inputs = same_rank(inputs)?;
    let merged = inputs.iter().skip(1).fold(inputs[0].clone(), |merged, x| join(&merged, x));
    Ok(vec![merged])
}

/// [`merge`] where a masked element gives way to the other input's.
fn merge_masked(cx: &Call, inputs: &[Value], join: impl Fn(&Value, &Value) -> Value) -> Result<Vec<Value>> {
    let inputs = same_rank(inputs)?;
    let mut masks = inputs.iter().zip(cx.masks()).map(|(x, mask)| mask.as_ref().map(|m| spread(m, x)));
    let (mut merged, mut merged_mask) = (inputs[0].clone(), masks.next().flatten());
    for (x, mask) in inputs[1..].iter().zip(masks) {
        let present = mask.as_ref().map_or_else(|| x.clone(), |mask| mask.select(x, &merged));
        if let Some(mask) = &merged_mask {
            merged = mask.select(&merged, &present);
        }
        merged_mask = merged_mask.zip(mask).map(|(a, b)| a.or(&b));
        merged = join(&merged, &present);
    }
    Ok(vec![merged])
}

/// A mask of steps as one of elements.
fn spread(mask: &Value, x: &Value) -> Value {
    mask.expand_dims(-1).broadcast_to(x.shape())
}

/// What any input has is there, if all inputs are masked; no mask otherwise.
fn any_mask(cx: &Call) -> Vec<Option<Value>> {
    let masks: Option<Vec<&Value>> = cx.masks().iter().map(Option::as_ref).collect();
    let joined = masks.and_then(|masks| masks.into_iter().cloned().reduce(|a, b| a.or(&b)));
    vec![joined]
}
