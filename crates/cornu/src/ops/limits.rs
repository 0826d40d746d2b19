//! Ends of ranges as arguments of ops.
use super::Number;
use cornu_graph::{DType, Error, Tensor};
use serde::{Deserialize, Serialize};

/// An end of a range: a number, numbers in lists that are broadcast, or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, lists of numbers, or null")]
pub enum Limits {
    /// One number.
    Number(Number),
    /// A vector of numbers, or a list of such lists.
    Numbers(Vec<Limits>),
    /// No end.
    None,
}

impl Limits {
    /// As a tensor of `dtype`; a scalar `without` where there is no end.
    pub(crate) fn tensor(&self, dtype: DType, without: f64) -> Result<Tensor, Error> {
        fn gather(limits: &Limits, without: f64, found: &mut Vec<f64>) -> Option<Vec<usize>> {
            match limits {
                Limits::Number(n) => found.push(n.to_f64()),
                Limits::None => found.push(without),
                Limits::Numbers(items) => {
                    let mut shapes = items.iter().map(|item| gather(item, without, found));
                    let first = shapes.next()??;
                    let same = shapes.all(|shape| shape.as_ref() == Some(&first));
                    return same.then(|| [vec![items.len()], first].concat());
                }
            }
            Some(vec![])
        }
        let mut numbers = vec![];
        let ragged =
            || Error::Data("a limit is a number, or lists of numbers that are of the same length".into());
        let shape = gather(self, without, &mut numbers).ok_or_else(ragged)?;
        // An integer has no digits after the point.
        let numbers = numbers.into_iter().map(|n| if dtype.is_float() { n } else { n.trunc() });
        Ok(Tensor::new(shape, numbers.collect::<Vec<f64>>())?.cast(dtype))
    }
}

macro_rules! limits {
    ($($t:ty)*) => { $(
        impl From<$t> for Limits {
            fn from(n: $t) -> Limits {
                Limits::Number(n.into())
            }
        }

        impl<const N: usize> From<[$t; N]> for Limits {
            fn from(numbers: [$t; N]) -> Limits {
                Limits::Numbers(numbers.map(Limits::from).to_vec())
            }
        }
    )* };
}
limits!(f64 i32 i64 Number);

impl From<Option<Number>> for Limits {
    fn from(n: Option<Number>) -> Limits {
        n.map_or(Limits::None, Limits::Number)
    }
}
