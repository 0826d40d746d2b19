//! Where the time of a step goes.
use crate::models::Model;
use crate::training::run::Program;
use cornu_graph::{Peaks, Profile, Result, StepProfile};
use serde_json::json;
use std::fmt;
use std::path::Path;

/// The times of a compiled step of a model; printed, a table of its parts, the longest first, beside what the machine could
/// do.
///
/// ```
/// use cornu::prelude::*;
/// let mut model = Sequential::new().add(Input::new([4])).add(Dense::new(1));
/// model.compile(Compile::new("sgd", "mse"))?;
/// let (x, y) = (Tensor::ones([8, 4], DType::F32), Tensor::ones([8, 1], DType::F32));
/// model.train_on_batch(&x, &y)?; // compiles
/// model.start_profile();
/// model.train_on_batch(&x, &y)?;
/// let profile = model.take_profile()?.expect("the CPU engine keeps times");
/// assert_eq!(profile.times.runs, 1);
/// println!("{profile}");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelProfile {
    /// The times as the engine took them.
    pub times: Profile,
    /// What the machine does at the most, measured when the profile was taken.
    pub peaks: Option<Peaks>,
}

impl Model {
    /// Times the parts of each step from now on, of steps that have run before.
    pub fn start_profile(&mut self) {
        self.trainer.programs.values_mut().for_each(Program::start_profile);
    }

    /// Ends the timing; the profile of the step that took most of the time, or `None` when none ran or the engine keeps no
    /// times.
    ///
    /// # Errors
    /// When there is no engine.
    pub fn take_profile(&mut self) -> Result<Option<ModelProfile>> {
        let total = |p: &Profile| p.steps.iter().map(|s| s.seconds).sum::<f64>();
        let profiles = self.trainer.programs.values_mut().filter_map(Program::take_profile);
        let longest = profiles.filter(|p| p.runs > 0).max_by(|a, b| total(a).total_cmp(&total(b)));
        let peaks = crate::backend::current()?.peaks();
        Ok(longest.map(|times| ModelProfile { times, peaks }))
    }
}

impl ModelProfile {
    /// Writes the last run as a trace that Chrome (`chrome://tracing`) and Perfetto draw.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_chrome_trace(&self, path: impl AsRef<Path>) -> Result<()> {
        let event = |step: &StepProfile| {
            json!({
                "name": step.name, "cat": "step", "ph": "X", "pid": 1, "tid": 1,
                "ts": step.last.0 * 1e6, "dur": step.last.1 * 1e6,
                "args": { "flops": step.cost.flops, "bytes": step.cost.bytes },
            })
        };
        let events: Vec<_> = self.times.steps.iter().map(event).collect();
        let trace = json!({ "displayTimeUnit": "ms", "traceEvents": events });
        crate::utils::atomic::write(path.as_ref(), trace.to_string().as_bytes())
    }
}

impl fmt::Display for ModelProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.times.table(self.peaks.as_ref()))
    }
}
