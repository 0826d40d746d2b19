//! Keras's rules for the dtypes of results.
use cornu_graph::{DType, Result, Value, broadcast_shapes};

/// Integers and bools as float32; floats as they are.
pub(crate) fn float(x: &Value) -> Value {
    if x.dtype().is_float() { x.clone() } else { x.cast(DType::F32) }
}

/// What `f` makes of bools as bytes, as bools again: the largest of some is one of them. Numbers stay what they are.
pub(crate) fn by_bytes(x: &Value, f: impl FnOnce(&Value) -> Result<Value>) -> Result<Value> {
    if x.dtype() == DType::Bool { Ok(f(&x.cast(DType::U8))?.cast(DType::Bool)) } else { f(x) }
}

/// Both in the dtype in which they meet, float32 where that is an integer.
pub(super) fn floats(x1: &Value, x2: &Value) -> [Value; 2] {
    let dtype = DType::promote(x1.dtype(), x2.dtype());
    let dtype = if dtype.is_float() { dtype } else { DType::F32 };
    [x1.cast(dtype), x2.cast(dtype)]
}

/// Bools as int32, and small integers as integers of 32 bits: what sums are made of.
pub(super) fn summable(x: &Value) -> Value {
    match x.dtype() {
        DType::Bool | DType::I8 | DType::I16 => x.cast(DType::I32),
        DType::U8 | DType::U16 => x.cast(DType::U32),
        _ => x.clone(),
    }
}

/// Bools as int32, other numbers as they are.
pub(super) fn countable(x: &Value) -> Value {
    if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x.clone() }
}

/// Two bools as int32; a bool beside a number becomes one of its kind.
pub(super) fn counted(x1: &Value, x2: &Value) -> [Value; 2] {
    match (x1.dtype(), x2.dtype()) {
        (DType::Bool, DType::Bool) => [x1.cast(DType::I32), x2.cast(DType::I32)],
        _ => [x1.clone(), x2.clone()],
    }
}

/// Numbers as bools: whether they are not 0.
pub(super) fn truth(x: &Value) -> Value {
    if x.dtype() == DType::Bool { x.clone() } else { x.not_equal(&x.scalar(0.0)) }
}

/// Picks from two values that are broadcast and promoted together with the condition.
pub(super) fn choose(condition: &Value, a: &Value, b: &Value) -> Value {
    let dtype = DType::promote(a.dtype(), b.dtype());
    let shape = broadcast_shapes(a.shape(), b.shape()).and_then(|s| broadcast_shapes(&s, condition.shape()));
    match shape {
        Ok(shape) => {
            let spread = |v: &Value| v.cast(dtype).broadcast_to(&shape);
            condition.broadcast_to(&shape).select(&spread(a), &spread(b))
        }
        Err(e) => condition.fail(e),
    }
}
