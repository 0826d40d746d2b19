//! Intersection over union of classes.
use super::declare::PlainDType;
use super::declare::shared_arguments;
use super::{MetricRule, zeros};
use crate::DTypePolicy;
use crate::utils::numerical::EPSILON;
use cornu_derive::config;
use cornu_graph::ops::ScatterKind;
use cornu_graph::{DType, Error, Result, Spec, Tensor, Value};

/// The arguments that these metrics share, and their arithmetic.
struct Overlap {
    num_classes: usize,
    /// All classes unless given.
    target_class_ids: Option<Vec<usize>>,
    ignore_class: Option<i64>,
    sparse_y_true: bool,
    sparse_y_pred: bool,
    axis: i64,
    /// From which probability on a prediction is the class 1, where one probability is predicted.
    threshold: Option<f64>,
}

impl Overlap {
    fn state(&self, dtype: DType) -> Result<Vec<(String, Tensor)>> {
        let Some(last) = self
            .target_class_ids
            .as_ref()
            .map_or(self.num_classes.checked_sub(1), |ids| ids.iter().max().copied())
        else {
            return Err(Error::argument("target_class_ids", "must name at least one class"));
        };
        if last >= self.num_classes {
            let message = format!("class {last} is out of range, which is [0, {})", self.num_classes);
            return Err(Error::argument("target_class_ids", message));
        }
        zeros(dtype, &[("total_confusion_matrix", &[self.num_classes; 2])])
    }

    fn update_state(
        &self,
        dtype: DType,
        state: &[Value],
        y_true: &Value,
        y_pred: &Value,
        sample_weight: Option<&Value>,
    ) -> Vec<Value> {
        let decided = self.threshold.map(|threshold| y_pred.ge(&y_pred.scalar(threshold)));
        let y_pred = decided.as_ref().unwrap_or(y_pred);
        let flat = |y: &Value, is_sparse: bool| {
            let classes = if is_sparse { y.clone() } else { y.argmax(self.axis) };
            let count = classes.shape().iter().product();
            classes.reshape(&[count]).cast(DType::I32)
        };
        let (y_true, y_pred) = (flat(y_true, self.sparse_y_true), flat(y_pred, self.sparse_y_pred));
        let weight = match sample_weight {
            None => y_true.cast(dtype).full_like(1.0),
            Some(weight) => {
                let count: usize = weight.shape().iter().product();
                let flat = if weight.rank() > 1 { weight.reshape(&[count]) } else { weight.clone() };
                flat.cast(dtype).broadcast_to(y_true.shape())
            }
        };
        let exists = |y: &Value| y.ge(&y.scalar(0.0)).and(&y.lt(&y.scalar(self.num_classes as f64)));
        let mut counts = exists(&y_true).and(&exists(&y_pred));
        if let Some(class) = self.ignore_class {
            counts = counts.and(&y_true.not_equal(&y_true.scalar(class as f64)));
        }
        let weight = counts.select(&weight, &weight.full_like(0.0));
        let class = |y: &Value| counts.select(y, &y.full_like(0.0));
        let places = Value::stack(&[&class(&y_true), &class(&y_pred)], -1);
        vec![state[0].scatter_at(ScatterKind::Add, &places, &weight)]
    }

    fn result(&self, state: &[Value]) -> Result<Value> {
        const LEAST: f64 = 1e-9;
        let matrix = &state[0];
        let b = matrix.builder();
        let n = self.num_classes;
        let diagonal = b.iota(DType::I32, [n, n], 0).equal(&b.iota(DType::I32, [n, n], 1));
        let both = diagonal.select(matrix, &matrix.full_like(0.0)).sum([0]);
        let either = matrix.sum([0]) + matrix.sum([1]) - &both;
        let ids = self.target_class_ids.as_ref().map(|ids| {
            let ids: Vec<f64> = ids.iter().map(|&id| id as f64).collect();
            Tensor::from_f64([ids.len()], DType::I32, &ids).map(|ids| b.constant(ids))
        });
        let ids = ids.transpose()?;
        let pick = |v: &Value| {
            let all = v.cast(DType::F32);
            ids.as_ref().map_or(all.clone(), |ids| all.take(ids, 0))
        };
        let (both, either) = (pick(&both), pick(&either));
        let occurs = either.gt(&either.scalar(LEAST));
        let overlap = occurs.select(&(both / (either + EPSILON)), &occurs.cast(DType::F32).full_like(0.0));
        Ok(overlap.sum([0]) / (occurs.cast(DType::F32).sum([0]) + EPSILON))
    }
}

/// Declares one of these metrics; its `Overlap` is made of its arguments.
macro_rules! overlap {
    (
        $(#[$doc:meta])*
        pub struct $Metric:ident($name:literal, order($($key:ident),*)) { $($arguments:tt)* }
        |$this:ident| $overlap:expr
    ) => {
        $(#[$doc])*
        #[config("keras.metrics", order($($key),*))]
        pub struct $Metric {
            $($arguments)*
            /// Name in logs.
            #[default($name)]
            pub name: String,
            /// In which dtype pixels are counted; `"int32"` by default, which drops fractions of sample weights.
            #[default("int32")]
            #[save_as(PlainDType)]
            pub dtype: DTypePolicy,
        }

        impl $Metric {
            fn overlap(&$this) -> Overlap {
                $overlap
            }
        }

        impl MetricRule for $Metric {
            shared_arguments!(Up);

            fn state(&self, _: &Spec, _: &Spec) -> Result<Vec<(String, Tensor)>> {
                self.overlap().state(self.dtype()?)
            }

            fn update_state(
                &self,
                state: &[Value],
                y_true: &Value,
                y_pred: &Value,
                sample_weight: Option<&Value>,
            ) -> Result<Vec<Value>> {
                Ok(self.overlap().update_state(self.dtype()?, state, y_true, y_pred, sample_weight))
            }

            fn result(&self, state: &[Value]) -> Result<Value> {
                self.overlap().result(state)
            }
        }
    };
}

overlap! {
    /// The mean over some classes of `|A ∩ B| / |A ∪ B|`, for the pixels `A` of the class and those `B` that are predicted to
    /// be. Keras's `IoU`.
    pub struct IoU("io_u", order(name, dtype, num_classes, target_class_ids, ignore_class, sparse_y_true, sparse_y_pred, axis)) {
        /// The number of classes.
        pub num_classes: usize,
        /// The classes to average over.
        pub target_class_ids: Vec<usize>,
        /// A label whose pixels do not count.
        #[default(None)]
        pub ignore_class: Option<i64>,
        /// Whether targets are labels rather than one-hot.
        #[default(true)]
        pub sparse_y_true: bool,
        /// Whether predictions are labels rather than a number for each class.
        #[default(true)]
        pub sparse_y_pred: bool,
        /// The axis of the classes, where there is one; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    |self| Overlap {
        num_classes: self.num_classes,
        target_class_ids: Some(self.target_class_ids.clone()),
        ignore_class: self.ignore_class,
        sparse_y_true: self.sparse_y_true,
        sparse_y_pred: self.sparse_y_pred,
        axis: self.axis,
        threshold: None,
    }
}

overlap! {
    /// [`IoU`] of two classes, of which probabilities are predicted. Keras's `BinaryIoU`.
    pub struct BinaryIoU("binary_io_u", order(target_class_ids, threshold, name, dtype)) {
        /// The classes to average over; both by default.
        #[default([0, 1])]
        pub target_class_ids: Vec<usize>,
        /// From which probability on the class is 1; 0.5 by default.
        #[default(0.5)]
        pub threshold: f64,
    }
    |self| Overlap {
        num_classes: 2,
        target_class_ids: Some(self.target_class_ids.clone()),
        ignore_class: None,
        sparse_y_true: true,
        sparse_y_pred: true,
        axis: -1,
        threshold: Some(self.threshold),
    }
}

overlap! {
    /// [`IoU`] averaged over all classes. Keras's `MeanIoU`.
    pub struct MeanIoU("mean_io_u", order(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)) {
        /// The number of classes.
        pub num_classes: usize,
        /// A label whose pixels do not count.
        #[default(None)]
        pub ignore_class: Option<i64>,
        /// Whether targets are labels rather than one-hot.
        #[default(true)]
        pub sparse_y_true: bool,
        /// Whether predictions are labels rather than a number for each class.
        #[default(true)]
        pub sparse_y_pred: bool,
        /// The axis of the classes, where there is one; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    |self| Overlap {
        num_classes: self.num_classes,
        target_class_ids: None,
        ignore_class: self.ignore_class,
        sparse_y_true: self.sparse_y_true,
        sparse_y_pred: self.sparse_y_pred,
        axis: self.axis,
        threshold: None,
    }
}

overlap! {
    /// [`IoU`] for one-hot targets. Keras's `OneHotIoU`.
    pub struct OneHotIoU("one_hot_io_u", order(num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis)) {
        /// The number of classes.
        pub num_classes: usize,
        /// The classes to average over.
        pub target_class_ids: Vec<usize>,
        /// A label whose pixels do not count.
        #[default(None)]
        pub ignore_class: Option<i64>,
        /// Whether predictions are labels rather than a number for each class.
        #[default(false)]
        pub sparse_y_pred: bool,
        /// The axis of the classes; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    |self| Overlap {
        num_classes: self.num_classes,
        target_class_ids: Some(self.target_class_ids.clone()),
        ignore_class: self.ignore_class,
        sparse_y_true: false,
        sparse_y_pred: self.sparse_y_pred,
        axis: self.axis,
        threshold: None,
    }
}

overlap! {
    /// [`IoU`] for one-hot targets, averaged over all classes. Keras's `OneHotMeanIoU`.
    pub struct OneHotMeanIoU("one_hot_mean_io_u", order(num_classes, name, dtype, ignore_class, sparse_y_pred, axis)) {
        /// The number of classes.
        pub num_classes: usize,
        /// A label whose pixels do not count.
        #[default(None)]
        pub ignore_class: Option<i64>,
        /// Whether predictions are labels rather than a number for each class.
        #[default(false)]
        pub sparse_y_pred: bool,
        /// The axis of the classes; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    |self| Overlap {
        num_classes: self.num_classes,
        target_class_ids: None,
        ignore_class: self.ignore_class,
        sparse_y_true: false,
        sparse_y_pred: self.sparse_y_pred,
        axis: self.axis,
        threshold: None,
    }
}
