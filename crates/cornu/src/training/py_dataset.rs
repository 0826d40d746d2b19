//! Data of the user that is made batch by batch.
use crate::training::Batch;
use cornu_graph::Result;

/// A data set that makes each batch when asked for it by number. Keras's `PyDataset`, which is called `Sequence` too.
///
/// `fit`, `evaluate` and `predict` take it as a [`Dataset`](crate::training::Dataset); each batch of a pass is made once, on other threads and in the
/// order in which it is used. Those threads are Keras's `workers`; there are no processes.
///
/// ```
/// use cornu::prelude::*;
/// use cornu::training::{Batch, Dataset, PyDataset};
///
/// /// Numbers and their doubles.
/// struct Doubles;
///
/// impl PyDataset for Doubles {
///     fn num_batches(&self) -> Option<usize> {
///         Some(10)
///     }
///
///     fn get_item(&self, index: usize) -> Result<Batch> {
///         let x = Tensor::new([2, 1], vec![index as f32, index as f32 + 0.5])?;
///         let y = Tensor::new([2, 1], vec![2.0 * index as f32, 2.0 * index as f32 + 1.0])?;
///         Ok((x, y).into())
///     }
/// }
///
/// let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1));
/// model.compile(Compile::new("adam", "mse"))?;
/// let history = model.fit(Dataset::new(Doubles), (), Fit::new().epochs(2).verbose(0))?;
/// assert_eq!(history.get("loss").len(), 2);
/// # Ok::<(), cornu::Error>(())
/// ```
pub trait PyDataset: Send + Sync {
    /// How many batches there are; `None`: without end.
    fn num_batches(&self) -> Option<usize>;

    /// The batch of this number, from 0.
    ///
    /// # Errors
    /// Ends the call of the model with this error.
    fn get_item(&self, index: usize) -> Result<Batch>;

    /// Before an epoch.
    ///
    /// # Errors
    /// Ends the call of the model.
    fn on_epoch_begin(&mut self) -> Result<()> {
        Ok(())
    }

    /// After an epoch.
    ///
    /// # Errors
    /// Ends the call of the model.
    fn on_epoch_end(&mut self) -> Result<()> {
        Ok(())
    }

    /// Threads that make batches; 1 by default. 0: each is made when it is needed, in the thread of the model.
    fn workers(&self) -> usize {
        1
    }

    /// How many batches are made ahead at most; 10 by default.
    fn max_queue_size(&self) -> usize {
        10
    }
}

macro_rules! forward {
    ($($on:ty),*) => { $(
        impl<D: PyDataset + ?Sized> PyDataset for $on {
            fn num_batches(&self) -> Option<usize> {
                (**self).num_batches()
            }
            fn get_item(&self, index: usize) -> Result<Batch> {
                (**self).get_item(index)
            }
            fn on_epoch_begin(&mut self) -> Result<()> {
                (**self).on_epoch_begin()
            }
            fn on_epoch_end(&mut self) -> Result<()> {
                (**self).on_epoch_end()
            }
            fn workers(&self) -> usize {
                (**self).workers()
            }
            fn max_queue_size(&self) -> usize {
                (**self).max_queue_size()
            }
        }
    )* };
}
forward!(&mut D, Box<D>);
