//! Losses: how far predictions are from targets.
//!
//! Keras's names mean the losses of this module, as objects ([`Huber`]) or as functions ([`huber`](fn@huber)) of which the
//! former are made.
mod by_shape;
mod circle;
mod cross_entropy;
mod ctc;
mod declare;
mod divergence;
mod focal;
mod hinge;
mod reduction;
mod regression;
mod segmentation;

pub(crate) use by_shape::Task;
pub use circle::Circle;
pub(crate) use cross_entropy::elementwise;
pub use cross_entropy::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy, binary_crossentropy, categorical_crossentropy,
    sparse_categorical_crossentropy,
};
pub(crate) use ctc::align as ctc_align;
pub use ctc::{CTC, ctc};
pub use divergence::{KLDivergence, Poisson, kl_divergence, poisson};
pub use focal::{
    BinaryFocalCrossentropy, CategoricalFocalCrossentropy, binary_focal_crossentropy,
    categorical_focal_crossentropy,
};
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge};
pub use reduction::Reduction;
pub(crate) use reduction::merge_mask;
pub use regression::{
    CosineSimilarity, Huber, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, cosine_similarity, huber, log_cosh, mean_absolute_error,
    mean_absolute_percentage_error, mean_squared_error, mean_squared_logarithmic_error,
};
pub use segmentation::{Axes, Dice, Tversky};

use crate::object::number::refuse_nan_in;
use crate::object::{Saved, family, function_envelope};
use crate::ops::run;
use crate::utils::numerical::same_rank;
use cornu_graph::{DType, Error, Result, Tensor, Value, broadcast_shapes};
use declare::loss;
use serde_json::Value as Json;
use std::fmt;

/// What a loss computes.
pub trait LossRule: Saved + fmt::Debug + Send + Sync {
    /// The loss of each sample (or of each step of each sample), not yet reduced. Predictions come as
    /// [`LossRule::dtype`], targets too unless they are integers.
    ///
    /// # Errors
    /// When the shapes do not fit, or an argument makes no sense.
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value>;

    /// Which losses count, where the targets say so: bools of the shape of the losses.
    fn mask(&self, y_true: &Value, y_pred: &Value) -> Option<Value> {
        let _ = (y_true, y_pred);
        None
    }

    /// How the losses of samples become one number.
    fn reduction(&self) -> Reduction {
        Reduction::default()
    }

    /// In which dtype to compute; float32 by default.
    ///
    /// # Errors
    /// When there is no such dtype.
    fn dtype(&self) -> Result<DType> {
        Ok(DType::F32)
    }

    /// Name in logs.
    fn name(&self) -> String;
}

family! {
    /// A loss, by name (`"mse"`), as an object, or as a function.
    Loss("loss", by_name, Named): LossRule {
        MeanSquaredError = "mean_squared_error" | "mse" | "MSE",
        MeanAbsoluteError = "mean_absolute_error" | "mae" | "MAE",
        MeanAbsolutePercentageError = "mean_absolute_percentage_error" | "mape" | "MAPE",
        MeanSquaredLogarithmicError = "mean_squared_logarithmic_error" | "msle" | "MSLE",
        Huber = "huber",
        LogCosh = "log_cosh",
        CosineSimilarity = "cosine_similarity",
        Hinge = "hinge",
        SquaredHinge = "squared_hinge",
        CategoricalHinge = "categorical_hinge",
        KLDivergence = "kl_divergence" | "kld" | "KLD",
        Poisson = "poisson",
        BinaryCrossentropy = "binary_crossentropy" | "bce" | "BCE",
        BinaryFocalCrossentropy = "binary_focal_crossentropy",
        CategoricalCrossentropy = "categorical_crossentropy",
        CategoricalFocalCrossentropy = "categorical_focal_crossentropy",
        CategoricalGeneralizedCrossEntropy = "categorical_generalized_cross_entropy",
        SparseCategoricalCrossentropy = "sparse_categorical_crossentropy",
        Dice = "dice",
        Tversky = "tversky",
        Circle = "circle",
        CTC = "ctc",
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
        Ok(function_envelope(&self.name))
    }
}

impl<F: Fn(&Value, &Value) -> Value + Send + Sync> LossRule for Function<F> {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        Ok((self.function)(&y_true.cast(y_pred.dtype()), y_pred))
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

    /// `"crossentropy"` is the one that suits the shapes.
    fn by_name(self, name: &str) -> Loss {
        if by_shape::Crossentropy::NAMES.contains(&name.to_lowercase().as_str()) {
            return Loss::custom(by_shape::Crossentropy { name: name.into() });
        }
        self
    }

    /// Without the name by which it was asked for.
    pub(crate) fn unnamed(&self) -> &Loss {
        match self {
            Loss::Named(_, loss) => loss,
            loss => loss,
        }
    }

    /// Fails when the name given is none, suggesting the nearest.
    ///
    /// # Errors
    /// The unknown name.
    pub fn check(&self) -> Result<()> {
        refuse_nan_in(self.get()?.saved())
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
        rule.reduction().check()?;
        let dtype = rule.dtype()?;
        let y_pred = y_pred.cast(dtype);
        let y_true = if y_true.dtype().is_int() { y_true.clone() } else { y_true.cast(dtype) };
        let losses = rule.call(&y_true, &y_pred)?;
        y_pred.builder().check()?;
        let own = rule.mask(&y_true, &y_pred);
        let mask = match (mask, own) {
            (Some(given), Some(own)) => Some(given.cast(DType::Bool).and(&own)),
            (given, own) => given.cloned().or(own),
        };
        Ok(rule.reduction().reduce(&losses, sample_weight, mask.as_ref()))
    }
}

impl Loss {
    /// The loss of arrays, outside of a model. What calling a loss object is in Keras.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let loss = Loss::from("mse").evaluate(&Tensor::from([1f32, 2.0]), &Tensor::from([2f32, 4.0]), None)?;
    /// assert_eq!(loss.item()?, 2.5);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the name is unknown, an argument makes no sense, or the shapes do not fit.
    pub fn evaluate(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        let tensors: Vec<Tensor> = [y_true, y_pred].into_iter().chain(sample_weight).cloned().collect();
        let computed = run(&tensors, |_, x| Ok(vec![self.compute(&x[0], &x[1], x.get(2), None)?]));
        Ok(computed?.remove(0))
    }
}

/// Targets in the dtype of the predictions, both of one rank. Fails unless their shapes fit.
#[track_caller]
fn pair(name: &'static str, y_true: &Value, y_pred: &Value) -> (Value, Value) {
    let (y_true, y_pred) = same_rank(y_true, y_pred);
    as_given(name, &y_true, &y_pred)
}

/// Targets in the dtype of the predictions, whose ranks may differ: then both are broadcast, as Keras's functions do that
/// are metrics, too. Fails unless their shapes fit.
#[track_caller]
fn as_given(name: &'static str, y_true: &Value, y_pred: &Value) -> (Value, Value) {
    let (y_true, y_pred) = (y_true.cast(y_pred.dtype()), y_pred.clone());
    if broadcast_shapes(y_true.shape(), y_pred.shape()).is_err() {
        let message = format!("y_true has shape {:?} and y_pred {:?}", y_true.shape(), y_pred.shape());
        y_pred.fail(Error::op(name, message).help("the targets must have the shape of the output"));
    }
    (y_true, y_pred)
}

/// Targets drawn toward `1 / classes`. Fails unless `label_smoothing` is between 0 and 1.
#[track_caller]
fn smoothed(y_true: &Value, label_smoothing: f64, classes: usize) -> Value {
    if !(0.0..=1.0).contains(&label_smoothing) {
        let message = format!("must be between 0 and 1, got {label_smoothing}");
        return y_true.fail(Error::argument("label_smoothing", message));
    }
    if label_smoothing == 0.0 {
        return y_true.clone();
    }
    y_true * (1.0 - label_smoothing) + label_smoothing / classes as f64
}
