//! What all optimizers have.

/// Declares an optimizer: its own arguments after those that all optimizers share, in the order in which Keras saves them.
macro_rules! optimizer {
    (
        $(#[$doc:meta])*
        pub struct $Optimizer:ident($name:literal, learning_rate = $rate:literal) { $($arguments:tt)* }
    ) => {
        $crate::optimizers::declare::optimizer! {
            $(#[$doc])*
            pub struct $Optimizer($name, learning_rate = $rate, weight_decay = None) { $($arguments)* }
        }
    };
    (
        $(#[$doc:meta])*
        pub struct $Optimizer:ident($name:literal, learning_rate = $rate:literal, weight_decay = $decay:tt) {
            $($arguments:tt)*
        }
    ) => {
        $(#[$doc])*
        #[cornu_derive::config("keras.optimizers")]
        pub struct $Optimizer {
            /// Name; the class in small letters by default.
            #[default($name)]
            pub name: String,
            #[doc = concat!("Step size, a number or a [schedule](crate::optimizers::schedules); ", $rate, " by default.")]
            #[default($rate)]
            pub learning_rate: $crate::optimizers::LearningRate,
            /// Part of each weight, times the learning rate, that is taken from it before each step.
            #[default($decay)]
            pub weight_decay: Option<f64>,
            /// Longest gradient of each weight (Euclidean norm); longer ones are shortened.
            #[default(None)]
            pub clipnorm: Option<f64>,
            /// Longest gradient of all weights together; a longer one is shortened.
            #[default(None)]
            pub global_clipnorm: Option<f64>,
            /// Largest absolute value of an element of a gradient.
            #[default(None)]
            pub clipvalue: Option<f64>,
            /// Whether to keep running means of the weights, which replace them at the end of `fit`.
            #[default(false)]
            pub use_ema: bool,
            /// Decay of these means; 0.99 by default.
            #[default(0.99)]
            pub ema_momentum: f64,
            /// After how many steps, again and again, the means replace the weights.
            #[default(None)]
            pub ema_overwrite_frequency: Option<usize>,
            /// What the loss is multiplied by, and gradients are divided by, so that small ones do not vanish in float16.
            #[default(None)]
            pub loss_scale_factor: Option<f64>,
            /// Over how many batches gradients are averaged before the weights change.
            #[default(None)]
            pub gradient_accumulation_steps: Option<usize>,
            /// Weights that do not decay, by parts of their names or regular expressions: `["bias", "^gamma$"]`. It is not a
            /// part of the config.
            #[default($crate::optimizers::Excluded::default())]
            #[unsaved]
            pub exclude_from_weight_decay: $crate::optimizers::Excluded,
            $($arguments)*
        }
    };
}
pub(super) use optimizer;

/// The methods of an optimizer that give its shared arguments.
macro_rules! shared_arguments {
    () => {
        fn learning_rate(&self) -> $crate::optimizers::LearningRate {
            self.learning_rate.clone()
        }

        fn settings(&self) -> $crate::optimizers::Settings {
            $crate::optimizers::Settings {
                weight_decay: self.weight_decay,
                clipnorm: self.clipnorm,
                global_clipnorm: self.global_clipnorm,
                clipvalue: self.clipvalue,
                use_ema: self.use_ema,
                ema_momentum: self.ema_momentum,
                ema_overwrite_frequency: self.ema_overwrite_frequency,
                loss_scale_factor: self.loss_scale_factor,
                gradient_accumulation_steps: self.gradient_accumulation_steps,
                exclude_from_weight_decay: self.exclude_from_weight_decay.clone(),
            }
        }
    };
}
pub(super) use shared_arguments;
