//! True and false positives and negatives at several thresholds: what precision, recall, AUC and others are made of.
use crate::utils::numerical::{EPSILON, same_rank};
use cornu_graph::ops::{CumulativeKind, ScatterKind};
use cornu_graph::{DType, Error, Result, Tensor, Value};

/// Below every prediction. Keras's `NEG_INF`.
pub(super) const NEG_INF: f64 = -1e10;

/// Weighted counts for each threshold: `(thresholds)`, or `(thresholds, labels)` when labels are counted apart.
pub(super) struct Confusion {
    pub true_positives: Value,
    pub false_positives: Value,
    pub true_negatives: Value,
    pub false_negatives: Value,
}

impl Confusion {
    /// The names that Keras gives the four, in its order.
    pub const NAMES: [&str; 4] = ["true_positives", "false_positives", "true_negatives", "false_negatives"];

    /// Those of a state in this order.
    pub fn from_state(state: &[Value]) -> Confusion {
        Confusion {
            true_positives: state[0].clone(),
            false_positives: state[1].clone(),
            true_negatives: state[2].clone(),
            false_negatives: state[3].clone(),
        }
    }

    /// A state in this order with these added.
    pub fn add_to(&self, state: &[Value]) -> Vec<Value> {
        let counts =
            [&self.true_positives, &self.false_positives, &self.true_negatives, &self.false_negatives];
        state.iter().zip(counts).map(|(before, count)| before + count).collect()
    }
}

/// How predictions are counted.
#[derive(Default)]
pub(super) struct Counting<'a> {
    pub thresholds: &'a [f64],
    /// Only the largest predictions along the last axis can be positive.
    pub top_k: Option<usize>,
    /// Only this class counts.
    pub class_id: Option<usize>,
    /// Whether labels, along the last axis, are counted apart.
    pub multi_label: bool,
    /// How much each label counts.
    pub label_weights: Option<&'a [f64]>,
}

impl Counting<'_> {
    /// Counts a batch.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn count(&self, y_true: &Value, y_pred: &Value, sample_weight: Option<&Value>) -> Result<Confusion> {
        let (mut y_pred, mut y_true) = same_rank(&y_pred.cast(DType::F32), &y_true.cast(DType::F32));
        if y_pred.shape() != y_true.shape() {
            let message = format!("y_true has shape {:?} and y_pred {:?}", y_true.shape(), y_pred.shape());
            return Err(Error::Data(message).help("the targets must have the shape of the output"));
        }
        if let Some(k) = self.top_k {
            y_pred = only_top_k(&y_pred, k)?;
        }
        if let Some(class) = self.class_id {
            if y_pred.rank() < 2 || class >= y_pred.dim(-1) {
                let message =
                    format!("there is no class {class} in predictions of shape {:?}", y_pred.shape());
                return Err(Error::argument("class_id", message));
            }
            y_true = y_true.slice_axis(-1, class, class + 1);
            y_pred = y_pred.slice_axis(-1, class, class + 1);
        }
        let weight = self.weight(&y_pred, sample_weight)?;
        let is_true = y_true.not_equal(&y_true.scalar(0.0)).cast(DType::F32);
        let weighted = |x: Value| weight.as_ref().map_or_else(|| x.clone(), |w| &x * w);
        // One row to a sample and one column to a label that is counted apart.
        let columns = if self.multi_label { y_pred.dim(-1) } else { 1 };
        let total: usize = y_pred.shape().iter().product();
        let rows = |x: &Value| x.reshape(&[total / columns.max(1), columns]);
        let trues = rows(&weighted(is_true.clone()));
        let falses = rows(&weighted(1.0 - is_true));
        let y_pred = rows(&y_pred);
        let counts = if is_even(self.thresholds) {
            [&trues, &falses].map(|of| self.count_by_bucket(&y_pred, of))
        } else {
            [&trues, &falses].map(|of| self.count_by_comparison(&y_pred, of))
        };
        let shape =
            if self.multi_label { vec![self.thresholds.len(), columns] } else { vec![self.thresholds.len()] };
        let [true_positives, false_positives] = counts.map(|count| count.reshape(&shape));
        let rest = |all: &Value, positives: &Value| {
            let sums = all.sum([0]);
            let sums = if self.multi_label { sums } else { sums.reshape(&[]) };
            sums - positives
        };
        let true_negatives = rest(&falses, &false_positives);
        let false_negatives = rest(&trues, &true_positives);
        Ok(Confusion { true_positives, false_positives, true_negatives, false_negatives })
    }

    /// What each prediction counts.
    fn weight(&self, y_pred: &Value, sample_weight: Option<&Value>) -> Result<Option<Value>> {
        let mut weight = sample_weight.map(|w| {
            let w = w.cast(DType::F32).expand_dims(-1);
            let w = if w.rank() == y_pred.rank() + 1 { w.squeeze(-1) } else { w };
            w.broadcast_to(y_pred.shape())
        });
        if let (Some(labels), false) = (self.label_weights, self.multi_label) {
            let labels = y_pred.builder().constant(Tensor::from_f64([labels.len()], DType::F32, labels)?);
            let labels = labels.broadcast_to(y_pred.shape());
            weight = Some(weight.map_or_else(|| labels.clone(), |w| w * &labels));
        }
        Ok(weight)
    }

    /// For thresholds at equal distances: the number of thresholds below a prediction says where it counts last.
    fn count_by_bucket(&self, y_pred: &Value, of: &Value) -> Value {
        let count = self.thresholds.len();
        let (samples, labels) = (y_pred.dim(0), y_pred.dim(1));
        let above = (y_pred.clip(0.0, 1.0) * (count - 1)).ceil();
        // A first threshold just below 0 is below predictions of 0, too.
        let is_below_0 = self.thresholds.first().is_some_and(|&t| t < 0.0);
        let above = if is_below_0 { above.maximum(&above.scalar(1.0)) } else { above };
        let b = y_pred.builder();
        let label = b.iota(DType::I32, [samples, labels], 1);
        let places = Value::stack(&[&above.cast(DType::I32), &label], -1);
        let none = of.scalar(0.0).broadcast_to(&[count + 1, labels]);
        let last = none.scatter_at(ScatterKind::Add, &places, of);
        last.cumulative(CumulativeKind::Sum, 0, true).slice_axis(0, 1, count + 1)
    }

    fn count_by_comparison(&self, y_pred: &Value, of: &Value) -> Value {
        let counts = self.thresholds.iter().map(|&threshold| {
            let positive = y_pred.gt(&y_pred.scalar(threshold));
            positive.select(of, &of.full_like(0.0)).sum([0])
        });
        let counts: Vec<Value> = counts.collect();
        Value::stack(&counts.iter().collect::<Vec<_>>(), 0)
    }
}

/// Predictions of which all but the `k` largest along the last axis are [`NEG_INF`].
fn only_top_k(y_pred: &Value, k: usize) -> Result<Value> {
    if k == 0 || y_pred.rank() == 0 || k > y_pred.dim(-1) {
        let message = format!("must be from 1 to the {} predictions, got {k}", y_pred.dim(-1));
        return Err(Error::argument("top_k", message));
    }
    let (_, places) = y_pred.top_k(k);
    let kept = places.one_hot(y_pred.dim(-1), -1, y_pred.dtype()).sum([-2]);
    Ok(y_pred * &kept + (1.0 - kept) * NEG_INF)
}

/// Whether thresholds are at equal distances from 0 to 1.
fn is_even(thresholds: &[f64]) -> bool {
    const RELATIVE: f64 = 1e-5;
    let last = thresholds.len().saturating_sub(1) as f64;
    let near = |(i, &t): (usize, &f64)| {
        let even = i as f64 / last;
        (t - even).abs() <= EPSILON * 1.01 + RELATIVE * even
    };
    thresholds.len() >= 3 && thresholds.iter().enumerate().all(near)
}
