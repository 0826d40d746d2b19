//! A number or an array as an argument.
use crate::object::number::{of_word, to_json};
use cornu_graph::{DType, Error, Result, Tensor};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// One number, or an array of them that broadcasts against the data. Saved as nested lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Numbers {
    /// A tensor of these numbers.
    pub(crate) fn tensor(&self, dtype: DType) -> Result<Tensor> {
        Tensor::from_f64(self.shape.clone(), dtype, &self.values)
    }

    /// How many there are along each axis.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn read(json: &Json) -> Option<Numbers> {
        if let Some(x) = json.as_f64().or_else(|| of_word(json.as_str()?)) {
            return Some(x.into());
        }
        // NumPy arrays are saved in an envelope.
        if let Some(array) = json.get("config").and_then(|c| c.get("value")) {
            return Numbers::read(array);
        }
        let rows = json.as_array()?.iter().map(Numbers::read).collect::<Option<Vec<_>>>()?;
        let inner = rows.first().map_or(vec![], |row| row.shape.clone());
        if rows.iter().any(|row| row.shape != inner) {
            return None;
        }
        let shape = [&[rows.len()], &inner[..]].concat();
        Some(Numbers { shape, values: rows.into_iter().flat_map(|row| row.values).collect() })
    }
}

impl From<f64> for Numbers {
    fn from(x: f64) -> Numbers {
        Numbers { shape: vec![], values: vec![x] }
    }
}

impl From<Vec<f64>> for Numbers {
    fn from(values: Vec<f64>) -> Numbers {
        Numbers { shape: vec![values.len()], values }
    }
}

impl<const N: usize> From<[f64; N]> for Numbers {
    fn from(values: [f64; N]) -> Numbers {
        values.to_vec().into()
    }
}

impl From<&Tensor> for Numbers {
    fn from(tensor: &Tensor) -> Numbers {
        Numbers { shape: tensor.shape().to_vec(), values: tensor.to_f64() }
    }
}

/// Nested lists of these numbers.
fn nested(shape: &[usize], values: &[f64]) -> Json {
    match shape.split_first() {
        None => values.first().map_or(Json::Null, |&x| to_json(x)),
        Some((_, inner)) => {
            let size = inner.iter().product::<usize>().max(1);
            values.chunks(size).map(|row| nested(inner, row)).collect()
        }
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        nested(&self.shape, &self.values).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        let wrong = || Error::Data(format!("expected a number or an array, got {json}"));
        Numbers::read(&json).ok_or_else(wrong).map_err(D::Error::custom)
    }
}
