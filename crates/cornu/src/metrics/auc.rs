//! Area under a curve.
use super::confusion::{Confusion, Counting};
use super::declare::{metric, shared_arguments};
use super::thresholds::{even, in_range};
use super::{MetricRule, zeros};
use crate::utils::numerical::{EPSILON, divide_no_nan};
use cornu_graph::{DType, Error, Result, Spec, Tensor, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares an argument whose words may begin with a capital or be written in capitals, as Keras allows.
macro_rules! words {
    ($(#[$doc:meta])* $Name:ident as $what:literal { $($(#[$vdoc:meta])* $Variant:ident $word:literal $(| $other:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $Name {
            $($(#[$vdoc])* $Variant,)*
            /// A word that is none of these; an error where it is used.
            Unknown(String),
        }

        impl From<&str> for $Name {
            fn from(word: &str) -> Self {
                match word {
                    $($word $(| $other)* => $Name::$Variant,)*
                    _ => $Name::Unknown(word.into()),
                }
            }
        }

        impl $Name {
            fn check(&self) -> Result<()> {
                match self {
                    $Name::Unknown(word) => Err(Error::unknown($what, word, [$($word),*])),
                    _ => Ok(()),
                }
            }
        }

        impl Serialize for $Name {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(match self {
                    $($Name::$Variant => $word,)*
                    $Name::Unknown(word) => word,
                })
            }
        }

        impl<'de> Deserialize<'de> for $Name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                String::deserialize(deserializer).map(|word| word.as_str().into())
            }
        }
    };
}

words! {
    /// Which curve.
    Curve as "curve" {
        /// Recall over the rate of false positives.
        Roc "ROC" | "roc",
        /// Precision over recall.
        Pr "PR" | "pr",
        /// Gain in precision over gain in recall (Flach and Kull, 2015).
        PrGain "PRGAIN" | "prgain",
    }
}

words! {
    /// How the area between two points is found.
    SummationMethod as "summation_method" {
        /// By a straight line; for precision over recall as Davis and Goadrich (2006) do.
        Interpolation "interpolation" | "Interpolation",
        /// By the lower point.
        Minoring "minoring" | "Minoring",
        /// By the higher point.
        Majoring "majoring" | "Majoring",
    }
}

/// How much each label counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct LabelWeights(pub Vec<f64>);

impl<T: Into<Vec<f64>>> From<T> for LabelWeights {
    fn from(weights: T) -> Self {
        LabelWeights(weights.into())
    }
}

impl<'de> Deserialize<'de> for LabelWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a list of numbers")]
        enum Form {
            List(Vec<f64>),
            /// Keras's form of a tensor.
            Tensor {
                config: TensorConfig,
            },
        }
        #[derive(Deserialize)]
        struct TensorConfig {
            value: Vec<f64>,
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::List(weights) | Form::Tensor { config: TensorConfig { value: weights } } => {
                LabelWeights(weights)
            }
        })
    }
}

metric! {
    /// The area under a curve of rates over many thresholds. Keras's `AUC`.
    pub struct AUC("auc") {
        /// How many thresholds there are, unless they are given; 200 by default.
        #[default(200)]
        pub num_thresholds: usize,
        /// `"ROC"` (the default), `"PR"` or `"PRGAIN"`.
        #[default("ROC")]
        pub curve: Curve,
        /// `"interpolation"` (the default), `"minoring"` or `"majoring"`.
        #[default("interpolation")]
        pub summation_method: SummationMethod,
        /// Whether labels, along the last axis, each have a curve, over whose areas the mean is taken.
        #[default(false)]
        pub multi_label: bool,
        /// The number of labels, when `multi_label`.
        #[default(None)]
        pub num_labels: Option<usize>,
        /// How much each label counts; all the same by default.
        #[default(None)]
        pub label_weights: Option<LabelWeights>,
        /// Whether predictions are logits rather than probabilities.
        #[default(false)]
        pub from_logits: bool,
        /// Thresholds between 0 and 1, beside which one just below 0 and one just above 1 are used.
        #[default(None)]
        #[omit_default]
        pub thresholds: Option<Vec<f64>>,
    }
}

impl AUC {
    fn all_thresholds(&self) -> Result<Vec<f64>> {
        let mut all = match &self.thresholds {
            Some(given) => {
                in_range(given)?;
                let mut all = [&[0.0], given.as_slice(), &[1.0]].concat();
                all.sort_by(f64::total_cmp);
                all
            }
            None if self.num_thresholds < 2 => {
                let message = format!("must be more than 1, got {}", self.num_thresholds);
                return Err(Error::argument("AUC.num_thresholds", message));
            }
            None => even(self.num_thresholds)?,
        };
        if let [first, .., last] = all.as_mut_slice() {
            (*first, *last) = (-EPSILON, 1.0 + EPSILON);
        }
        Ok(all)
    }

    fn check(&self, y_pred: &Spec) -> Result<()> {
        self.curve.check()?;
        self.summation_method.check()?;
        if !self.multi_label {
            return match self.num_labels {
                Some(_) => {
                    Err(Error::argument("AUC.num_labels", "is needed only when `multi_label` is true"))
                }
                None => Ok(()),
            };
        }
        let labels = y_pred.shape.last().copied().unwrap_or(0);
        if y_pred.rank() != 2 || self.num_labels.is_some_and(|n| n != labels) {
            let message = match self.num_labels {
                Some(n) => format!("needs predictions of shape (batch, {n}), got {:?}", y_pred.shape),
                None => format!("needs predictions of rank 2, got shape {:?}", y_pred.shape),
            };
            return Err(Error::argument("AUC.multi_label", message));
        }
        match &self.label_weights {
            Some(weights) if weights.0.len() != labels => {
                let message = format!("needs {labels} numbers, got {}", weights.0.len());
                Err(Error::argument("AUC.label_weights", message))
            }
            _ => Ok(()),
        }
    }

    /// Points of the curve, one for each threshold.
    fn points(&self, counts: &Confusion) -> (Value, Value) {
        let Confusion { true_positives, false_positives, true_negatives, false_negatives } = counts;
        let part = |of: &Value, rest: &Value| divide_no_nan(of, &(of + rest));
        let recall = part(true_positives, false_negatives);
        match self.curve {
            Curve::Pr => (recall, part(true_positives, false_positives)),
            Curve::PrGain => {
                let odds =
                    divide_no_nan(&(true_positives + false_negatives), &(true_negatives + false_positives));
                let gain = |wrong: &Value| 1.0 - &odds * divide_no_nan(wrong, true_positives);
                let (recall, precision) = (gain(false_negatives), gain(false_positives));
                let none = true_positives.equal(&true_positives.scalar(0.0));
                let recall = none.select(&recall.full_like(0.0), &recall);
                let precision = none.select(&precision.full_like(1.0), &precision);
                (recall.maximum(&recall.scalar(0.0)), precision)
            }
            _ => (part(false_positives, true_negatives), recall),
        }
    }

    /// The area between each two neighbouring points.
    fn strips(&self, counts: &Confusion) -> Value {
        if self.curve == Curve::Pr && self.summation_method == SummationMethod::Interpolation {
            return interpolated_pr(counts);
        }
        let (x, y) = self.points(counts);
        let ((x0, x1), (y0, y1)) = (neighbours(&x), neighbours(&y));
        let height = match self.summation_method {
            SummationMethod::Minoring => y0.minimum(&y1),
            SummationMethod::Majoring => y0.maximum(&y1),
            _ => (y0 + y1) / 2.0,
        };
        (x0 - x1) * height
    }
}

/// All but the last threshold, all but the first.
fn neighbours(x: &Value) -> (Value, Value) {
    let count = x.dim(0);
    (x.slice_axis(0, 0, count - 1), x.slice_axis(0, 1, count))
}

/// Strips of precision over recall, between whose points true positives grow linearly (Davis and Goadrich, 2006).
fn interpolated_pr(counts: &Confusion) -> Value {
    let (true0, true1) = neighbours(&counts.true_positives);
    let (positive0, positive1) = neighbours(&(&counts.true_positives + &counts.false_positives));
    let (_, missed1) = neighbours(&counts.false_negatives);
    let zero = true0.scalar(0.0);
    let gained = true0 - &true1;
    let slope = divide_no_nan(&gained, &(&positive0 - &positive1).maximum(&zero));
    let intercept = &true1 - &slope * &positive1;
    let both = positive0.gt(&zero).and(&positive1.gt(&zero));
    let ratio = divide_no_nan(&positive0, &positive1.maximum(&zero));
    let ratio = both.select(&ratio, &ratio.full_like(1.0));
    divide_no_nan(&(slope * (gained + intercept * ratio.log())), &(true1 + missed1).maximum(&zero))
}

impl MetricRule for AUC {
    shared_arguments!(Up);

    fn state(&self, _: &Spec, y_pred: &Spec) -> Result<Vec<(String, Tensor)>> {
        self.check(y_pred)?;
        let mut shape = vec![self.all_thresholds()?.len()];
        if self.multi_label {
            shape.extend(y_pred.shape.last());
        }
        zeros(DType::F32, &Confusion::NAMES.map(|name| (name, shape.as_slice())))
    }

    fn update_state(
        &self,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let thresholds = self.all_thresholds()?;
        let y_pred = if self.from_logits { y_pred.sigmoid() } else { y_pred.clone() };
        let counting = Counting {
            thresholds: &thresholds,
            multi_label: self.multi_label,
            label_weights: self.label_weights.as_ref().map(|w| w.0.as_slice()),
            ..Counting::default()
        };
        Ok(counting.count(y_true, &y_pred, sample_weight)?.add_to(state))
    }

    fn result(&self, state: &[Value]) -> Result<Value> {
        let areas = self.strips(&Confusion::from_state(state)).sum([0]);
        if !self.multi_label {
            return Ok(areas);
        }
        let Some(LabelWeights(weights)) = &self.label_weights else { return Ok(areas.mean([0])) };
        let weights = areas.builder().constant(Tensor::from_f64([weights.len()], areas.dtype(), weights)?);
        Ok(divide_no_nan(&(areas * &weights).sum([0]), &weights.sum([0])))
    }
}
