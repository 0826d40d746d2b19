//! Where batches come from: arrays, or a data set that makes them.
use crate::models::Model;
use crate::training::ahead;
use crate::training::data::Data;
use crate::training::dataset::{self, Kind, Map, through};
use crate::training::run::Batches;
use crate::training::{Batch, Dataset, PyDataset};
use cornu_graph::{Error, Result};
use std::sync::{Mutex, PoisonError};

/// What `fit`, `evaluate` and `predict` work on: arrays, as [`Data`], or a [`Dataset`].
pub enum Source<'a> {
    /// All samples.
    Arrays(Data),
    /// Batch by batch.
    Dataset(Dataset<'a>),
}

impl<T: Into<Data>> From<T> for Source<'_> {
    fn from(arrays: T) -> Self {
        Source::Arrays(arrays.into())
    }
}

impl<'a> From<Dataset<'a>> for Source<'a> {
    fn from(dataset: Dataset<'a>) -> Self {
        Source::Dataset(dataset)
    }
}

impl<'a, 'b: 'a> From<&'a mut Dataset<'b>> for Source<'a> {
    fn from(dataset: &'a mut Dataset<'b>) -> Self {
        Source::Dataset(dataset.by_ref())
    }
}

/// Arrays in the order of a model's inputs and outputs with a batch size, or passes over a data set.
// There are one or two of these at a time.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Feed<'a> {
    Arrays(Batches, usize),
    Stream(Passes<'a>),
}

impl Feed<'_> {
    /// The number of batches: as many as were asked for, else all, if their number is known.
    pub fn steps(&self, asked: Option<usize>) -> Option<usize> {
        asked.or_else(|| match self {
            Feed::Arrays(batches, batch_size) => Some(batches.samples.count.div_ceil(*batch_size)),
            Feed::Stream(passes) => passes.dataset.num_batches(),
        })
    }

    /// Copies arrays to the device if there is `room`, which becomes less; see [`Batches::stay`].
    ///
    /// # Errors
    /// When there is no engine.
    pub fn stay(&mut self, room: &mut u64) -> Result<()> {
        match self {
            Feed::Arrays(batches, _) => batches.stay(room),
            Feed::Stream(_) => Ok(()),
        }
    }

    /// The first batch, with what is needed beside the inputs; the next pass gives it again.
    ///
    /// # Errors
    /// When it cannot be made or does not fit the model, or there is none.
    pub fn first(&mut self, model: &mut Model, kind: Needs) -> Result<(Batches, usize)> {
        match self {
            Feed::Arrays(batches, batch_size) => {
                Ok((batches.clone(), batches.samples.count.min(*batch_size)))
            }
            Feed::Stream(passes) => {
                let batch = passes.peek()?.cloned().ok_or_else(nothing)?;
                let batches = model.batch(batch, kind)?;
                let rows = batches.samples.count;
                Ok((batches, rows))
            }
        }
    }
}

pub(crate) fn nothing() -> Error {
    let error = Error::Data("the data set gave no batch".into());
    error.help("an iterator is used up after one pass: `Dataset::from_generator` makes one for each")
}

/// What of a batch a call of the model needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Inputs,
    Targets,
}

impl Model {
    /// The arrays of a batch in the order of inputs and outputs.
    pub(crate) fn batch(&mut self, batch: Batch, kind: Needs) -> Result<Batches> {
        if kind == Needs::Inputs {
            return self.batches(batch.x, None, None);
        }
        let Some(y) = batch.y else {
            return Err(Error::Data("the data set gives batches without targets".into())
                .help("make them from `(x, y)` or `(x, y, sample_weight)`"));
        };
        self.batches(batch.x, Some(y), batch.sample_weight)
    }
}

/// Passes over a data set, which may take several epochs, or several an epoch.
pub(crate) struct Passes<'a> {
    pub dataset: Dataset<'a>,
    /// The rest of this pass, for a data set from iterators.
    rest: Option<Mutex<dataset::Batches<'a>>>,
    /// The numbers of the batches of this pass; `None`: as they are.
    order: Option<Vec<u32>>,
    next: usize,
    /// A batch that was made to look at it.
    pending: Option<Batch>,
    in_pass: bool,
    in_epoch: bool,
}

impl<'a> Passes<'a> {
    pub fn new(dataset: Dataset<'a>) -> Passes<'a> {
        Passes { dataset, rest: None, order: None, next: 0, pending: None, in_pass: false, in_epoch: false }
    }

    /// One pass: `f` with each batch and its number. At most `limit`.
    ///
    /// # Errors
    /// The first of `f` or of a batch that cannot be made or does not fit the model; when there is none.
    pub fn each(
        &mut self,
        model: &mut Model,
        kind: Needs,
        limit: Option<usize>,
        f: &mut dyn FnMut(&mut Model, usize, &Batches) -> Result<bool>,
    ) -> Result<()> {
        self.begin_epoch()?;
        self.begin_pass(None);
        let mut step = 0;
        self.run(limit, &mut |batch| {
            let batch = model.batch(batch, kind)?;
            let goes_on = f(model, step, &batch)?;
            step += 1;
            Ok(goes_on)
        })?;
        self.end_epoch()?;
        self.end_pass();
        if step == 0 { Err(nothing()) } else { Ok(()) }
    }

    pub fn begin_epoch(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.in_epoch, true) { Ok(()) } else { self.dataset.on_epoch_begin() }
    }

    pub fn end_epoch(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.in_epoch, false) { self.dataset.on_epoch_end() } else { Ok(()) }
    }

    pub fn in_pass(&self) -> bool {
        self.in_pass
    }

    /// Starts a pass, unless one is under way.
    pub fn begin_pass(&mut self, order: Option<Vec<u32>>) {
        if std::mem::replace(&mut self.in_pass, true) {
            return;
        }
        (self.order, self.next) = (order, 0);
        if let Kind::Generated(make) = &mut self.dataset.kind {
            self.rest = Some(Mutex::new(make()));
        }
    }

    pub fn end_pass(&mut self) {
        self.in_pass = false;
        self.pending = None;
        self.rest = None;
    }

    /// The first batch of the pass, which is started in the order of the data set unless it is under way.
    pub fn peek(&mut self) -> Result<Option<&Batch>> {
        if self.pending.is_none() {
            self.begin_epoch()?;
            self.begin_pass(None);
            if self.next < self.dataset.last() {
                self.pending = make(self.dataset.shared(), &self.rest, &self.order, self.next).transpose()?;
            }
        }
        Ok(self.pending.as_ref())
    }

    /// Gives at most `limit` batches to `f`, until it says `false`. How many there were; and whether the pass is over.
    pub fn run(
        &mut self,
        limit: Option<usize>,
        f: &mut dyn FnMut(Batch) -> Result<bool>,
    ) -> Result<(usize, bool)> {
        let start = self.next;
        let last = limit.map_or(usize::MAX, |n| start.saturating_add(n)).min(self.dataset.last());
        let mut ended = false;
        let goes_on = match self.pending.take().filter(|_| start < last) {
            Some(batch) => {
                self.next += 1;
                f(batch)?
            }
            None => true,
        };
        if goes_on {
            let (shared, rest, order) = (self.dataset.shared(), &self.rest, &self.order);
            let make = |i| make(shared, rest, order, i);
            let range = (self.next, last.max(self.next));
            let (taken, over) = ahead::each(range, self.dataset.threads(), &make, f)?;
            self.next += taken;
            ended = over;
        }
        Ok((self.next - start, ended || self.next >= self.dataset.last()))
    }
}

type Shared<'s, 'a> = (Option<&'s (dyn PyDataset + 'a)>, &'s [Map<'a>]);

/// The batch at place `i` of a pass.
fn make<'a>(
    (indexed, maps): Shared<'_, 'a>,
    rest: &Option<Mutex<dataset::Batches<'a>>>,
    order: &Option<Vec<u32>>,
    i: usize,
) -> Option<Result<Batch>> {
    let batch = match (indexed, rest) {
        (Some(batches), _) => {
            let index = order.as_ref().and_then(|order| order.get(i)).map_or(i, |&at| at as usize);
            Some(batches.get_item(index))
        }
        // One thread at most asks for these.
        (None, Some(rest)) => rest.lock().unwrap_or_else(PoisonError::into_inner).next(),
        (None, None) => None,
    };
    batch.map(|batch| through(maps, batch))
}
