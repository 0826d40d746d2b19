//! Checks that many layers share.
use crate::layers::prelude::*;
use serde_json::Value as Json;

/// Fails unless `x` has this many axes.
pub(crate) fn rank(x: &Value, expected: usize) -> Result<()> {
    if x.rank() == expected {
        return Ok(());
    }
    let message = format!("expected an input of {expected} axes, got {} of shape {:?}", x.rank(), x.shape());
    Err(Error::Data(message).help("the first axis is the batch"))
}

/// Fails unless `x` has at least this many axes.
pub(crate) fn at_least_rank(x: &Value, least: usize) -> Result<()> {
    if x.rank() >= least {
        return Ok(());
    }
    let message =
        format!("expected an input of at least {least} axes, got {} of shape {:?}", x.rank(), x.shape());
    Err(Error::Data(message).help("the first axis is the batch"))
}

/// Fails unless an argument is at least 1.
pub(crate) fn positive(what: &str, n: usize) -> Result<()> {
    if n > 0 { Ok(()) } else { Err(Error::argument(what, "must be positive, got 0")) }
}

/// Fails unless an argument is within 0 and 1.
pub(crate) fn share(what: &str, rate: f64) -> Result<()> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::argument(what, format!("must be between 0 and 1, got {rate}")))
}

/// Fails when an argument is negative.
pub(crate) fn not_negative(what: &str, x: f64) -> Result<()> {
    if x >= 0.0 { Ok(()) } else { Err(Error::argument(what, format!("must not be negative, got {x}"))) }
}

/// Fails when a file asks for a quantized layer.
pub(crate) fn no_quantization(class: &str, config: &Option<Json>) -> Result<()> {
    match config {
        None => Ok(()),
        Some(_) => {
            Err(Error::argument(format!("{class}.quantization_config"), "quantized layers are not supported"))
        }
    }
}
