//! NumPy's `x[key]` with numbers, slices, new axes and an ellipsis.
use super::operation::{Rule, one};
use super::{Arg, Operand};
use crate::object::excerpt;
use cornu_graph::{Error, Result, Value};
use serde_json::Value as Json;

/// One entry of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Index {
    /// One place; the axis goes.
    At(i64),
    /// `start:stop:step`; `None` as in Python.
    Slice(Option<i64>, Option<i64>, Option<i64>),
    /// An axis of size 1.
    NewAxis,
    /// All axes that the others leave.
    Ellipsis,
}

impl From<i64> for Index {
    fn from(at: i64) -> Index {
        Index::At(at)
    }
}

impl From<std::ops::Range<i64>> for Index {
    fn from(range: std::ops::Range<i64>) -> Index {
        Index::Slice(Some(range.start), Some(range.end), None)
    }
}

impl From<std::ops::RangeFull> for Index {
    fn from(_: std::ops::RangeFull) -> Index {
        Index::Slice(None, None, None)
    }
}

/// The op.
#[derive(Debug)]
pub(super) struct GetItem {
    key: Vec<Index>,
}

impl GetItem {
    /// From the key as Keras saves it.
    pub fn from_saved(key: &Json) -> Result<GetItem> {
        let key = match key {
            Json::Array(items) => items.iter().map(index).collect::<Result<_>>()?,
            one => vec![index(one)?],
        };
        Ok(GetItem { key })
    }
}

fn index(saved: &Json) -> Result<Index> {
    let bad =
        || Error::Format { what: "op GetItem".into(), message: format!("no index: {}", excerpt(saved)) };
    let whole = |v: &Json| if v.is_null() { Ok(None) } else { v.as_i64().map(Some).ok_or_else(bad) };
    match (saved, saved["class_name"].as_str()) {
        (Json::Null, _) => Ok(Index::NewAxis),
        (Json::Number(n), _) => n.as_i64().map(Index::At).ok_or_else(bad),
        (_, Some("__slice__")) => {
            let config = &saved["config"];
            Ok(Index::Slice(whole(&config["start"])?, whole(&config["stop"])?, whole(&config["step"])?))
        }
        (_, Some("__ellipsis__")) => Ok(Index::Ellipsis),
        _ => Err(bad()),
    }
}

fn saved_index(index: &Index) -> Json {
    match *index {
        Index::At(at) => at.into(),
        Index::NewAxis => Json::Null,
        Index::Ellipsis => serde_json::json!({"class_name": "__ellipsis__", "config": {}}),
        Index::Slice(start, stop, step) => {
            let config = serde_json::json!({"start": start, "stop": stop, "step": step});
            serde_json::json!({"class_name": "__slice__", "config": config})
        }
    }
}

impl Rule for GetItem {
    fn class_name(&self) -> &'static str {
        "GetItem"
    }

    fn module(&self) -> &'static str {
        "keras.src.ops.numpy"
    }

    fn config(&self) -> serde_json::Result<Json> {
        Ok(serde_json::json!({}))
    }

    fn further_arguments(&self) -> (Vec<Json>, serde_json::Map<String, Json>) {
        let key: Json = self.key.iter().map(saved_index).collect();
        (vec![key], serde_json::Map::new())
    }

    fn call(&self, tensors: &[Value]) -> Vec<Value> {
        let [x] = tensors else { return vec![] };
        vec![item(x, &self.key).unwrap_or_else(|e| x.fail(e))]
    }
}

/// NumPy's `x[key]`. Keras's `get_item`.
#[track_caller]
pub fn get_item<X: Operand, I: Into<Index>>(
    x: impl Into<Arg<X>>,
    key: impl IntoIterator<Item = I>,
) -> X::Output {
    one(GetItem { key: key.into_iter().map(Into::into).collect() }, false, vec![x.into()])
}

fn item(x: &Value, key: &[Index]) -> Result<Value> {
    let used = key.iter().filter(|i| matches!(i, Index::At(_) | Index::Slice(..))).count();
    let free = x.rank().checked_sub(used);
    let free = free.ok_or_else(|| Error::op("get_item", format!("{used} indices for {} axes", x.rank())))?;
    let (mut y, mut axis) = (x.clone(), 0i64);
    for entry in key {
        match *entry {
            Index::Ellipsis => axis += free as i64,
            Index::NewAxis => {
                y = y.expand_dims(axis);
                axis += 1;
            }
            Index::At(at) => {
                let size = y.dim(axis) as i64;
                let place = if at < 0 { at + size } else { at };
                if !(0..size).contains(&place) {
                    return Err(Error::op(
                        "get_item",
                        format!("index {at} is beyond an axis of size {size}"),
                    ));
                }
                y = y.index_axis(axis, place as usize);
            }
            Index::Slice(start, stop, step) => {
                y = sliced(&y, axis, start, stop, step.unwrap_or(1))?;
                axis += 1;
            }
        }
    }
    Ok(y)
}

/// Python's `start:stop:step` of one axis.
fn sliced(x: &Value, axis: i64, start: Option<i64>, stop: Option<i64>, step: i64) -> Result<Value> {
    if step == 0 {
        return Err(Error::op("get_item", "the step of a slice must not be 0"));
    }
    let size = x.dim(axis) as i64;
    if step < 0 {
        // The same places, counted from the end.
        let turn = |at: Option<i64>| {
            at.map(|at| at.clamp(-size - 1, size)).map(|at| size - 1 - if at < 0 { at + size } else { at })
        };
        let turn = |at: Option<i64>| turn(at).map(|at| at.clamp(0, size));
        let step = step.checked_neg().unwrap_or(i64::MAX);
        return sliced(&x.flip([axis]), axis, turn(start), turn(stop), step);
    }
    let place = |at: Option<i64>, default: i64| {
        at.map_or(default, |at| if at < 0 { at + size } else { at }).clamp(0, size)
    };
    let (from, to) = (place(start, 0), place(stop, size));
    let (mut low, mut high, mut by) = (vec![0; x.rank()], x.shape().to_vec(), vec![1; x.rank()]);
    let axis = axis as usize;
    (low[axis], high[axis], by[axis]) = (from as usize, to.max(from) as usize, step as usize);
    Ok(x.slice_strided(&low, &high, &by))
}
