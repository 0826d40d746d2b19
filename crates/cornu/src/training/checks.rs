//! Mistakes in targets, found before training starts.
use crate::losses::Loss;
use crate::models::KerasTensor;
use crate::training::compile::PerOutput;
use cornu_graph::{Error, Result, Tensor};

/// Labels of a sparse cross-entropy must be classes that the output has.
pub(crate) fn check_targets(
    name: &str,
    y: &Tensor,
    settings: &PerOutput,
    output: &KerasTensor,
) -> Result<()> {
    let Some(Loss::SparseCategoricalCrossentropy(loss)) = settings.loss.as_ref().map(Loss::unnamed) else {
        return Ok(());
    };
    let Some(classes) = output.shape().dim(-1) else { return Ok(()) };
    let ignored = loss.ignore_class.map(|c| c as f64);
    let wrong = |&label: &f64| !(label >= 0.0 && label < classes as f64) && Some(label) != ignored;
    match y.to_f64().into_iter().find(wrong) {
        None => Ok(()),
        Some(label) => {
            let message = format!(
                "y `{name}` holds the label {label}, but the output has {classes} classes: labels go from 0 to {}",
                classes.saturating_sub(1)
            );
            Err(Error::Data(message).help("number the classes from 0, or give the last layer more units"))
        }
    }
}
