//! Streams of batches that are made while a model works.
use crate::training::{Batch, PyDataset};
use cornu_graph::{Error, Result};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The batches of one pass, in order.
pub(crate) type Batches<'a> = Box<dyn Iterator<Item = Result<Batch>> + Send + 'a>;
pub(crate) type Map<'a> = Arc<dyn Fn(Batch) -> Result<Batch> + Send + Sync + 'a>;

pub(crate) enum Kind<'a> {
    Indexed(Box<dyn PyDataset + 'a>),
    Generated(Box<dyn FnMut() -> Batches<'a> + Send + 'a>),
}

/// A stream of batches for `fit`, `evaluate` and `predict`, made ahead on other threads. What TensorFlow's `tf.data.Dataset` is
/// for Keras: the result of [`image_dataset_from_directory`](crate::utils::image_dataset_from_directory()) and its like.
///
/// Borrowed (`&mut`), it serves several calls. Each batch is an execution, whatever `steps_per_execution` says. See [`PyDataset`] for an example.
pub struct Dataset<'a> {
    pub(crate) kind: Kind<'a>,
    maps: Vec<Map<'a>>,
    take: Option<usize>,
    workers: Option<usize>,
    max_queue_size: Option<usize>,
    /// Whether its order is its own, so that `fit` leaves it as it is.
    own_order: bool,
    /// Whether the elements are batches, not samples.
    pub(crate) batch_size: Option<usize>,
    class_names: Vec<String>,
    file_paths: Vec<PathBuf>,
}

impl<'a> Dataset<'a> {
    /// The batches of a [`PyDataset`], or of a mutable reference to one. `fit` takes them in another order in each epoch, unless
    /// it is told not to shuffle.
    pub fn new(dataset: impl PyDataset + 'a) -> Dataset<'a> {
        Dataset::of(Kind::Indexed(Box::new(dataset)))
    }

    /// The batches of an iterator. It is used up as it goes: calls of the model go on where the last one stopped, as with a
    /// Python generator. `fit` needs `steps_per_epoch` to divide it into epochs.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// use cornu::training::Dataset;
    /// let batches = (0..).map(|i| Ok((Tensor::full([4, 2], DType::F32, i as f64), Tensor::ones([4, 1], DType::F32)).into()));
    /// let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(1));
    /// model.compile(Compile::new("sgd", "mse"))?;
    /// model.fit(Dataset::generator(batches), (), Fit::new().steps_per_epoch(5).epochs(2).verbose(0))?;
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn generator<I>(batches: I) -> Dataset<'a>
    where
        I: IntoIterator<Item = Result<Batch>>,
        I::IntoIter: Send + 'a,
    {
        let shared = Arc::new(Mutex::new(batches.into_iter()));
        Dataset::from_generator(move || {
            let shared = shared.clone();
            std::iter::from_fn(move || shared.lock().unwrap_or_else(PoisonError::into_inner).next())
        })
    }

    /// The batches of the iterators that `make` gives, one for each pass over the data.
    pub fn from_generator<I>(mut make: impl FnMut() -> I + Send + 'a) -> Dataset<'a>
    where
        I: Iterator<Item = Result<Batch>> + Send + 'a,
    {
        Dataset::of(Kind::Generated(Box::new(move || Box::new(make()))))
    }

    fn of(kind: Kind<'a>) -> Dataset<'a> {
        Dataset {
            kind,
            maps: vec![],
            take: None,
            workers: None,
            max_queue_size: None,
            own_order: false,
            batch_size: None,
            class_names: vec![],
            file_paths: vec![],
        }
    }

    /// Its elements are batches of this many samples (or samples, for `None`) in an order that `fit` leaves as it is.
    pub(crate) fn ordered(mut self, batch_size: Option<usize>) -> Self {
        (self.own_order, self.batch_size) = (true, batch_size);
        self
    }

    /// With the names of the classes, and the files that it reads.
    pub(crate) fn described(mut self, class_names: Vec<String>, file_paths: Vec<PathBuf>) -> Self {
        (self.class_names, self.file_paths) = (class_names, file_paths);
        self
    }

    /// The same without giving it away.
    pub fn by_ref<'x>(&'x mut self) -> Dataset<'x>
    where
        'a: 'x,
    {
        let kind = match &mut self.kind {
            Kind::Indexed(dataset) => Kind::Indexed(Box::new(&mut **dataset)),
            Kind::Generated(make) => Kind::Generated(Box::new(move || make())),
        };
        let maps = self.maps.clone();
        Dataset {
            kind,
            maps,
            class_names: self.class_names.clone(),
            file_paths: self.file_paths.clone(),
            ..*self
        }
    }

    /// Each batch goes through `f`, on the threads that make them.
    ///
    /// ```
    /// # use cornu::prelude::*;
    /// # use cornu::training::Dataset;
    /// # let pictures = Dataset::generator([Ok(Tensor::full([2, 4], DType::F32, 255.0).into())]);
    /// let mut scaled = pictures.map(|batch| {
    ///     let x = ops::cast(&batch.x.tensors()[0], DType::F32)?;
    ///     let x = ops::divide(&x, &Tensor::full(vec![], DType::F32, 255.0))?;
    ///     Ok((x, batch.y.unwrap_or_default()).into())
    /// });
    /// # let first = scaled.iter()?.next().unwrap()?;
    /// # assert_eq!(first.x.tensors()[0].to_f64(), [1.0; 8]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn map(mut self, f: impl Fn(Batch) -> Result<Batch> + Send + Sync + 'a) -> Self {
        self.maps.push(Arc::new(f));
        self
    }

    /// At most the first `count` batches of each pass.
    pub fn take(mut self, count: usize) -> Self {
        self.take = Some(self.take.map_or(count, |n| n.min(count)));
        self
    }

    /// Threads that make batches, in place of what the [`PyDataset`] says; an iterator has at most one.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many batches are made ahead at most, in place of what the [`PyDataset`] says.
    pub fn max_queue_size(mut self, max_queue_size: usize) -> Self {
        self.max_queue_size = Some(max_queue_size);
        self
    }

    /// Samples, which are the elements of a data set made without a batch size, as batches of this many. The last may be
    /// smaller.
    ///
    /// # Errors
    /// When the elements are batches already, come from an iterator, or `batch_size` is 0.
    pub fn batch(self, batch_size: usize) -> Result<Dataset<'a>> {
        if batch_size == 0 {
            return Err(Error::argument("Dataset.batch_size", "must be at least 1, got 0"));
        }
        if !self.gives_samples() && matches!(self.kind, Kind::Indexed(_)) {
            return Err(Error::argument("Dataset.batch_size", "its elements are batches already"));
        }
        let Kind::Indexed(dataset) = self.kind else {
            let error = Error::argument("Dataset.batch_size", "an iterator cannot be batched here");
            return Err(error.help("let it give whole batches"));
        };
        let samples = Grouped { samples: dataset, maps: self.maps, take: self.take, batch_size };
        let batched = Dataset { kind: Kind::Indexed(Box::new(samples)), maps: vec![], take: None, ..self };
        Ok(Dataset { batch_size: Some(batch_size), ..batched })
    }

    /// How many batches a pass has, if that is known. Keras's `len(dataset)`.
    pub fn num_batches(&self) -> Option<usize> {
        let all = match &self.kind {
            Kind::Indexed(dataset) => dataset.num_batches(),
            Kind::Generated(_) => None,
        };
        match (all, self.take) {
            (Some(all), Some(take)) => Some(all.min(take)),
            // An iterator may end before.
            (None, Some(take)) if matches!(self.kind, Kind::Indexed(_)) => Some(take),
            (all, _) => all,
        }
    }

    /// The names of the classes, for data read from a folder with labels.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The files, for pictures read from a folder.
    pub fn file_paths(&self) -> &[PathBuf] {
        &self.file_paths
    }

    /// The batches of one pass, made one by one in this thread.
    ///
    /// # Errors
    /// What the data set says at the start of an epoch; each batch may be an error, too.
    pub fn iter(&mut self) -> Result<impl Iterator<Item = Result<Batch>>> {
        self.on_epoch_begin()?;
        let last = self.last();
        let maps = &self.maps;
        let mut batches: Batches = match &mut self.kind {
            Kind::Indexed(dataset) => {
                let dataset = &**dataset;
                Box::new((0..last).map(move |i| dataset.get_item(i)))
            }
            Kind::Generated(make) => Box::new(make().take(last)),
        };
        Ok(std::iter::from_fn(move || batches.next().map(|batch| through(maps, batch))))
    }

    /// The number to end a pass before.
    pub(crate) fn last(&self) -> usize {
        self.num_batches().or(self.take).unwrap_or(usize::MAX)
    }

    /// Whether its elements are single samples: those of folders and arrays are, without a batch size.
    pub(crate) fn gives_samples(&self) -> bool {
        self.own_order && self.batch_size.is_none()
    }

    pub(crate) fn shuffles_itself(&self) -> bool {
        self.own_order || matches!(self.kind, Kind::Generated(_))
    }

    pub(crate) fn threads(&self) -> (usize, usize) {
        let (workers, queue) = match &self.kind {
            Kind::Indexed(dataset) => (dataset.workers(), dataset.max_queue_size()),
            Kind::Generated(_) => (1, 10),
        };
        let workers = self.workers.unwrap_or(workers);
        let one = matches!(self.kind, Kind::Generated(_));
        (if one { workers.min(1) } else { workers }, self.max_queue_size.unwrap_or(queue))
    }

    /// What several threads may share of it: batches by number, and what becomes of a batch.
    pub(crate) fn shared(&self) -> (Option<&(dyn PyDataset + 'a)>, &[Map<'a>]) {
        let indexed = match &self.kind {
            Kind::Indexed(dataset) => Some(&**dataset),
            Kind::Generated(_) => None,
        };
        (indexed, &self.maps)
    }

    pub(crate) fn on_epoch_begin(&mut self) -> Result<()> {
        if let Kind::Indexed(dataset) = &mut self.kind { dataset.on_epoch_begin() } else { Ok(()) }
    }

    pub(crate) fn on_epoch_end(&mut self) -> Result<()> {
        if let Kind::Indexed(dataset) = &mut self.kind { dataset.on_epoch_end() } else { Ok(()) }
    }
}

impl std::fmt::Debug for Dataset<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dataset").field("num_batches", &self.num_batches()).finish_non_exhaustive()
    }
}

pub(crate) fn through(maps: &[Map], batch: Result<Batch>) -> Result<Batch> {
    maps.iter().fold(batch, |batch, f| batch.and_then(|b| f(b)))
}

/// The samples of a data set, several at a time.
struct Grouped<'a> {
    samples: Box<dyn PyDataset + 'a>,
    maps: Vec<Map<'a>>,
    take: Option<usize>,
    batch_size: usize,
}

impl Grouped<'_> {
    fn count(&self) -> Option<usize> {
        let all = self.samples.num_batches();
        self.take.map_or(all, |take| Some(all.map_or(take, |all| all.min(take))))
    }
}

impl PyDataset for Grouped<'_> {
    fn num_batches(&self) -> Option<usize> {
        self.count().map(|n| n.div_ceil(self.batch_size))
    }

    fn get_item(&self, index: usize) -> Result<Batch> {
        let first = index * self.batch_size;
        let last = (first + self.batch_size).min(self.count().unwrap_or(usize::MAX));
        let samples = (first..last).map(|i| through(&self.maps, self.samples.get_item(i)));
        Batch::stack(&samples.collect::<Result<Vec<_>>>()?)
    }

    fn on_epoch_begin(&mut self) -> Result<()> {
        self.samples.on_epoch_begin()
    }

    fn on_epoch_end(&mut self) -> Result<()> {
        self.samples.on_epoch_end()
    }

    fn workers(&self) -> usize {
        self.samples.workers()
    }

    fn max_queue_size(&self) -> usize {
        self.samples.max_queue_size()
    }
}
