//! What an op is called on: tensors, and what stands in their place.
use super::{Arg, Number, Operand};
use crate::models::config::TENSOR;
use crate::object::{excerpt, number};
use cornu_graph::{DType, Error, Result, Tensor, Value};
use serde_json::{Value as Json, json};

/// One argument of a call.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    /// The tensor with this number among those of the call.
    Tensor(usize),
    /// Nothing, where an argument can be left out.
    Absent,
    /// A number.
    Number(Number),
    /// A tensor of the host.
    Constant(Tensor),
    /// Several; numbers alone are a vector.
    List(Vec<Slot>),
}

/// The arguments of a call in code.
#[derive(Debug)]
pub(crate) struct Arguments<X> {
    pub slots: Vec<Slot>,
    pub tensors: Vec<X>,
}

impl<X: Operand> Arguments<X> {
    pub fn new() -> Arguments<X> {
        Arguments { slots: vec![], tensors: vec![] }
    }

    /// With one more argument.
    pub fn and(mut self, argument: Arg<X>) -> Arguments<X> {
        let slot = self.slot(argument);
        self.slots.push(slot);
        self
    }

    /// With one that may be missing.
    pub fn maybe(mut self, argument: Option<&X>) -> Arguments<X> {
        let slot = argument.map_or(Slot::Absent, |x| self.slot(x.into()));
        self.slots.push(slot);
        self
    }

    /// With one that Keras's `call` does not know, if it is given.
    pub fn extra(self, argument: Option<&X>) -> Arguments<X> {
        match argument {
            Some(_) => self.maybe(argument),
            None => self,
        }
    }

    /// With a list.
    pub fn list(mut self, arguments: impl IntoIterator<Item = Arg<X>>) -> Arguments<X> {
        let slots = arguments.into_iter().map(|argument| self.slot(argument)).collect();
        self.slots.push(Slot::List(slots));
        self
    }

    fn slot(&mut self, argument: Arg<X>) -> Slot {
        match argument {
            Arg::Number(number) => Slot::Number(number),
            Arg::Constant(tensor) => Slot::Constant(tensor),
            Arg::Numbers(numbers) => Slot::List(numbers.into_iter().map(Slot::Number).collect()),
            Arg::Tensor(x) => {
                self.tensors.push(x);
                Slot::Tensor(self.tensors.len() - 1)
            }
        }
    }
}

impl Slot {
    /// An argument of a saved call, with numbers in place of tensors.
    pub fn from_saved(class: &str, value: &Json) -> Result<Slot> {
        let bad = || {
            let message = format!("takes tensors and numbers, got {}", excerpt(value));
            Error::Format { what: format!("op {class}"), message }
        };
        match value {
            Json::Null => Ok(Slot::Absent),
            Json::Array(items) => {
                items.iter().map(|item| Slot::from_saved(class, item)).collect::<Result<_>>().map(Slot::List)
            }
            Json::Object(map) => {
                if let Some(at) = map.get(TENSOR).and_then(Json::as_u64) {
                    return Ok(Slot::Tensor(at as usize));
                }
                match map.get("class_name").and_then(Json::as_str) {
                    Some("__numpy__" | "__tensor__") => {
                        map.get("config").and_then(array).map(Slot::Constant).ok_or_else(bad)
                    }
                    Some("__tuple__") => Slot::from_saved(class, map.get("items").unwrap_or(&Json::Null)),
                    _ => Err(bad()),
                }
            }
            number => number::from_value(number.clone()).map(Slot::Number).map_err(|_| bad()),
        }
    }

    /// As Keras saves it, with these saved tensors in their places.
    pub fn saved(&self, tensors: &[Json]) -> Json {
        match self {
            Slot::Tensor(at) => tensors.get(*at).cloned().unwrap_or_default(),
            Slot::Absent => Json::Null,
            Slot::Number(Number::Float(x)) => number::to_json(*x),
            Slot::Number(number) => json!(number),
            Slot::List(slots) => slots.iter().map(|slot| slot.saved(tensors)).collect(),
            Slot::Constant(tensor) => {
                let config = json!({"value": nested(tensor), "dtype": tensor.dtype().name()});
                json!({"class_name": "__numpy__", "config": config})
            }
        }
    }

    /// Appends what it stands for: values of a graph or tensors, `None` for nothing.
    pub fn place<T: Clone>(
        &self,
        tensors: &[T],
        dtype: DType,
        constant: &impl Fn(Tensor) -> T,
        found: &mut Vec<Option<T>>,
    ) {
        match self {
            Slot::Tensor(at) => found.push(tensors.get(*at).cloned()),
            Slot::Absent => found.push(None),
            Slot::Number(number) => found.push(Some(constant(number.beside(dtype)))),
            Slot::Constant(tensor) => found.push(Some(constant(tensor.clone()))),
            Slot::List(slots) => match vector(slots).or_else(|| table(slots)) {
                Some(vector) => found.push(Some(constant(vector))),
                None => slots.iter().for_each(|slot| slot.place(tensors, dtype, constant, found)),
            },
        }
    }
}

/// The values that are there; those of an op whose arguments cannot be left out.
pub(super) fn present(given: &[Option<Value>]) -> Vec<Value> {
    given.iter().flatten().cloned().collect()
}

/// Numbers alone as a vector.
fn vector(slots: &[Slot]) -> Option<Tensor> {
    let number = |slot: &Slot| if let Slot::Number(number) = slot { Some(*number) } else { None };
    let numbers = slots.iter().map(number).collect::<Option<Vec<Number>>>()?;
    let whole = |number: &Number| if let Number::Int(n) = number { i32::try_from(*n).ok() } else { None };
    Some(match numbers.iter().map(whole).collect::<Option<Vec<i32>>>() {
        _ if numbers.is_empty() => return None,
        Some(whole) => Tensor::from(whole),
        None => Tensor::from(numbers.iter().map(|n| n.to_f64() as f32).collect::<Vec<f32>>()),
    })
}

/// Lists of numbers of one length as an array.
fn table(slots: &[Slot]) -> Option<Tensor> {
    let row = |slot: &Slot| match slot {
        Slot::List(slots) => vector(slots).or_else(|| table(slots)),
        _ => None,
    };
    let rows = slots.iter().map(row).collect::<Option<Vec<Tensor>>>()?;
    let first = rows.first()?;
    if rows.iter().any(|row| row.shape() != first.shape()) {
        return None;
    }
    let dtype = rows.iter().map(Tensor::dtype).reduce(DType::promote)?;
    let shape = [&[rows.len()], first.shape()].concat();
    let values: Vec<f64> = rows.iter().flat_map(|row| row.to_f64()).collect();
    Tensor::from_f64(shape, dtype, &values).ok()
}

/// A saved array. One of 64 bits becomes one of 32, as Keras computes with it.
fn array(config: &Json) -> Option<Tensor> {
    let (mut shape, mut values) = (vec![], vec![]);
    let mut level = &config["value"];
    while let Json::Array(items) = level {
        shape.push(items.len());
        level = items.first().unwrap_or(&Json::Null);
    }
    flatten(&config["value"], &mut values)?;
    let dtype = match config["dtype"].as_str()?.parse().ok()? {
        DType::F64 => DType::F32,
        DType::I64 => DType::I32,
        DType::U64 => DType::U32,
        other => other,
    };
    Tensor::from_f64(shape, dtype, &values).ok()
}

fn flatten(value: &Json, values: &mut Vec<f64>) -> Option<()> {
    match value {
        Json::Array(items) => items.iter().try_for_each(|item| flatten(item, values)),
        Json::Bool(b) => {
            values.push(f64::from(u8::from(*b)));
            Some(())
        }
        number => {
            values.push(number.as_f64()?);
            Some(())
        }
    }
}

/// The values as nested lists.
fn nested(tensor: &Tensor) -> Json {
    fn level(shape: &[usize], values: &[Json]) -> Json {
        match shape {
            [] => values.first().cloned().unwrap_or_default(),
            [size, inner @ ..] => {
                let step: usize = inner.iter().product();
                (0..*size).map(|i| level(inner, &values[i * step..(i + 1) * step])).collect()
            }
        }
    }
    let dtype = tensor.dtype();
    let value = |&x: &f64| match dtype {
        DType::Bool => json!(x != 0.0),
        d if d.is_float() => json!(x),
        _ => json!(x as i64),
    };
    level(tensor.shape(), &tensor.to_f64().iter().map(value).collect::<Vec<_>>())
}
