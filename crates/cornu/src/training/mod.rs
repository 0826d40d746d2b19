//! Training: `compile`, `fit`, `evaluate`, `predict`.
mod checkpoint;
mod checks;
pub(crate) mod compile;
mod custom;
mod data;
mod evaluate;
mod fit;
mod history;
mod plot;
mod profile;
mod progress;
mod run;
mod shuffle;
mod step;
mod trainer;

pub use compile::{Compile, Losses, MetricsFor};
pub use custom::{StepContext, TrainStep};
pub use data::{Data, SampleWeight};
pub use evaluate::{Evaluate, Predict};
pub use fit::{Fit, Validation};
pub use history::{History, Logs};
pub use profile::ModelProfile;
pub use progress::{Verbose, progress_to_stderr};
pub(crate) use trainer::Trainer;
