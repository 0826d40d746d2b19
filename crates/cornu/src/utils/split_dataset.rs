//! One data set as two.
use crate::training::{Batch, Dataset, PyDataset};
use crate::training::{Data, SampleWeight};
use crate::utils::next_seed;
use crate::utils::random_state::RandomState;
use cornu_graph::{Error, Result};

/// A number of samples, or their part of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SplitSize {
    /// Samples.
    Count(usize),
    /// Between 0 and 1.
    Part(f64),
}

impl From<usize> for SplitSize {
    fn from(count: usize) -> SplitSize {
        SplitSize::Count(count)
    }
}

impl From<f64> for SplitSize {
    fn from(part: f64) -> SplitSize {
        SplitSize::Part(part)
    }
}

/// What can be split: arrays as [`Batch`] takes them, or a [`Dataset`], which is read into memory.
pub enum Splittable<'a> {
    /// Arrays whose first axis is the samples.
    Arrays(Batch),
    /// One pass over it.
    Dataset(Dataset<'a>),
}

impl<T: Into<Batch>> From<T> for Splittable<'_> {
    fn from(arrays: T) -> Self {
        Splittable::Arrays(arrays.into())
    }
}

impl<'a> From<Dataset<'a>> for Splittable<'a> {
    fn from(dataset: Dataset<'a>) -> Self {
        Splittable::Dataset(dataset)
    }
}

/// The first samples and the others, in their order. Keras's `split_dataset`; [`SplitDataset`] has its other settings.
///
/// Parts of arrays have single samples, as in Keras: [`Dataset::batch`] makes batches of them. Parts of batches have batches of that
/// size.
///
/// # Errors
/// When a part would be empty or larger than the whole.
///
/// ```
/// use cornu::{Tensor, utils::split_dataset};
/// let (x, y) = (Tensor::from([[1f32], [2.0], [3.0], [4.0], [5.0]]), Tensor::from([0i32, 1, 0, 1, 0]));
/// let (training, test) = split_dataset((&x, &y), 0.6)?;
/// let (training, test) = (training.batch(2)?, test.batch(2)?);
/// assert_eq!((training.num_batches(), test.num_batches()), (Some(2), Some(1)));
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn split_dataset<'a>(
    dataset: impl Into<Splittable<'a>>,
    left_size: impl Into<SplitSize>,
) -> Result<(Dataset<'static>, Dataset<'static>)> {
    SplitDataset::new().left_size(left_size).split(dataset)
}

/// Settings of [`split_dataset()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SplitDataset {
    left_size: Option<SplitSize>,
    right_size: Option<SplitSize>,
    shuffle: bool,
    seed: Option<u64>,
}

impl SplitDataset {
    /// In order, without sizes, of which one at least must be given.
    pub fn new() -> SplitDataset {
        SplitDataset::default()
    }

    /// Samples in the first part; by default what the second leaves.
    pub fn left_size(mut self, left_size: impl Into<SplitSize>) -> Self {
        self.left_size = Some(left_size.into());
        self
    }

    /// Samples in the second part, the last ones; by default what the first leaves.
    pub fn right_size(mut self, right_size: impl Into<SplitSize>) -> Self {
        self.right_size = Some(right_size.into());
        self
    }

    /// Whether to mix the samples before; false by default.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Makes the mix repeat: it is Keras's with this seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Splits.
    ///
    /// # Errors
    /// As [`split_dataset`]; what goes wrong in the data set.
    pub fn split<'a>(
        &self,
        dataset: impl Into<Splittable<'a>>,
    ) -> Result<(Dataset<'static>, Dataset<'static>)> {
        let (all, batch_size) = match dataset.into() {
            Splittable::Arrays(all) => (all, None),
            Splittable::Dataset(mut dataset) => {
                // Other sets give batches, whose size the first of them has.
                let samples = dataset.gives_samples();
                let mut size = dataset.batch_size;
                let mut found = vec![];
                for batch in dataset.iter()? {
                    let batch = batch?;
                    if samples {
                        found.push(batch);
                        continue;
                    }
                    let count = batch.count()?;
                    size.get_or_insert(count);
                    (0..count).try_for_each(|i| batch.sample(i).map(|sample| found.push(sample)))?;
                }
                (Batch::stack(&found)?, size)
            }
        };
        let count = all.count()?;
        let (left, right) = self.sizes(count)?;
        let mut order: Vec<usize> = (0..count).collect();
        if self.shuffle {
            RandomState::python(self.seed.unwrap_or_else(|| next_seed() % 1_000_000))
                .python_shuffle(&mut order);
        }
        let part = |order: &[usize]| {
            let samples = Dataset::new(Memory { all: all.clone(), order: order.to_vec() }).ordered(None);
            match batch_size {
                Some(n) => samples.batch(n),
                None => Ok(samples),
            }
        };
        Ok((part(&order[..left])?, part(&order[count - right..])?))
    }

    fn sizes(&self, count: usize) -> Result<(usize, usize)> {
        let size = |what: &str, size: Option<SplitSize>| match size {
            Some(SplitSize::Count(n)) if n == 0 || n >= count => {
                let message =
                    format!("should be a positive integer smaller than {count}, or a part of 1, got {n}");
                Err(Error::argument(format!("split_dataset.{what}"), message))
            }
            Some(SplitSize::Part(part)) if !(part > 0.0 && part < 1.0) => {
                let message = format!("should be between 0 and 1, or a number of samples, got {part}");
                Err(Error::argument(format!("split_dataset.{what}"), message))
            }
            Some(SplitSize::Count(n)) => Ok(Some(n)),
            Some(SplitSize::Part(part)) => Ok(Some((part * count as f64).round_ties_even() as usize)),
            None => Ok(None),
        };
        let (left, right) = (size("left_size", self.left_size)?, size("right_size", self.right_size)?);
        let (left, right) = match (left, right) {
            (Some(left), Some(right)) => (left, right),
            (Some(left), None) => (left, count.saturating_sub(left)),
            (None, Some(right)) => (count.saturating_sub(right), right),
            (None, None) => {
                let message = "at least one of `left_size` and `right_size` must be given";
                return Err(Error::argument("split_dataset", message));
            }
        };
        if left == 0 || right == 0 || left + right > count {
            let message = format!("{count} samples cannot be split into {left} and {right}");
            return Err(Error::argument("split_dataset", message));
        }
        Ok((left, right))
    }
}

/// Samples in memory.
struct Memory {
    all: Batch,
    order: Vec<usize>,
}

impl PyDataset for Memory {
    fn num_batches(&self) -> Option<usize> {
        Some(self.order.len())
    }

    fn get_item(&self, index: usize) -> Result<Batch> {
        self.all.sample(self.order[index])
    }
}

/// Inputs, targets and weights as one batch. Keras's `pack_x_y_sample_weight`.
pub fn pack_x_y_sample_weight(
    x: impl Into<Data>,
    y: Option<Data>,
    sample_weight: Option<SampleWeight>,
) -> Batch {
    Batch { x: x.into(), y, sample_weight }
}

/// The inputs, targets and weights of a batch. Keras's `unpack_x_y_sample_weight`.
///
/// ```
/// use cornu::{Tensor, utils::unpack_x_y_sample_weight};
/// let (x, y, sample_weight) = unpack_x_y_sample_weight((Tensor::from([1f32]), Tensor::from([2f32])));
/// assert_eq!(x.tensors()[0].to_f64(), [1.0]);
/// assert!(y.is_some() && sample_weight.is_none());
/// ```
pub fn unpack_x_y_sample_weight(data: impl Into<Batch>) -> (Data, Option<Data>, Option<SampleWeight>) {
    let Batch { x, y, sample_weight } = data.into();
    (x, y, sample_weight)
}
