//! Windows that slide over a series.
use crate::training::{Batch, Dataset, PyDataset};
use crate::utils::next_seed;
use crate::utils::random_state::RandomState;
use cornu_graph::{Error, Result, Tensor, with_dtype};

/// The windows of `sequence_length` steps of a series, in batches of 128, each with the target of its first step. Keras's
/// `timeseries_dataset_from_array` with its defaults; [`TimeseriesDatasetFromArray`] has the others.
///
/// # Errors
/// When the series is too short.
///
/// ```
/// use cornu::{Tensor, utils::timeseries_dataset_from_array};
/// let series = Tensor::from((0..10).collect::<Vec<i32>>());
/// let mut windows = timeseries_dataset_from_array(&series, Some(&series.rows(3, 10)?), 3)?;
/// let batch = windows.iter()?.next().unwrap()?;
/// assert_eq!(batch.x.tensors()[0].shape(), [7, 3]);
/// assert_eq!(batch.y.unwrap().tensors()[0].to_f64()[0], 3.0);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn timeseries_dataset_from_array(
    data: &Tensor,
    targets: Option<&Tensor>,
    sequence_length: usize,
) -> Result<Dataset<'static>> {
    TimeseriesDatasetFromArray::new(sequence_length).load(data, targets)
}

/// Settings of [`timeseries_dataset_from_array()`].
#[derive(Clone, Debug)]
pub struct TimeseriesDatasetFromArray {
    sequence_length: usize,
    sequence_stride: usize,
    sampling_rate: usize,
    batch_size: Option<usize>,
    shuffle: bool,
    seed: Option<u32>,
    start_index: Option<usize>,
    end_index: Option<usize>,
}

impl TimeseriesDatasetFromArray {
    /// Windows of this many steps.
    pub fn new(sequence_length: usize) -> TimeseriesDatasetFromArray {
        TimeseriesDatasetFromArray {
            sequence_length,
            sequence_stride: 1,
            sampling_rate: 1,
            batch_size: Some(128),
            shuffle: false,
            seed: None,
            start_index: None,
            end_index: None,
        }
    }

    /// Steps from the start of one window to that of the next; 1 by default.
    pub fn sequence_stride(mut self, sequence_stride: usize) -> Self {
        self.sequence_stride = sequence_stride;
        self
    }

    /// Steps of the series from one step of a window to the next; 1 by default.
    pub fn sampling_rate(mut self, sampling_rate: usize) -> Self {
        self.sampling_rate = sampling_rate;
        self
    }

    /// Windows in a batch; 128 by default. The last may have fewer.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Single windows in place of batches; Keras's `batch_size=None`.
    pub fn unbatched(mut self) -> Self {
        self.batch_size = None;
        self
    }

    /// Whether windows are in another order in each pass; false by default.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Makes the order repeat.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Steps before this one are left out.
    pub fn start_index(mut self, start_index: usize) -> Self {
        self.start_index = Some(start_index);
        self
    }

    /// Steps from this one on are left out.
    pub fn end_index(mut self, end_index: usize) -> Self {
        self.end_index = Some(end_index);
        self
    }

    /// The windows of a series, whose first axis is time; target `i` belongs to the window that starts at step `i`.
    ///
    /// # Errors
    /// When a setting makes no sense for a series of this length.
    pub fn load(&self, data: &Tensor, targets: Option<&Tensor>) -> Result<Dataset<'static>> {
        let length = data.shape().first().copied().unwrap_or(0);
        let bad = |what: &str, message: String| {
            Err(Error::argument(format!("timeseries_dataset_from_array.{what}"), message))
        };
        for (name, value) in
            [("sampling_rate", self.sampling_rate), ("sequence_stride", self.sequence_stride)]
        {
            if value == 0 || value >= length {
                let message = format!("must be at least 1 and less than the {length} steps, got {value}");
                return bad(name, message);
            }
        }
        for (name, value) in
            [("batch_size", self.batch_size), ("sequence_length", Some(self.sequence_length))]
        {
            if value == Some(0) {
                return bad(name, "must be at least 1, got 0".into());
            }
        }
        let (start, end) = (self.start_index.unwrap_or(0), self.end_index.unwrap_or(length));
        if start >= length {
            return bad("start_index", format!("must be less than the {length} steps, got {start}"));
        }
        if end <= start || self.end_index.is_some_and(|end| end >= length) {
            let message = format!(
                "must be more than `start_index`, {start}, and less than the {length} steps, got {end}"
            );
            return bad("end_index", message);
        }
        let taken = (self.sequence_length - 1).saturating_mul(self.sampling_rate);
        let mut count = (end - start).saturating_sub(taken);
        if let Some(targets) = targets {
            let there = targets.shape().first().copied().unwrap_or(0);
            count = count.min(there);
            if start + count > there {
                let message =
                    format!("there are {there}, too few for windows from step {start} to {}", start + count);
                return bad("targets", message);
            }
        }
        if count == 0 {
            let message = format!("the windows are longer than the {} steps", end - start);
            return bad("sequence_length", message);
        }
        let mut starts: Vec<usize> = (start..start + count).step_by(self.sequence_stride).collect();
        let seed = self.seed.unwrap_or_else(|| (next_seed() % 1_000_000) as u32);
        let mut shuffler = self.shuffle.then(|| RandomState::new(seed));
        if let Some(shuffler) = &mut shuffler {
            shuffler.shuffle(&mut starts);
        }
        let windows = Windows {
            data: data.clone(),
            targets: targets.cloned(),
            starts,
            shuffler,
            settings: self.clone(),
        };
        Ok(Dataset::new(windows).ordered(self.batch_size))
    }
}

struct Windows {
    data: Tensor,
    targets: Option<Tensor>,
    starts: Vec<usize>,
    shuffler: Option<RandomState>,
    settings: TimeseriesDatasetFromArray,
}

impl PyDataset for Windows {
    fn num_batches(&self) -> Option<usize> {
        Some(self.starts.len().div_ceil(self.settings.batch_size.unwrap_or(1)))
    }

    fn get_item(&self, index: usize) -> Result<Batch> {
        let TimeseriesDatasetFromArray { sequence_length, sampling_rate, batch_size, .. } = self.settings;
        let size = batch_size.unwrap_or(1);
        let starts = &self.starts[index * size..self.starts.len().min((index + 1) * size)];
        let steps = starts.iter().flat_map(|&at| (0..sequence_length).map(move |k| at + k * sampling_rate));
        let x = rows(&self.data, &steps.collect::<Vec<_>>(), &[starts.len(), sequence_length])?;
        let batch = match &self.targets {
            Some(targets) => (x, rows(targets, starts, &[starts.len()])?).into(),
            None => x.into(),
        };
        if batch_size.is_some() { Ok(batch) } else { batch.sample(0) }
    }

    fn on_epoch_begin(&mut self) -> Result<()> {
        if let Some(shuffler) = &mut self.shuffler {
            shuffler.shuffle(&mut self.starts);
        }
        Ok(())
    }
}

/// These rows of a tensor, as axes of these sizes.
pub(crate) fn rows(tensor: &Tensor, rows: &[usize], sizes: &[usize]) -> Result<Tensor> {
    let inner = &tensor.shape()[1..];
    let row: usize = inner.iter().product();
    with_dtype!(tensor.dtype(), T => {
        let from = tensor.as_slice::<T>()?;
        let values = rows.iter().flat_map(|&i| &from[i * row..(i + 1) * row]).copied();
        Tensor::new([sizes, inner].concat(), values.collect::<Vec<T>>())
    })
}
