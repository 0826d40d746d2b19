//! What weights must be like; applied after each update.
mod max_norm;
mod min_max_norm;
mod non_neg;
mod unit_norm;

pub use max_norm::MaxNorm;
pub use min_max_norm::MinMaxNorm;
pub use non_neg::NonNeg;
pub use unit_norm::UnitNorm;

use crate::object::{Saved, family};
use cornu_graph::{Error, Result, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fmt;

/// What a constraint computes.
pub trait Constrain: Saved + fmt::Debug + Send + Sync {
    /// The weight `w` made to hold the constraint, in its shape and dtype.
    ///
    /// # Errors
    /// When an argument makes no sense, or `w` does not fit.
    fn constrain(&self, w: &Value) -> Result<Value>;
}

family! {
    /// What a weight must be like, by name (`"non_neg"`), as an object, or as a function.
    Constraint("constraint"): Constrain {
        MaxNorm = "max_norm",
        MinMaxNorm = "min_max_norm",
        NonNeg = "non_neg",
        UnitNorm = "unit_norm",
    }
}

impl Constraint {
    /// A constraint computed by a function. It is saved by its name alone.
    pub fn function(
        name: impl Into<String>,
        function: impl Fn(&Value) -> Result<Value> + Send + Sync + 'static,
    ) -> Constraint {
        Constraint::custom(Function { name: name.into(), function })
    }

    /// The weight made to hold the constraint.
    ///
    /// # Errors
    /// When the name is unknown, an argument makes no sense, or `w` does not fit.
    #[track_caller]
    pub fn call(&self, w: &Value) -> Result<Value> {
        let y = self.get()?.constrain(w)?;
        w.builder().check()?;
        if y.shape() != w.shape() {
            let message = format!("must keep the shape {:?}, got {:?}", w.shape(), y.shape());
            return Err(Error::argument("constraint", message));
        }
        Ok(y)
    }
}

struct Function<F> {
    name: String,
    function: F,
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.name)
    }
}

impl<F: Fn(&Value) -> Result<Value> + Send + Sync> Constrain for Function<F> {
    fn constrain(&self, w: &Value) -> Result<Value> {
        (self.function)(w)
    }
}

impl<F> Saved for Function<F> {
    fn saved(&self) -> Result<Json> {
        Ok(Json::from(self.name.as_str()))
    }
}

/// One axis or several, counted from the end when negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them")]
pub enum Axes {
    /// One axis.
    One(i64),
    /// Several.
    Many(Vec<i64>),
}

impl Axes {
    /// The axes in a list.
    pub fn as_slice(&self) -> &[i64] {
        match self {
            Axes::One(axis) => std::slice::from_ref(axis),
            Axes::Many(axes) => axes,
        }
    }
}

impl From<i64> for Axes {
    fn from(axis: i64) -> Axes {
        Axes::One(axis)
    }
}

// Unsuffixed literals.
impl From<i32> for Axes {
    fn from(axis: i32) -> Axes {
        Axes::One(axis.into())
    }
}

impl From<Vec<i64>> for Axes {
    fn from(axes: Vec<i64>) -> Axes {
        Axes::Many(axes)
    }
}

impl<const N: usize> From<[i64; N]> for Axes {
    fn from(axes: [i64; N]) -> Axes {
        Axes::Many(axes.to_vec())
    }
}

/// Keras's `epsilon()`: keeps norms of 0 from dividing.
const EPSILON: f64 = 1e-7;

/// Euclidean norms over `axes`, which stay with size 1.
fn norms(w: &Value, axes: &Axes) -> Value {
    w.square().sum_keepdims(axes.as_slice()).sqrt()
}

#[cfg(test)]
mod tests;
