//! What ops are given: tensors or numbers, axes, sizes.
use crate::ops::Operand;
use cornu_graph::{DType, Error, Tensor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number in place of a tensor. It takes the dtype of the tensors beside it, as in Keras.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number")]
pub enum Number {
    /// Truth.
    Bool(bool),
    /// Leaves integers integers.
    Int(i64),
    /// Makes integers floats.
    Float(f64),
}

impl Number {
    /// As a float.
    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Number::Bool(b) => f64::from(u8::from(b)),
            Number::Int(n) => n as f64,
            Number::Float(x) => x,
        }
    }

    /// A scalar beside tensors that meet in `dtype`.
    pub(crate) fn beside(self, dtype: DType) -> Tensor {
        match self {
            Number::Bool(b) => Tensor::scalar(b),
            Number::Float(x) if dtype.is_float() => Tensor::full([], dtype, x),
            Number::Float(x) => Tensor::full([], DType::F32, x),
            Number::Int(n) => {
                let scalar = Tensor::scalar(n);
                let fits = |d: DType| scalar.cast(d).cast(DType::I64) == scalar;
                // An integer is exact until it meets a float; one that does not fit widens the result.
                let wanted = if dtype.is_int() { dtype } else { DType::I32 };
                if fits(wanted) { scalar.cast(wanted) } else { scalar }
            }
        }
    }
}

impl From<f64> for Number {
    fn from(x: f64) -> Number {
        Number::Float(x)
    }
}

impl From<i32> for Number {
    fn from(n: i32) -> Number {
        Number::Int(n.into())
    }
}

impl From<i64> for Number {
    fn from(n: i64) -> Number {
        Number::Int(n)
    }
}

/// An argument of an op: a tensor, or numbers in its place.
#[derive(Clone, Debug)]
pub enum Arg<X> {
    /// A tensor.
    Tensor(X),
    /// A number.
    Number(Number),
    /// A vector of numbers.
    Numbers(Vec<Number>),
    /// A tensor of the host that does not change; see [`constant`].
    Constant(Tensor),
}

/// A tensor of the host as an argument beside other kinds of tensor.
#[derive(Clone, Debug)]
pub struct Constant(Tensor);

/// A tensor of the host as an argument of an op on symbolic tensors or values of a graph, where it is a constant.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([3]).tensor();
/// let y = ops::add(&x, ops::constant(ops::arange(3, None, None, None)?));
/// assert_eq!(y.shape().to_string(), "(None, 3)");
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn constant(tensor: impl Into<Tensor>) -> Constant {
    Constant(tensor.into())
}

impl<X> From<Constant> for Arg<X> {
    fn from(constant: Constant) -> Arg<X> {
        Arg::Constant(constant.0)
    }
}

impl<X: Operand> From<&X> for Arg<X> {
    fn from(x: &X) -> Arg<X> {
        Arg::Tensor(x.clone())
    }
}

impl<X: Operand> From<X> for Arg<X> {
    fn from(x: X) -> Arg<X> {
        Arg::Tensor(x)
    }
}

macro_rules! from_numbers {
    ($($t:ty)*) => { $(
        impl<X> From<$t> for Arg<X> {
            fn from(x: $t) -> Arg<X> {
                Arg::Number(x.into())
            }
        }
    )* };
}
from_numbers!(f64 i32 i64);

impl<X, T: Into<Number>, const N: usize> From<[T; N]> for Arg<X> {
    fn from(numbers: [T; N]) -> Arg<X> {
        Arg::Numbers(numbers.into_iter().map(Into::into).collect())
    }
}

/// One number for all spatial axes, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or one for each spatial axis")]
pub enum PerAxis {
    /// The same for all.
    Same(usize),
    /// One for each.
    Each(Vec<usize>),
}

impl PerAxis {
    /// One for each of so many axes.
    pub(crate) fn of(&self, axes: usize, what: &str) -> Result<Vec<usize>, Error> {
        match self {
            PerAxis::Same(n) => Ok(vec![*n; axes]),
            PerAxis::Each(each) if each.len() == axes => Ok(each.clone()),
            PerAxis::Each(each) => {
                Err(Error::argument(what, format!("needs a number for each of {axes} axes, got {each:?}")))
            }
        }
    }

    /// [`PerAxis::of`], all at least 1.
    pub(crate) fn positive(&self, axes: usize, what: &str) -> Result<Vec<usize>, Error> {
        let sizes = self.of(axes, what)?;
        if sizes.contains(&0) {
            return Err(Error::argument(what, format!("must be positive, got {sizes:?}")));
        }
        Ok(sizes)
    }
}

impl From<usize> for PerAxis {
    fn from(n: usize) -> PerAxis {
        PerAxis::Same(n)
    }
}

impl<const N: usize> From<[usize; N]> for PerAxis {
    fn from(each: [usize; N]) -> PerAxis {
        PerAxis::Each(each.to_vec())
    }
}

impl From<(usize, usize)> for PerAxis {
    fn from((a, b): (usize, usize)) -> PerAxis {
        PerAxis::Each(vec![a, b])
    }
}

/// [`PerAxis`], or what Keras does without.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaybePerAxis(pub Option<PerAxis>);

impl<T: Into<PerAxis>> From<T> for MaybePerAxis {
    fn from(each: T) -> MaybePerAxis {
        MaybePerAxis(Some(each.into()))
    }
}

impl From<Option<usize>> for MaybePerAxis {
    fn from(each: Option<usize>) -> MaybePerAxis {
        MaybePerAxis(each.map(PerAxis::Same))
    }
}

/// A number, or none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaybeNumber(pub Option<Number>);

impl<T: Into<Number>> From<T> for MaybeNumber {
    fn from(n: T) -> MaybeNumber {
        MaybeNumber(Some(n.into()))
    }
}

impl From<Option<Number>> for MaybeNumber {
    fn from(n: Option<Number>) -> MaybeNumber {
        MaybeNumber(n)
    }
}

/// Axes to work over: one, several, or all (`None`). Negative ones count from the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, a list of them, or null")]
pub enum Axes {
    /// One axis.
    One(i64),
    /// Several axes.
    Several(Vec<i64>),
    /// All axes.
    All(()),
}

impl Axes {
    /// The axes as numbers for a tensor of this many.
    pub(crate) fn of(&self, rank: usize) -> Vec<i64> {
        match self {
            Axes::One(axis) => vec![*axis],
            Axes::Several(axes) => axes.clone(),
            Axes::All(()) => (0..rank as i64).collect(),
        }
    }
}

impl From<i64> for Axes {
    fn from(axis: i64) -> Axes {
        Axes::One(axis)
    }
}

impl From<i32> for Axes {
    fn from(axis: i32) -> Axes {
        Axes::One(axis.into())
    }
}

impl<const N: usize> From<[i64; N]> for Axes {
    fn from(axes: [i64; N]) -> Axes {
        Axes::Several(axes.to_vec())
    }
}

impl From<Vec<i64>> for Axes {
    fn from(axes: Vec<i64>) -> Axes {
        Axes::Several(axes)
    }
}

impl From<Option<i64>> for Axes {
    fn from(axis: Option<i64>) -> Axes {
        axis.map_or(Axes::All(()), Axes::One)
    }
}

/// Sizes of axes, or axes in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Sizes(pub Vec<i64>);

impl<const N: usize> From<[i64; N]> for Sizes {
    fn from(sizes: [i64; N]) -> Sizes {
        Sizes(sizes.to_vec())
    }
}

impl From<Vec<i64>> for Sizes {
    fn from(sizes: Vec<i64>) -> Sizes {
        Sizes(sizes)
    }
}

impl From<&[i64]> for Sizes {
    fn from(sizes: &[i64]) -> Sizes {
        Sizes(sizes.to_vec())
    }
}

/// One number or a list of them.
impl<'de> Deserialize<'de> for Sizes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a whole number, or a list of them")]
        enum Saved {
            One(i64),
            Several(Vec<Option<i64>>),
        }
        let sizes = match Saved::deserialize(deserializer)? {
            Saved::One(size) => vec![Some(size)],
            Saved::Several(sizes) => sizes,
        };
        let known = sizes.into_iter().collect::<Option<_>>().map(Sizes);
        known.ok_or_else(|| {
            serde::de::Error::custom("a size was not known when the model was made; one may be -1")
        })
    }
}

/// How to cut an axis: into this many equal parts, or before these positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number of parts, or a list of places")]
pub enum Sections {
    /// Equal parts.
    Equal(usize),
    /// Before these positions.
    At(Vec<i64>),
}

impl From<usize> for Sections {
    fn from(sections: usize) -> Sections {
        Sections::Equal(sections)
    }
}

impl<const N: usize> From<[i64; N]> for Sections {
    fn from(positions: [i64; N]) -> Sections {
        Sections::At(positions.to_vec())
    }
}

/// A dtype, saved by its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DTypeName(pub DType);

impl From<DType> for DTypeName {
    fn from(dtype: DType) -> DTypeName {
        DTypeName(dtype)
    }
}

impl Serialize for DTypeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for DTypeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map(DTypeName).map_err(serde::de::Error::custom)
    }
}

/// A dtype, or that of the tensor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct MaybeDType(pub Option<DTypeName>);

impl MaybeDType {
    /// The dtype given, or another.
    pub fn or(self, other: DType) -> DType {
        self.0.map_or(other, |d| d.0)
    }
}

impl From<Option<DType>> for MaybeDType {
    fn from(dtype: Option<DType>) -> MaybeDType {
        MaybeDType(dtype.map(DTypeName))
    }
}

/// A word or formula.
pub(crate) type Text = String;
