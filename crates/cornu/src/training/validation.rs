//! What `fit` validates on, and when.
use crate::training::Dataset;
use crate::training::data::{Data, SampleWeight};
use crate::training::feed::Source;

/// After which epochs `fit` validates.
#[derive(Clone, Debug, PartialEq)]
pub enum ValidationFreq {
    /// After every so many.
    Every(usize),
    /// After these, the first of which is 1.
    After(Vec<usize>),
}

impl ValidationFreq {
    pub(super) fn every(&self) -> Option<usize> {
        match self {
            ValidationFreq::Every(every) => Some(*every),
            ValidationFreq::After(_) => None,
        }
    }

    pub(super) fn is_due(&self, epoch: usize) -> bool {
        match self {
            ValidationFreq::Every(every) => epoch.is_multiple_of(*every),
            ValidationFreq::After(epochs) => epochs.contains(&epoch),
        }
    }
}

impl From<usize> for ValidationFreq {
    fn from(every: usize) -> ValidationFreq {
        ValidationFreq::Every(every)
    }
}

impl<const N: usize> From<[usize; N]> for ValidationFreq {
    fn from(epochs: [usize; N]) -> ValidationFreq {
        ValidationFreq::After(epochs.to_vec())
    }
}

impl From<Vec<usize>> for ValidationFreq {
    fn from(epochs: Vec<usize>) -> ValidationFreq {
        ValidationFreq::After(epochs)
    }
}

/// Data to evaluate after each epoch: `(x, y)`, `(x, y, sample_weight)` or a [`Dataset`].
pub struct Validation<'a> {
    pub(super) x: Source<'a>,
    pub(super) y: Option<Data>,
    pub(super) sample_weight: Option<SampleWeight>,
}

impl<X: Into<Data>, Y: Into<Data>> From<(X, Y)> for Validation<'_> {
    fn from((x, y): (X, Y)) -> Self {
        Validation { x: Source::Arrays(x.into()), y: Some(y.into()), sample_weight: None }
    }
}

impl<X: Into<Data>, Y: Into<Data>, W: Into<Data>> From<(X, Y, W)> for Validation<'_> {
    fn from((x, y, w): (X, Y, W)) -> Self {
        Validation { x: Source::Arrays(x.into()), y: Some(y.into()), sample_weight: Some(w.into()) }
    }
}

impl<'a> From<Dataset<'a>> for Validation<'a> {
    fn from(dataset: Dataset<'a>) -> Self {
        Validation { x: Source::Dataset(dataset), y: None, sample_weight: None }
    }
}

impl<'a, 'b: 'a> From<&'a mut Dataset<'b>> for Validation<'a> {
    fn from(dataset: &'a mut Dataset<'b>) -> Self {
        dataset.by_ref().into()
    }
}
