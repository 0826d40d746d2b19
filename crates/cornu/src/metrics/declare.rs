//! What all metrics have.
use crate::DTypePolicy;
use serde::{Deserialize, Serialize, Serializer};

/// A dtype that is saved as its name alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct PlainDType(DTypePolicy);

impl Serialize for PlainDType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.compute_dtype() {
            Ok(dtype) => serializer.serialize_str(dtype.name()),
            Err(_) => serializer.serialize_str(self.0.name()),
        }
    }
}

impl From<DTypePolicy> for PlainDType {
    fn from(dtype: DTypePolicy) -> Self {
        PlainDType(dtype)
    }
}

impl From<PlainDType> for DTypePolicy {
    fn from(dtype: PlainDType) -> Self {
        dtype.0
    }
}

/// Declares a metric: its own arguments after those that all metrics share, in the order in which Keras saves them; and, when
/// it is a mean of values, these, after the better direction if there is one. Keras's `MeanMetricWrapper`.
macro_rules! metric {
    (
        $(#[$doc:meta])*
        pub struct $Metric:ident($name:literal) { $($arguments:tt)* }
        mean $($Direction:ident)? |$this:ident, $y_true:ident, $y_pred:ident| $values:expr
    ) => {
        $crate::metrics::declare::metric! {
            $(#[$doc])*
            pub struct $Metric($name) { $($arguments)* }
        }

        impl $crate::metrics::MetricRule for $Metric {
            $crate::metrics::declare::shared_arguments!($($Direction)?);

            fn takes_mask(&self) -> bool {
                true
            }

            fn update_state(
                &$this,
                state: &[Value],
                $y_true: &Value,
                $y_pred: &Value,
                sample_weight: Option<&Value>,
            ) -> cornu_graph::Result<Vec<Value>> {
                Ok($crate::metrics::reduction::update_mean(state, &$values, sample_weight))
            }
        }
    };
    (
        $(#[$doc:meta])*
        pub struct $Metric:ident($name:literal) { $($arguments:tt)* }
    ) => {
        $(#[$doc])*
        #[cornu_derive::config("keras.metrics")]
        pub struct $Metric {
            /// Name in logs.
            #[default($name)]
            pub name: String,
            /// In which dtype to gather values; `"float32"` by default.
            #[default("float32")]
            #[save_as($crate::metrics::declare::PlainDType)]
            pub dtype: $crate::DTypePolicy,
            $($arguments)*
        }
    };
}
pub(super) use metric;

/// The methods of a metric that give its shared arguments, and the better direction if there is one.
macro_rules! shared_arguments {
    ($($Direction:ident)?) => {
        fn name(&self) -> String {
            self.name.clone()
        }

        fn dtype(&self) -> cornu_graph::Result<cornu_graph::DType> {
            self.dtype.compute_dtype()
        }

        fn renamed(&self, name: &str) -> Option<$crate::metrics::Metric> {
            Some(self.clone().name(name).into())
        }

        $(fn direction(&self) -> Option<$crate::metrics::Direction> {
            Some($crate::metrics::Direction::$Direction)
        })?
    };
}
pub(super) use shared_arguments;
