//! Step sizes.
use super::schedules::Schedule;
use cornu_graph::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The step size of an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub enum LearningRate {
    /// A number, which callbacks may change.
    Constant(f64),
    /// A function of the number of batches so far.
    Schedule(Schedule),
}

impl LearningRate {
    /// Whether it follows a schedule.
    pub fn is_schedule(&self) -> bool {
        matches!(self, LearningRate::Schedule(_))
    }

    /// Fails when it makes no sense.
    ///
    /// # Errors
    /// A number that is not finite, or what is wrong with the schedule.
    pub fn check(&self) -> Result<()> {
        match self {
            LearningRate::Constant(rate) if rate.is_finite() => Ok(()),
            LearningRate::Constant(rate) => {
                Err(Error::argument("learning_rate", format!("must be finite, got {rate}")))
            }
            LearningRate::Schedule(schedule) => schedule.check(),
        }
    }
}

impl From<f64> for LearningRate {
    fn from(rate: f64) -> Self {
        LearningRate::Constant(rate)
    }
}

impl<T: Into<Schedule>> From<T> for LearningRate {
    fn from(schedule: T) -> Self {
        LearningRate::Schedule(schedule.into())
    }
}

impl Serialize for LearningRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            // Keras keeps it in a float32 variable.
            LearningRate::Constant(rate) => serializer.serialize_f64(f64::from(*rate as f32)),
            LearningRate::Schedule(schedule) => schedule.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for LearningRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let saved = serde_json::Value::deserialize(deserializer)?;
        match saved.as_f64() {
            Some(rate) => Ok(LearningRate::Constant(rate)),
            None => {
                Schedule::deserialize(saved).map(LearningRate::Schedule).map_err(serde::de::Error::custom)
            }
        }
    }
}
