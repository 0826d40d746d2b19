//! Positions: picking by them, finding them.
use super::operation::{Rule, many};
use super::{Arg, Operand};
use cornu_graph::{DType, Value};
use serde::Serialize;

ops! {
    "keras.src.ops.numpy";
    /// The slices at these positions along the axis. One that does not exist gives NaN, of integers the lowest.
    Take take(x, indices) { axis: i64 } => x.take(indices, *axis);
    /// The elements at these positions along the axis, for each place along the others.
    TakeAlongAxis take_along_axis(x, indices) { axis: i64 } => x.take_along_axis(indices, *axis);
    /// The elements in rising order along the axis.
    Sort sort(x) { axis: i64 } => x.sort(*axis);
    /// The positions that would sort the axis, int32.
    Argsort argsort(x) { axis: i64 } => x.argsort(*axis).cast(DType::I32);
    /// Position of the largest along the axis, the first of equals, int32; of all elements in a row when the axis is `None`.
    Argmax argmax(x) { axis: Axis, keepdims: bool } => position(x, *axis, *keepdims, Value::argmax);
    /// Position of the smallest along the axis, the first of equals, int32; of all elements in a row when the axis is `None`.
    Argmin argmin(x) { axis: Axis, keepdims: bool } => position(x, *axis, *keepdims, Value::argmin);
}

/// One axis, or all in a row.
type Axis = Option<i64>;

fn position(x: &Value, axis: Axis, keepdims: bool, find: fn(&Value, i64) -> Value) -> Value {
    match axis {
        Some(axis) if keepdims => find(x, axis).expand_dims(axis),
        Some(axis) => find(x, axis),
        None => {
            let found = find(&x.reshape(&[x.spec().len()]), 0);
            if keepdims { found.reshape(&vec![1; x.rank()]) } else { found }
        }
    }
}

#[derive(Debug, Serialize)]
struct TopK {
    k: usize,
    sorted: bool,
}

impl Rule for TopK {
    fn class_name(&self) -> &'static str {
        "TopK"
    }

    fn module(&self) -> &'static str {
        "keras.src.ops.math"
    }

    fn config(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }

    fn call(&self, tensors: &[Value]) -> Vec<Value> {
        let [x] = tensors else { return vec![] };
        let (values, positions) = x.top_k(self.k);
        vec![values, positions]
    }
}

/// The `k` largest along the last axis, the largest first, and their positions, int32.
#[track_caller]
pub fn top_k<X: Operand>(x: impl Into<Arg<X>>, k: usize) -> X::Outputs {
    many(TopK { k, sorted: true }, vec![x.into()])
}
