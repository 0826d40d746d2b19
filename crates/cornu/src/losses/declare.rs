//! What all losses have.

/// Declares a loss: its own arguments after those that all losses share, in Keras's order; then the loss of each sample,
/// and, where targets can say that a sample does not count, the mask.
macro_rules! loss {
    (
        $(#[$doc:meta])*
        pub struct $Loss:ident($name:literal) { $($arguments:tt)* }
        |$this:ident, $y_true:ident, $y_pred:ident| $call:expr
    ) => {
        $crate::losses::declare::loss! {
            $(#[$doc])*
            pub struct $Loss($name) { $($arguments)* }
            |$this, $y_true, $y_pred| $call,
            mask None
        }
    };
    (
        $(#[$doc:meta])*
        pub struct $Loss:ident($name:literal) { $($arguments:tt)* }
        |$this:ident, $y_true:ident, $y_pred:ident| $call:expr,
        mask $mask:expr
    ) => {
        $(#[$doc])*
        #[cornu_derive::config("keras.losses")]
        pub struct $Loss {
            /// Name in logs.
            #[default($name)]
            pub name: String,
            /// How the losses of samples become one number; `"sum_over_batch_size"` by default.
            #[default("sum_over_batch_size")]
            pub reduction: $crate::losses::Reduction,
            $($arguments)*
            /// In which dtype to compute; `"float32"` by default.
            #[default(None)]
            #[omit_default]
            pub dtype: Option<$crate::DTypePolicy>,
        }

        impl $crate::losses::LossRule for $Loss {
            fn call(&$this, $y_true: &Value, $y_pred: &Value) -> cornu_graph::Result<Value> {
                Ok($call)
            }

            #[allow(unused_variables)]
            fn mask(&$this, $y_true: &Value, $y_pred: &Value) -> Option<Value> {
                $mask
            }

            fn reduction(&self) -> $crate::losses::Reduction {
                self.reduction.clone()
            }

            fn dtype(&self) -> cornu_graph::Result<cornu_graph::DType> {
                self.dtype.as_ref().map_or(Ok(cornu_graph::DType::F32), |policy| policy.compute_dtype())
            }

            fn name(&self) -> String {
                self.name.clone()
            }
        }
    };
}
pub(crate) use loss;
