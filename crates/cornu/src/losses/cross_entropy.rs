//! Cross-entropies.
use super::{LossRule, Reduction, same_shape};
use cornu_derive::config;
use cornu_graph::{DType, Error, Result, Value};

/// Probabilities are kept this far from 0 and 1. Keras's `epsilon`.
const EPSILON: f64 = 1e-7;

/// `log(softmax)` of logits, or the log of probabilities.
fn log_probabilities(y_pred: &Value, from_logits: bool, axis: i64, normalize: bool) -> Value {
    if from_logits {
        return y_pred - y_pred.logsumexp_keepdims([axis]);
    }
    let p = if normalize { y_pred / y_pred.sum_keepdims([axis]) } else { y_pred.clone() };
    p.clip(EPSILON, 1.0 - EPSILON).log()
}

/// `-log p` of the class that the label names. Keras's `SparseCategoricalCrossentropy`.
#[config("keras.losses")]
pub struct SparseCategoricalCrossentropy {
    /// Name in logs.
    #[default("sparse_categorical_crossentropy")]
    pub name: String,
    /// How the losses of samples become one number.
    #[default("sum_over_batch_size")]
    pub reduction: Reduction,
    /// Whether predictions are logits rather than probabilities.
    #[default(false)]
    pub from_logits: bool,
    /// A label whose samples do not count.
    #[default(None)]
    pub ignore_class: Option<i64>,
    /// The axis of the classes.
    #[default(-1)]
    pub axis: i64,
}

impl LossRule for SparseCategoricalCrossentropy {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        let mut labels = y_true.cast(DType::I32);
        if labels.rank() == y_pred.rank() && labels.dim(-1) == 1 {
            labels = labels.squeeze(-1);
        }
        if labels.rank() + 1 != y_pred.rank() {
            let message =
                format!("{}: labels {:?} for outputs {:?}", self.name, y_true.shape(), y_pred.shape());
            return Err(Error::Data(message).help("give one whole number for each sample"));
        }
        let ignored = self.ignore_class.map(|class| labels.equal(&labels.scalar(class as f64)));
        if let Some(ignored) = &ignored {
            labels = ignored.select(&labels.scalar(0.0), &labels);
        }
        let log_p = log_probabilities(y_pred, self.from_logits, self.axis, false);
        let hot = labels.one_hot(y_pred.dim(self.axis), self.axis, y_pred.dtype());
        let losses = -(hot * log_p).sum([self.axis]);
        Ok(match ignored {
            Some(ignored) => ignored.select(&losses.scalar(0.0), &losses),
            None => losses,
        })
    }

    fn reduction(&self) -> Reduction {
        self.reduction.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// `-sum(y_true log p)`, for one-hot targets or distributions. Keras's `CategoricalCrossentropy`.
#[config("keras.losses")]
pub struct CategoricalCrossentropy {
    /// Name in logs.
    #[default("categorical_crossentropy")]
    pub name: String,
    /// How the losses of samples become one number.
    #[default("sum_over_batch_size")]
    pub reduction: Reduction,
    /// Whether predictions are logits rather than probabilities.
    #[default(false)]
    pub from_logits: bool,
    /// How much of the targets is spread over all classes.
    #[default(0.0)]
    pub label_smoothing: f64,
    /// The axis of the classes.
    #[default(-1)]
    pub axis: i64,
}

impl LossRule for CategoricalCrossentropy {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        let mut y_true = y_true.cast(y_pred.dtype());
        same_shape(&self.name, &y_true, y_pred)?;
        smoothing_in_range(self.label_smoothing)?;
        if self.label_smoothing > 0.0 {
            let classes = y_pred.dim(self.axis) as f64;
            y_true = y_true * (1.0 - self.label_smoothing) + self.label_smoothing / classes;
        }
        let log_p = log_probabilities(y_pred, self.from_logits, self.axis, true);
        Ok(-(y_true * log_p).sum([self.axis]))
    }

    fn reduction(&self) -> Reduction {
        self.reduction.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// `-(y_true log p + (1 - y_true) log(1 - p))`, averaged over the last axis. Keras's `BinaryCrossentropy`.
#[config("keras.losses")]
pub struct BinaryCrossentropy {
    /// Name in logs.
    #[default("binary_crossentropy")]
    pub name: String,
    /// How the losses of samples become one number.
    #[default("sum_over_batch_size")]
    pub reduction: Reduction,
    /// Whether predictions are logits rather than probabilities.
    #[default(false)]
    pub from_logits: bool,
    /// How far targets are drawn toward 1/2.
    #[default(0.0)]
    pub label_smoothing: f64,
    /// The axis to average over.
    #[default(-1)]
    pub axis: i64,
}

impl LossRule for BinaryCrossentropy {
    fn call(&self, y_true: &Value, y_pred: &Value) -> Result<Value> {
        let mut y_true = y_true.cast(y_pred.dtype());
        same_shape(&self.name, &y_true, y_pred)?;
        smoothing_in_range(self.label_smoothing)?;
        if self.label_smoothing > 0.0 {
            y_true = y_true * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing;
        }
        let losses = if self.from_logits {
            // max(x, 0) - x y + log(1 + e^-|x|)
            y_pred.relu() - y_pred * &y_true + (-y_pred.abs()).exp().log1p()
        } else {
            let p = y_pred.clip(EPSILON, 1.0 - EPSILON);
            -(&y_true * p.log() + (1.0 - &y_true) * (1.0 - p).log())
        };
        Ok(losses.mean([self.axis]))
    }

    fn reduction(&self) -> Reduction {
        self.reduction.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

fn smoothing_in_range(label_smoothing: f64) -> Result<()> {
    if (0.0..=1.0).contains(&label_smoothing) {
        return Ok(());
    }
    Err(Error::argument("label_smoothing", format!("must be between 0 and 1, got {label_smoothing}")))
}
