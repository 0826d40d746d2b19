//! Outputs of batches, joined along the first axis as they come.
use crate::training::step::no_batch_axis;
use cornu_graph::{Error, Result, Tensor, with_dtype};

/// One output of all batches so far.
pub(super) struct Joined {
    /// Its rows, and room for those to come.
    whole: Tensor,
    rows: usize,
    /// The shape of the first batch's.
    first: Vec<usize>,
}

impl Joined {
    /// Adds the outputs of a batch; where `expected` rows are to come in all, they are copied once.
    ///
    /// # Errors
    /// When an output has no first axis, or its other axes change from batch to batch.
    pub fn push_all(joined: &mut Vec<Joined>, outputs: &[Tensor], expected: usize) -> Result<()> {
        if joined.is_empty() {
            *joined = outputs.iter().map(|first| Joined::like(first, expected)).collect::<Result<_>>()?;
        }
        joined.iter_mut().zip(outputs).try_for_each(|(whole, part)| whole.push(part))
    }

    fn like(first: &Tensor, expected: usize) -> Result<Joined> {
        let mut shape = first.shape().to_vec();
        *shape.first_mut().ok_or_else(no_batch_axis)? = expected;
        Ok(Joined { whole: Tensor::zeros(shape, first.dtype()), rows: 0, first: first.shape().to_vec() })
    }

    fn push(&mut self, part: &Tensor) -> Result<()> {
        let (have, new) = (self.whole.shape(), part.shape());
        if new.is_empty() || have[1..] != new[1..] {
            let message = format!("outputs of shapes {:?} and {new:?} cannot be joined", self.first);
            return Err(Error::Data(message).help("predict the batches one by one with `predict_on_batch`"));
        }
        let rows = self.rows + new[0];
        if rows > have[0] {
            let room = rows.max(2 * self.rows);
            let mut larger =
                Joined { first: std::mem::take(&mut self.first), ..Joined::like(&self.whole, room)? };
            larger.copy(&self.whole.rows(0, self.rows)?)?;
            *self = larger;
        }
        self.copy(part)
    }

    fn copy(&mut self, part: &Tensor) -> Result<()> {
        let at = self.rows * part.shape()[1..].iter().product::<usize>();
        with_dtype!(part.dtype(), T => {
            self.whole.as_slice_mut::<T>()?[at..at + part.len()].copy_from_slice(part.as_slice::<T>()?);
        });
        self.rows += part.shape()[0];
        Ok(())
    }

    /// All rows.
    ///
    /// # Errors
    /// Never: there are so many.
    pub fn finish(self) -> Result<Tensor> {
        self.whole.rows(0, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_joined_whatever_was_expected() {
        for expected in [0, 3, 5, 9] {
            let mut joined = vec![];
            for batch in
                [Tensor::from([[1i32, 2], [3, 4]]), Tensor::from([[5, 6]]), Tensor::from([[7, 8], [9, 0]])]
            {
                Joined::push_all(&mut joined, &[batch], expected).unwrap();
            }
            let whole = joined.remove(0).finish().unwrap();
            assert_eq!(whole, Tensor::from([[1i32, 2], [3, 4], [5, 6], [7, 8], [9, 0]]));
        }
    }

    #[test]
    fn errors() {
        let mut joined = vec![];
        let error = Joined::push_all(&mut joined, &[Tensor::scalar(1f32)], 1).unwrap_err();
        assert_eq!(error.to_string(), no_batch_axis().to_string());
        Joined::push_all(&mut joined, &[Tensor::from([[1i32, 2]])], 2).unwrap();
        let error = Joined::push_all(&mut joined, &[Tensor::from([[1i32]])], 2).unwrap_err().to_string();
        assert!(error.starts_with("outputs of shapes [1, 2] and [1, 1] cannot be joined"), "{error}");
    }
}
