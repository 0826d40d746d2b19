//! Penalties on weights or outputs that are added to the loss.
mod l1;
mod l1_l2;
mod l2;
mod orthogonal;

pub use l1::L1;
pub use l1_l2::L1L2;
pub use l2::L2;
pub use orthogonal::OrthogonalRegularizer;
pub(crate) use orthogonal::l2_normalize;

use crate::object::{Saved, family};
use cornu_graph::{Error, Result, Value};
use serde_json::Value as Json;
use std::fmt;

/// What a regularizer computes.
pub trait Regularize: Saved + fmt::Debug + Send + Sync {
    /// The penalty on `x`: a scalar of its dtype.
    ///
    /// # Errors
    /// When an argument makes no sense, or `x` does not fit.
    fn regularize(&self, x: &Value) -> Result<Value>;
}

family! {
    /// A penalty on weights or outputs, by name (`"l2"`), as an object, or as a function.
    ///
    /// ```
    /// use cornu::regularizers::{L1, Regularizer};
    /// let by_name = Regularizer::from("l1");
    /// assert_eq!(by_name, L1::new().into());
    /// let log = Regularizer::function("log", |x| Ok(x.abs().log1p().sum(x.all_axes())));
    /// # let _ = log;
    /// ```
    Regularizer("regularizer"): Regularize {
        L1 = "l1",
        L2 = "l2",
        L1L2 = "l1l2" | "l1_l2",
        OrthogonalRegularizer = "orthogonal_regularizer",
    }
}

impl Regularizer {
    /// A penalty computed by a function. It is saved by its name alone.
    pub fn function(
        name: impl Into<String>,
        function: impl Fn(&Value) -> Result<Value> + Send + Sync + 'static,
    ) -> Regularizer {
        Regularizer::custom(Function { name: name.into(), function })
    }

    /// The penalty on `x`: a scalar.
    ///
    /// # Errors
    /// When the name is unknown, an argument makes no sense, or `x` does not fit.
    #[track_caller]
    pub fn call(&self, x: &Value) -> Result<Value> {
        let y = self.get()?.regularize(x)?;
        x.builder().check()?;
        if y.rank() > 0 {
            let message = format!("must be one number, got shape {:?}", y.shape());
            return Err(Error::argument("regularizer", message));
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

impl<F: Fn(&Value) -> Result<Value> + Send + Sync> Regularize for Function<F> {
    fn regularize(&self, x: &Value) -> Result<Value> {
        (self.function)(x)
    }
}

impl<F> Saved for Function<F> {
    fn saved(&self) -> Result<Json> {
        Ok(Json::from(self.name.as_str()))
    }
}

/// Factors must be finite and not negative.
fn check_factor(what: &str, factor: f64) -> Result<()> {
    if factor.is_finite() && factor >= 0.0 {
        return Ok(());
    }
    Err(Error::argument(what, format!("expected a finite number that is not negative, got {factor}")))
}

#[cfg(test)]
mod tests;
