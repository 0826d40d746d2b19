//! Numbers of batches.
use crate::object::Whole;
use cornu_graph::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};

/// A number of batches; usually whole, but Keras takes fractions too.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize)]
#[serde(transparent)]
pub struct Steps(f64);

impl Steps {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Fails unless it is positive.
    pub(super) fn positive(self, what: &str) -> Result<()> {
        if self.0 > 0.0 {
            return Ok(());
        }
        Err(Error::argument(what, format!("must be > 0, got {}", self.0)))
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Whole::from(self.0).serialize(serializer)
    }
}

impl From<i32> for Steps {
    fn from(steps: i32) -> Self {
        Steps(steps.into())
    }
}

impl From<usize> for Steps {
    fn from(steps: usize) -> Self {
        Steps(steps as f64)
    }
}

impl From<f64> for Steps {
    fn from(steps: f64) -> Self {
        Steps(steps)
    }
}
