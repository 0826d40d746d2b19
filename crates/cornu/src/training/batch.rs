//! One batch of data.
use crate::training::data::{Data, SampleWeight, stack};
use cornu_graph::{Error, Result};

/// One batch: inputs, and for training targets and how much each sample counts. Made from inputs alone, `(x, y)` or
/// `(x, y, sample_weight)`.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What goes into the model.
    pub x: Data,
    /// What should come out.
    pub y: Option<Data>,
    /// How much each sample counts.
    pub sample_weight: Option<SampleWeight>,
}

impl<X: Into<Data>> From<X> for Batch {
    fn from(x: X) -> Batch {
        Batch { x: x.into(), y: None, sample_weight: None }
    }
}

impl<X: Into<Data>, Y: Into<Data>> From<(X, Y)> for Batch {
    fn from((x, y): (X, Y)) -> Batch {
        Batch { x: x.into(), y: Some(y.into()), sample_weight: None }
    }
}

impl<X: Into<Data>, Y: Into<Data>, W: Into<Data>> From<(X, Y, W)> for Batch {
    fn from((x, y, w): (X, Y, W)) -> Batch {
        Batch { x: x.into(), y: Some(y.into()), sample_weight: Some(w.into()) }
    }
}

impl Batch {
    fn parts(&self) -> impl Iterator<Item = &Data> {
        std::iter::once(&self.x).chain(&self.y).chain(&self.sample_weight)
    }

    fn map(&self, mut f: impl FnMut(&Data) -> Result<Data>) -> Result<Batch> {
        Ok(Batch {
            x: f(&self.x)?,
            y: self.y.as_ref().map(&mut f).transpose()?,
            sample_weight: self.sample_weight.as_ref().map(&mut f).transpose()?,
        })
    }

    /// Samples as one batch: each array gets an axis more, the first.
    pub(crate) fn stack(samples: &[Batch]) -> Result<Batch> {
        let Some(first) = samples.first() else { return Ok(Batch::default()) };
        let part = |of: fn(&Batch) -> Option<&Data>| -> Result<Option<Data>> {
            let Some(like) = of(first) else { return Ok(None) };
            let parts: Vec<&Data> = samples.iter().filter_map(of).collect();
            if parts.len() != samples.len() {
                return Err(Error::Data("some samples have targets or weights, others have none".into()));
            }
            let arrays = (0..like.tensors().len()).map(|k| {
                let arrays: Option<Vec<_>> = parts.iter().map(|p| p.tensors().get(k).cloned()).collect();
                let missing = || Error::Data("the samples have different numbers of arrays".into());
                stack(&arrays.ok_or_else(missing)?)
            });
            Ok(Some(like.with_tensors(arrays.collect::<Result<_>>()?)))
        };
        Ok(Batch {
            x: part(|b| Some(&b.x))?.unwrap_or_default(),
            y: part(|b| b.y.as_ref())?,
            sample_weight: part(|b| b.sample_weight.as_ref())?,
        })
    }

    /// The samples `from..to`.
    pub(crate) fn rows(&self, from: usize, to: usize) -> Result<Batch> {
        self.map(|data| {
            let rows = data.tensors().iter().map(|t| t.rows(from, to)).collect::<Result<_>>()?;
            Ok(data.with_tensors(rows))
        })
    }

    /// One sample, without the axis of samples.
    pub(crate) fn sample(&self, i: usize) -> Result<Batch> {
        self.rows(i, i + 1)?.map(|data| {
            let one = data.tensors().iter().map(|t| t.reshape(&t.shape()[1..])).collect::<Result<_>>()?;
            Ok(data.with_tensors(one))
        })
    }

    /// How many samples there are.
    ///
    /// # Errors
    /// When the arrays have different numbers, or there is none.
    pub(crate) fn count(&self) -> Result<usize> {
        let mut counts = self.parts().flat_map(Data::tensors).map(|t| t.shape().first().copied());
        match counts.next().flatten() {
            Some(n) if counts.all(|m| m == Some(n)) => Ok(n),
            _ => {
                Err(Error::Data("the arrays of a batch need one number of samples, their first axis".into()))
            }
        }
    }
}
