//! Losses: how far predictions are from targets.
mod cross_entropy;
mod reduction;
mod regression;

pub use cross_entropy::{BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy};
pub use reduction::Reduction;
pub use regression::{MeanAbsoluteError, MeanSquaredError};

use crate::object::{Saved, family};
use cornu_graph::{Error, Result, Value};
use serde_json::Value as Json;
use std::fmt;

/// What a loss computes.
pub trait LossRule: Saved + fmt::Debug + Send + Sync {
    /// The loss of each sample (or of each step of each sample), not yet reduced.
    ///
    /// # Errors
    /// When the shapes do not fit, or an argument makes no sense.
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value>;

    /// How the losses of samples become one number.
    fn reduction(&self) -> Reduction {
        Reduction::default()
    }

    /// Name in logs.
    fn name(&self) -> String;
}

family! {
    /// A loss, by name (`"mse"`), as an object, or as a function.
    Loss("loss"): LossRule {
        MeanSquaredError = "mean_squared_error" | "mse" | "MSE",
        MeanAbsoluteError = "mean_absolute_error" | "mae" | "MAE",
        BinaryCrossentropy = "binary_crossentropy" | "bce" | "BCE",
        CategoricalCrossentropy = "categorical_crossentropy",
        SparseCategoricalCrossentropy = "sparse_categorical_crossentropy",
    }
}

/// A loss of user code.
struct Function<F> {
    name: String,
    function: F,
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl<F> Saved for Function<F> {
    fn saved(&self) -> Result<Json> {
        Ok(self.name.as_str().into())
    }
}

impl<F: Fn(&Value, &Value) -> Value + Send + Sync> LossRule for Function<F> {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        Ok((self.function)(y_true, y_pred))
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Loss {
    /// A loss computed by a function of targets and predictions, one number for each sample or element; it is averaged.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let squared = Loss::function("squared", |y_true, y_pred| (y_true - y_pred).square());
    /// # let _ = squared;
    /// ```
    pub fn function(
        name: impl Into<String>,
        function: impl Fn(&Value, &Value) -> Value + Send + Sync + 'static,
    ) -> Loss {
        Loss::custom(Function { name: name.into(), function })
    }

    /// Fails when the name given is none, suggesting the nearest.
    ///
    /// # Errors
    /// The unknown name.
    pub fn check(&self) -> Result<()> {
        self.get().map(|_| ())
    }

    /// The loss of a batch: a number, or one for each sample with `reduction="none"`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn compute(
        &self,
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
        mask: Option<&Value>,
    ) -> Result<Value> {
        let rule = self.get()?;
        let y_true = if y_true.dtype().is_float() { y_true.cast(y_pred.dtype()) } else { y_true.clone() };
        let (y_true, y_pred) = same_rank(&y_true, y_pred);
        let losses = rule.call(&y_true, &y_pred)?;
        y_pred.builder().check()?;
        rule.reduction().reduce(&losses, sample_weight, mask)
    }
}

/// A last axis of size 1 that only one of the two has is taken from it, as Keras does.
pub(crate) fn same_rank(y_true: &Value, y_pred: &Value) -> (Value, Value) {
    let (a, b) = (y_true.rank(), y_pred.rank());
    if a == b + 1 && y_true.dim(-1) == 1 {
        (y_true.squeeze(-1), y_pred.clone())
    } else if b == a + 1 && y_pred.dim(-1) == 1 {
        (y_true.clone(), y_pred.squeeze(-1))
    } else {
        (y_true.clone(), y_pred.clone())
    }
}

/// Fails unless both shapes are one.
fn same_shape(name: &str, y_true: &Value, y_pred: &Value) -> Result<()> {
    if y_true.shape() == y_pred.shape() {
        return Ok(());
    }
    let message = format!("{name}: y_true has shape {:?} and y_pred {:?}", y_true.shape(), y_pred.shape());
    Err(Error::Data(message).help("the targets must have the shape of the output"))
}
